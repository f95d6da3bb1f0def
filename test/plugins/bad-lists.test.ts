/** What providers answer in place of a list of models, and what is stated about them that cannot be right. */
import { type AddressInfo, createServer } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { openaiCompatible, type OpenAICompatibleOptions } from "waygate/plugins/openai-compatible";
import { groq } from "waygate/plugins/groq";
import { createTestProxy, createUpstream, models, status, type TestProxy } from "waygate/testing";
import { internalsOf } from "../../src/proxy.ts";
import { virtualClock } from "../../src/testing/virtual-clock.ts";
import { undiciTransport } from "../../src/transport/undici.ts";
import { systemClock } from "../../src/runtime.ts";

const lab = (options: Partial<OpenAICompatibleOptions>): ReturnType<typeof openaiCompatible> =>
  openaiCompatible({ name: "lab", keys: ["k"], ...options });

async function whyOf(proxy: TestProxy, id = "lab"): Promise<string | undefined> {
  const { discovery } = internalsOf(proxy.proxy);
  await discovery.finished();
  return discovery.listings().find(({ provider }) => provider === id)?.why;
}

/** A port nobody listens on. */
async function deadPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const page = "<!doctype html><html><title>Welcome</title></html>";

describe("requests are answered while the list of models", () => {
  test.each([
    ["is a web page", status(200, page, { "content-type": "text/html" }), "the answer is a web page, not a list"],
    ["is a web page that says 404", status(404, page, { "content-type": "text/html" }), "status 404"],
    ["is refused", status(401, { error: { message: "no" } }), "status 401"],
    ["is no JSON", status(200, '{"data":['), "the answer holds no list of models"],
  ])("%s", async (_, step, why) => {
    await using upstream = await createUpstream();
    upstream.when({ path: "/models" }, step);
    await using proxy = await createTestProxy({ plugins: [lab({ baseURL: upstream.url })] });
    expect((await proxy.chat({ model: "lab/anything" })).status).toBe(200);
    expect(await whyOf(proxy)).toContain(why);
    expect(proxy.logged.filter((line) => line.includes("lab could not list its models"))).toHaveLength(1);
    expect(proxy.logged.join("\n")).not.toContain("..");
  });

  test("never comes: after five seconds it is given up", async () => {
    await using upstream = await createUpstream();
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void silent.close());
    const { port } = silent.address() as AddressInfo;
    const clock = virtualClock();
    const transport = undiciTransport({ clock: systemClock() });
    await using proxy = await createTestProxy({
      plugins: [lab({ baseURL: upstream.url, modelsURL: () => `http://127.0.0.1:${port}/models` })],
      runtime: { clock, transport },
    });
    expect((await proxy.chat({ model: "lab/anything" })).status).toBe(200);
    await clock.advance(5000);
    expect(await whyOf(proxy)).toBe("no answer within 5 s");
  });

  test("is at an address where nobody listens", async () => {
    const port = await deadPort();
    await using proxy = await createTestProxy({
      plugins: [
        lab({ baseURL: `http://127.0.0.1:${port}` }),
        groq({ baseURL: `http://127.0.0.1:${port}`, keys: ["k"] }),
      ],
    });
    expect(await whyOf(proxy)).toBe(`GET http://127.0.0.1:${port}/v1/models: the connection failed (ECONNREFUSED)`);
    expect((await proxy.fetch("/health")).status).toBe(200);
    expect(proxy.app.models.listed("groq").length).toBeGreaterThan(3);
    expect(proxy.app.models.listed("lab")).toEqual([]);
  });
});

