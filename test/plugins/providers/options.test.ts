/** Names, addresses, keys, tiers and models of the shipped providers. */
import { afterEach, describe, expect, expectTypeOf, test, vi } from "vitest";
import { defineConfig, type Plugin } from "waygate";
import { g4f } from "waygate/plugins/g4f";
import { gemini } from "waygate/plugins/gemini";
import { groq } from "waygate/plugins/groq";
import { huggingface } from "waygate/plugins/huggingface";
import { nvidiaNim } from "waygate/plugins/nvidia-nim";
import { ollama } from "waygate/plugins/ollama";
import { openrouter } from "waygate/plugins/openrouter";
import { puter } from "waygate/plugins/puter";
import { together } from "waygate/plugins/together";
import { createTestProxy, createUpstream, models, status } from "waygate/testing";
import { fakeApp } from "../_fakes.ts";
import { allRows, type Row, rows } from "./fakes/all.ts";
import { createFake } from "./fakes/fake.ts";

afterEach(() => vi.unstubAllEnvs());

const table = allRows.map((row): [string, Row] => [row.id, row]);

async function keysOf(plugin: Plugin): Promise<readonly string[]> {
  const app = fakeApp({ providers: plugin.providers! });
  await plugin.setup?.(app);
  return app.credentials.list(plugin.providers![0]!.name).map(({ data }) => (data as { key: string }).key);
}

/** What the first provider lists after asking. */
async function discovered(plugin: Plugin): Promise<readonly string[]> {
  const [provider] = plugin.providers!;
  const app = fakeApp({ providers: plugin.providers! });
  await plugin.setup?.(app);
  return provider!.discover!(app.credentials.list(provider!.name)[0]!, new AbortController().signal);
}

describe("every provider", () => {
  test.each(table)("%s has its id, its tier and an address of its own", (id, row) => {
    const [provider] = row.plugin({}).providers!;
    expect([provider!.name, provider!.tier, provider!.keyless ?? false]).toEqual([id, row.tier, row.keyless ?? false]);
  });

  test.each(table.filter(([, row]) => !row.keyless))(
    "%s takes keys and address from the environment",
    async (id, row) => {
      const prefix = id.toUpperCase();
      expect(await keysOf(row.plugin({}))).toEqual([]);
      vi.stubEnv(`${prefix}_API_KEY`, "one");
      vi.stubEnv(`${prefix}_API_KEY_2`, "two");
      expect(await keysOf(row.plugin({}))).toEqual(["one", "two"]);
      expect(await keysOf(row.plugin({ keys: ["mine"] }))).toEqual(["mine"]);
      vi.stubEnv(`${prefix}_API_BASE`, "no address");
      expect(() => row.plugin({})).toThrow(`${prefix}_API_BASE`);
    },
  );

  test.each(table)("%s reads its list of models, and takes it for all there are", async (_id, row) => {
    await using upstream = await createFake(row.fake);
    const found = await discovered(row.plugin({ baseURL: upstream.url, keys: ["key"] }));
    expect(new Set(found)).toEqual(new Set(row.fake.models.ids));
  });

  test.each(table)("%s keeps the models it knows when it cannot ask", async (id, row) => {
    await using upstream = await createUpstream({ step: status(500, "<html>down</html>") });
    const plugin = row.plugin({ baseURL: upstream.url, keys: ["key"] });
    await using proxy = await createTestProxy({ plugins: [plugin] });
    await upstream.received(1);
    expect(proxy.app.models.listed(id)).toEqual(plugin.providers![0]!.models);
  });
});

describe("keys", () => {
  test.each<[string, () => Plugin]>([
    ["NVIDIA_API_KEY", nvidiaNim],
    ["GOOGLE_API_KEY", gemini],
    ["HF_TOKEN", huggingface],
    ["PUTER_AUTH_TOKEN", puter],
    ["TOGETHERAI_API_KEY", together],
    ["TOGETHER_AI_API_KEY", together],
  ])("come from %s when their own variable is not set", async (variable, make) => {
    vi.stubEnv(variable, "other");
    expect(await keysOf(make())).toEqual(["other"]);
    const own = `${make().name.toUpperCase()}_API_KEY`;
    vi.stubEnv(own, "own");
    expect(await keysOf(make())).toEqual(["own"]);
  });
});