describe("the list", () => {
  const listed = async (plugin: ReturnType<typeof lab>): Promise<readonly string[]> => {
    await using proxy = await createTestProxy({ plugins: [plugin] });
    expect(await whyOf(proxy, plugin.name)).toBeUndefined();
    return proxy.app.models.listed(plugin.name);
  };

  test("of an upstream replaces what a shipped provider knows, and is added to what a config states", async () => {
    await using upstream = await createUpstream({ step: models(["x", "mine"]) });
    const common = { baseURL: upstream.url, keys: ["k"] };
    expect(await listed(groq(common))).toEqual(["x", "mine"]);
    expect(await listed(groq({ ...common, models: ["mine"], discover: true }))).toEqual(["mine", "x"]);
    expect(await listed(groq({ ...common, models: ["mine"] }))).toEqual(["mine"]);
    expect(await listed(lab({ ...common, models: ["mine"], discover: true }))).toEqual(["mine", "x"]);
  });

  test("may have 5,000 entries with duplicates: each is listed once, and unknown names are refused quickly", async () => {
    const ids = Array.from({ length: 5000 }, (_, index) => `vendor/model-number-${index % 4900}`);
    await using upstream = await createUpstream();
    upstream.when({ path: "/models" }, models(ids));
    await using proxy = await createTestProxy({ plugins: [lab({ baseURL: upstream.url })] });
    expect(await whyOf(proxy)).toBeUndefined();
    const list = (await (await proxy.fetch("/v1/models")).json()) as { data: { id: string }[] };
    expect(list.data).toHaveLength(4900);
    expect(new Set(list.data.map(({ id }) => id)).size).toBe(4900);
    expect((await proxy.chat({ model: "vendor/model-number-7" })).status).toBe(200);
    const began = performance.now();
    const refused = await proxy.chat({ model: "vendor/model-numbr-4711" });
    expect(refused.status).toBe(404);
    expect(await refused.text()).toContain("Nearest: lab/vendor/model-number-4711");
    expect(performance.now() - began).toBeLessThan(2000);
  });
});

describe("keys", () => {
  test.each([
    ["a placeholder", ["sk-..."], /holds a placeholder, not a key/],
    ["a space inside", ["sk-abc def"], /a space or another character/],
    ["a line end inside", ["sk-abc\ndef"], /a space or another character/],
    ["a curly quote", ["“sk-abc”"], /a space or another character/],
    ["a number", [42 as unknown as string], /A key of lab is no text[\s\S]*it is a number/],
    ["an object without a value", [{ key: "sk-abc" } as unknown as string], /an object without the text value/],
  ])("with %s are refused by what is wrong, and not shown", (_, keys, why) => {
    const make = (): unknown => lab({ baseURL: "http://gpu-1", keys });
    expect(make).toThrow(why);
    expect(make).not.toThrow(/abc/);
    expect(make).toThrow(/fix/);
  });

  test("with white space around are trimmed, and variables that are not set are no keys", async () => {
    const keys = [" sk-one\n", undefined, "", null, { value: "\tsk-two " }] as unknown as string[];
    await using proxy = await createTestProxy({ plugins: [lab({ baseURL: "http://gpu-1", keys, discover: false })] });
    expect(proxy.app.credentials.list("lab").map(({ data }) => (data as { key: string }).key)).toEqual([
      "sk-one",
      "sk-two",
    ]);
  });
});

test.each([
  ["htp://api.lab.example/v1", 'write "http://api.lab.example/v1"'],
  ["htps://api.lab.example/v1", 'write "https://api.lab.example/v1"'],
  ["https:/api.lab.example/v1", 'write "https://api.lab.example/v1"'],
  ["https//api.lab.example/v1", 'write "https://api.lab.example/v1"'],
  ["https;//api.lab.example/v1", 'write "https://api.lab.example/v1"'],
  ["api.lab.example/v1", 'write "https://api.lab.example/v1"'],
  ["gpu-1:8000/v1", 'write "http://gpu-1:8000/v1"'],
  ["localhost:8000", 'write "http://localhost:8000/"'],
  ["https://", 'write "https://HOST/v1"'],
  ["https:///v1", 'write "https://HOST/v1"'],
  ["http://:8000/v1", "correct the host and the port"],
  ["http://gpu-1:80000", "correct the host and the port"],
  ["https://api.lab .example/v1", "take it out"],
  ["https://api.lab\n.example/v1", "take it out"],
])("the address %j is refused at start, with what to write", (baseURL, fix) => {
  expect(() => lab({ baseURL })).toThrow(`fix  ${fix}`);
});