describe("options", () => {
  test("of one call replace what the provider has by default", () => {
    const plugin = groq({ name: "fast", keys: ["k"], tier: 1, models: ["mine"] });
    const [provider] = plugin.providers!;
    expect(provider).toMatchObject({ name: "fast", tier: 1, models: ["mine"] });
    expect(provider.discover).toBeUndefined();
    expect(groq({ models: ["mine"], discover: true }).providers![0].discover).toBeTypeOf("function");
    expectTypeOf(provider.name).toEqualTypeOf<"fast">();
  });

  test("say who calls OpenRouter and who pays at Hugging Face", async () => {
    await using upstream = await createUpstream();
    const common = { baseURL: upstream.url, keys: ["k"], discover: false };
    await using proxy = await createTestProxy({
      plugins: [
        openrouter({ ...common, appURL: "https://app.example", appName: "App", headers: { "x-more": "1" } }),
        huggingface({ ...common, billTo: "acme" }),
      ],
    });
    await proxy.chat({ model: "openrouter/m" });
    await proxy.chat({ model: "huggingface/m" });
    expect(upstream.requests.map(({ headers }) => headers)).toMatchObject([
      { "http-referer": "https://app.example", "x-title": "App", "x-more": "1" },
      { "x-hf-bill-to": "acme" },
    ]);
  });
});

describe("lists of models", () => {
  test("are read page by page, but never from another host", async () => {
    await using upstream = await createUpstream();
    const page = (ids: readonly string[], next: string): object => ({
      data: ids.map((id) => ({ id })),
      links: { next },
    });
    upstream.when({ path: "/models" }, (request) =>
      request.path.endsWith("?page=2")
        ? status(200, page(["c", "a"], "http://127.0.0.1:1/models"))
        : status(200, page(["a", "b"], "/v1/models?page=2")),
    );
    expect(await discovered(openrouter({ baseURL: upstream.url, keys: ["k"], models: [], discover: true }))).toEqual([
      "a",
      "b",
      "c",
    ]);
    expect(upstream.requests).toHaveLength(2);
  });

  test("follow Cohere's page tokens, and end when a page leads to itself", async () => {
    await using upstream = await createUpstream();
    upstream.when({ path: "/models" }, (request) =>
      status(200, { models: [{ name: request.path.includes("page_token=t") ? "b" : "a" }], next_page_token: "t" }),
    );
    expect(await discovered(groq({ baseURL: upstream.url, keys: ["k"], models: [], discover: true }))).toEqual([
      "a",
      "b",
    ]);
  });

  test("of 5,000 entries with duplicates are no trouble", async () => {
    await using upstream = await createUpstream();
    const ids = Array.from({ length: 5000 }, (_, index) => `m${index % 4000}`);
    upstream.always(models(ids));
    expect(await discovered(groq({ baseURL: upstream.url, keys: ["k"], models: [], discover: true }))).toHaveLength(
      4000,
    );
  });
});

describe("g4f", () => {
  const ids = ["g4f_main", "g4f_groq", "g4f_grok", "g4f_gemini", "g4f_nvidia"] as const;

  test("is five providers with one key, one tier and no need of a key", async () => {
    const plugin = g4f();
    expect(plugin.providers!.map(({ name }) => name)).toEqual(ids);
    expect(plugin.providers!.map(({ tier }) => tier)).toEqual([2, 2, 2, 2, 2]);
    expect(await keysOf(plugin)).toEqual([""]);
    vi.stubEnv("G4F_API_KEY", "one");
    vi.stubEnv("PROVIDER_PRIORITY_G4F", "4");
    const app = fakeApp({ providers: g4f().providers! });
    await g4f().setup?.(app);
    expect(ids.map((id) => app.credentials.list(id).length)).toEqual([1, 1, 1, 1, 1]);
    expect(g4f().providers!.map(({ tier }) => tier)).toEqual([4, 4, 4, 4, 4]);
    vi.stubEnv("PROVIDER_PRIORITY_G4F_GROQ", "1");
    expect(g4f().providers!.map(({ tier }) => tier)).toEqual([4, 1, 4, 4, 4]);
  });

  test.each(["0", "11", "first", "1.5"])("refuses the tier %j and names the variable", (tier) => {
    vi.stubEnv("PROVIDER_PRIORITY_G4F", tier);
    expect(() => g4f()).toThrow(/PROVIDER_PRIORITY_G4F/);
  });

  test("asks each endpoint where it is, without a key", async () => {
    await using upstream = await createUpstream();
    await using own = await createUpstream();
    vi.stubEnv("G4F_GROK_API_BASE", own.url);
    await using proxy = await createTestProxy({ plugins: [g4f({ baseURL: upstream.url, discover: false })] });
    for (const id of ids) expect((await proxy.chat({ model: `${id}/gpt-4o` })).status).toBe(200);
    const paths = ["/v1", "/api/groq", "/api/grok", "/api/gemini", "/api/nvidia"];
    expect(upstream.requests.map(({ path }) => path)).toEqual(paths.map((path) => `${path}/chat/completions`));
    expect(upstream.requests.some(({ headers }) => "authorization" in headers)).toBe(false);

    await using other = await createTestProxy({
      plugins: [g4f({ baseURL: { main: `${upstream.url}/deep` }, discover: false })],
    });
    await other.chat({ model: "g4f_main/m" });
    await other.chat({ model: "g4f_grok/m" });
    expect(upstream.requests.at(-1)!.path).toBe("/v1/deep/chat/completions");
    expect(own.requests).toHaveLength(1);
  });

  test("looks for models beside the version when they are not under it", async () => {
    await using upstream = await createUpstream({ step: status(404, "no") });
    upstream.when((request) => request.path === "/models", models(["gpt-4o", "dall-e-image"]));
    expect(await discovered(g4f({ baseURL: upstream.url }))).toEqual(["gpt-4o"]);
  });

  test("a page instead of an answer is never given to the client", async () => {
    await using upstream = await createFake(rows.at(-1)!.fake);
    await using proxy = await createTestProxy({
      plugins: [g4f({ baseURL: upstream.url, discover: false })],
      retry: { sameCredential: 0 },
    });
    for (const stream of [false, true]) {
      const response = await proxy.chat({ model: "g4f_main/page", stream });
      expect(response.status).toBe(503);
      expect(await response.text()).not.toMatch(/<html|just a moment/i);
    }
  });
});

test("Ollama needs no key and sends none", async () => {
  await using upstream = await createUpstream();
  await using proxy = await createTestProxy({ plugins: [ollama({ baseURL: upstream.url, discover: false })] });
  expect((await proxy.chat({ model: "ollama/llama3.2" })).status).toBe(200);
  expect(upstream.requests[0]!.headers).not.toHaveProperty("authorization");
});

test("names of providers and of their known models complete in a config", () => {
  const plugins = [groq(), nvidiaNim({ models: ["own/model"] }), g4f()] as const;
  const config = defineConfig({
    plugins,
    models: { a: ["groq/llama-3.1-8b-instant", "nvidia_nim/own/model"], b: "g4f_grok/anything", c: "groq/*" },
  });
  // @ts-expect-error there is no such provider
  defineConfig({ plugins, models: { a: "grok/llama" } });
  type Model = (typeof plugins)[0]["providers"] extends readonly [{ readonly models: readonly (infer M)[] }] | undefined
    ? M
    : never;
  expectTypeOf<"llama-3.1-8b-instant">().toExtend<Model>();
  expectTypeOf<string>().not.toExtend<Model>();
  expect(Object.keys(config.models!)).toEqual(["a", "b", "c"]);
});
