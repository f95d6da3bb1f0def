import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, expectTypeOf, onTestFinished, test, vi } from "vitest";
import { defineConfig, type FailureSignal, textBody, type Wire } from "waygate";
import {
  classifyBy,
  type FailureRule,
  nextDay,
  nextMonth,
  openaiCompatible,
  type OpenAICompatibleOptions,
} from "waygate/plugins/openai-compatible";
import { fakeApp, fakeAttempt, fakeContext } from "./_fakes.ts";

afterEach(() => vi.unstubAllEnvs());

const lab = { name: "lab", baseURL: "http://gpu-1:8000/v1", keys: ["secret-key"] } as const;

/** The request that a plugin would send for its first credential. */
async function prepared(
  options: OpenAICompatibleOptions,
  wire: Partial<Wire> = {},
  asked: boolean | "forward" = false,
): Promise<Wire> {
  const plugin = openaiCompatible(options);
  const provider = plugin.providers![0];
  const app = fakeApp({ providers: [provider] });
  await plugin.setup?.(app);
  const credential = app.credentials.list(options.name)[0]!;
  const candidate = { provider, model: "m", credential, position: 0 };
  const start: Wire = { url: "/chat/completions", method: "POST", headers: {}, body: textBody("{}"), ...wire };
  const attempt = fakeAttempt(
    candidate,
    fakeContext(app, asked === "forward" ? { operation: "forward" } : { stream: asked }),
    { wire: start },
  );
  return provider.prepare(start, attempt as Parameters<typeof provider.prepare>[1]);
}

function credentialsOf(options: OpenAICompatibleOptions): readonly unknown[] {
  const plugin = openaiCompatible(options);
  const app = fakeApp({ providers: plugin.providers! });
  void plugin.setup?.(app);
  return app.credentials.list(options.name).map((credential) => (credential.data as { key: string }).key);
}

describe("the request", () => {
  test("goes to the base URL and the protocol's path with the key as a bearer", async () => {
    const wire = await prepared(lab);
    expect(wire.url).toBe("http://gpu-1:8000/v1/chat/completions");
    expect(wire.headers).toMatchObject({
      authorization: "Bearer secret-key",
      "content-type": "application/json",
      accept: "application/json",
    });
    expect(wire.headers["user-agent"]).toMatch(/^waygate\/\d/);
  });

  test("F14 goes to one /v1 whether the base URL has it or not", async () => {
    for (const baseURL of ["http://gpu-1:8000", "http://gpu-1:8000/v1/", "http://gpu-1:8000/v1/v1"]) {
      expect((await prepared({ ...lab, baseURL })).url).toBe("http://gpu-1:8000/v1/chat/completions");
    }
  });

  test("of a form keeps the form, takes any answer and is changed by no rule", async () => {
    const stream = {
      contentType: "multipart/form-data; boundary=X",
      length: 1,
      repeatable: true,
      open: () => [] as never,
    };
    const wire = await prepared(
      { ...lab, drop: ["user"] },
      { url: "/images/edits", body: undefined, stream },
      "forward",
    );
    expect(wire).toMatchObject({
      url: "http://gpu-1:8000/v1/images/edits",
      body: undefined,
      headers: { accept: "*/*" },
    });
    expect(wire.stream).toBe(stream);
    expect(wire.headers["content-type"]).toBeUndefined();
  });

  test("asks for an event stream when the client wants one", async () => {
    expect((await prepared(lab, {}, true)).headers["accept"]).toBe("text/event-stream");
  });

  test("carries organisation, project, more headers and the key's own proxy", async () => {
    const keys = [{ value: "k", organization: "org", project: "proj", proxy: "http://proxy:1" }];
    const wire = await prepared(
      { ...lab, keys, proxy: "http://proxy:2", headers: { "X-Title": "t" } },
      { headers: { "x-a": "b" } },
    );
    expect(wire.headers).toMatchObject({
      "openai-organization": "org",
      "openai-project": "proj",
      "x-title": "t",
      "x-a": "b",
    });
    expect(wire.proxy).toBe("http://proxy:1");
  });

  test("has no authorization for a keyless provider without keys", async () => {
    const wire = await prepared({ ...lab, keys: [], keyless: true });
    expect(wire.headers).not.toHaveProperty("authorization");
  });

  test("loses the fields the upstream refuses and nothing else", async () => {
    const body = textBody('{"model":"m","seed":12345678901234567890,"user":"u","logprobs":true}');
    const wire = await prepared({ ...lab, drop: ["user", "logprobs", "absent"] }, { body });
    expect(wire.body?.text).toBe('{"model":"m","seed":12345678901234567890}');
  });

  const reasoned = '{"messages":[{"role":"assistant","reasoning":"a","content":"b","reasoning_content":"c"}]}';

  test("carries no reasoning of others to OpenAI, and to nobody else less than was said", async () => {
    const body = textBody(reasoned);
    const bare = '{"messages":[{"role":"assistant","content":"b"}]}';
    expect((await prepared({ ...lab, name: "openai" }, { body })).body?.text).toBe(bare);
    expect((await prepared({ ...lab, name: "openai", drop: [] }, { body })).body?.text).toBe(reasoned);
    expect((await prepared(lab, { body })).body).toBe(body);
  });

  test("follows the rules that are stated for it", async () => {
    const text =
      '{"model":"m","a":1.0,"tools":[],"tool_choice":"auto","max_tokens":3,"messages":[{"role":"developer","content":""}]}';
    const rules = { keep: ["model", "messages", "max_tokens"], rename: { max_tokens: "most" }, developerRole: false };
    const changed = '{"model":"m","most":3,"messages":[{"role":"system","content":""}]}';
    expect((await prepared({ ...lab, ...rules }, { body: textBody(text) })).body?.text).toBe(changed);
    const tidied = (await prepared({ ...lab, tidyTools: true }, { body: textBody(text) })).body!;
    expect(Object.keys(tidied.json)).toEqual(["model", "a", "max_tokens", "messages"]);
    const adapt: OpenAICompatibleOptions["adapt"] = (_body, { model }) => textBody(`"${model}"`);
    expect((await prepared({ ...lab, ...rules, adapt }, { body: textBody(text) })).body?.text).toBe('"m"');
  });

  test("is left alone by rules of chat requests when it is another one", async () => {
    const body = textBody('{"input":"x","a":1,"b":2}');
    const wire = await prepared({ ...lab, keep: ["model"], drop: ["b"] }, { url: "/embeddings", body });
    expect(wire.body?.text).toBe('{"input":"x","a":1}');
  });

  test("does not change its input", async () => {
    const wire = Object.freeze({ url: "/x", method: "POST", headers: Object.freeze({ a: "b" }), body: textBody("{}") });
    expect(await prepared(lab, wire)).not.toBe(wire);
  });
});

describe("keys and address", () => {
  test("come from the environment by the provider's name", async () => {
    vi.stubEnv("GPU_LAB_API_KEYS", "one,two");
    vi.stubEnv("GPU_LAB_API_BASE", "http://gpu-9:8000");
    expect(credentialsOf({ name: "gpu-lab" })).toEqual(["one", "two"]);
    expect((await prepared({ name: "gpu-lab" })).url).toBe("http://gpu-9:8000/v1/chat/completions");
  });

  test("that are given replace those of the environment", () => {
    vi.stubEnv("LAB_API_KEY", "from-env");
    expect(credentialsOf({ ...lab, keys: "a, b," })).toEqual(["a", "b"]);
    expect(credentialsOf({ ...lab, keys: [] })).toEqual([]);
  });

  test("come from other variables, and the address from a default, when there are none by the name", async () => {
    const options = { name: "lab", defaultBaseURL: "http://gpu-2:1", keyVariables: ["OLD_LAB_API_KEY", "LAB_TOKEN"] };
    vi.stubEnv("LAB_TOKEN", "token");
    expect(credentialsOf(options)).toEqual(["token"]);
    vi.stubEnv("OLD_LAB_API_KEY_2", "old");
    expect(credentialsOf(options)).toEqual(["old"]);
    vi.stubEnv("LAB_API_KEY", "new");
    expect(credentialsOf(options)).toEqual(["new"]);
    expect((await prepared(options)).url).toBe("http://gpu-2:1/v1/chat/completions");
    vi.stubEnv("LAB_API_BASE", "http://gpu-3:1");
    expect((await prepared(options)).url).toBe("http://gpu-3:1/v1/chat/completions");
  });

  test("without keys the provider is inactive, unless it needs none", () => {
    vi.stubEnv("LAB_API_KEY", "");
    expect(credentialsOf({ ...lab, keys: undefined })).toEqual([]);
    expect(credentialsOf({ ...lab, keys: undefined, keyless: true })).toEqual([""]);
  });

  test("limits of the provider hold for keys that have none", () => {
    const plugin = openaiCompatible({ ...lab, keys: ["a", { value: "b", limits: { rpm: 1 } }], limits: { rpm: 9 } });
    const app = fakeApp({ providers: plugin.providers! });
    void plugin.setup?.(app);
    expect(app.credentials.list("lab").map(({ limits }) => limits?.rpm)).toEqual([9, 1]);
  });

  test("report 16: no address is a fault of the config that names the variable, also beside keys and models", () => {
    for (const more of [{}, { keys: ["k"] }, { keys: ["k"], models: ["m"] }, { discover: false }]) {
      expect(() => openaiCompatible({ name: "gpu-lab", ...more })).toThrow(
        /neither baseURL nor GPU_LAB_API_BASE is set/,
      );
    }
    vi.stubEnv("GPU_LAB_API_BASE", "http://gpu-9:8000");
    expect(() => openaiCompatible({ name: "gpu-lab", keys: ["k"] })).not.toThrow();
  });

  test.each<[string, OpenAICompatibleOptions, RegExp]>([
    ["no URL", { ...lab, baseURL: "gpu" }, /baseURL of lab/],
    ["a name with a slash", { ...lab, name: "a/b" }, /cannot be a provider's name/],
    ["an unknown protocol", { ...lab, protocol: "soap" as "gemini" }, /there is no protocol "soap"/],
    ["a placeholder", { ...lab, keys: ["your-api-key"] }, /placeholder/],
  ])("a config with %s is refused", (_name, options, message) => {
    expect(() => openaiCompatible(options)).toThrow(message);
  });
});

describe("discovery", () => {
  /** What `discover` makes of an answer of a server on loopback. */
  async function discovered(
    body: unknown,
    options: Partial<OpenAICompatibleOptions> = {},
    status = 200,
  ): Promise<readonly string[]> {
    const seen: { url?: string; authorization?: string } = {};
    const server = createServer((request, response) => {
      Object.assign(seen, { url: request.url, authorization: request.headers.authorization });
      response.writeHead(status, { "content-type": "application/json" });
      response.end(typeof body === "string" ? body : JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const baseURL = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const plugin = openaiCompatible({ ...lab, ...options, baseURL });
    const app = fakeApp({ providers: plugin.providers! });
    void plugin.setup?.(app);
    const [provider] = plugin.providers!;
    const credential = app.credentials.list("lab")[0] as Parameters<NonNullable<typeof provider.discover>>[0];
    const models = await provider.discover!(credential, new AbortController().signal);
    expect(seen).toEqual({ url: "/v1/models", authorization: "Bearer secret-key" });
    return models;
  }

  test.each([
    ["the OpenAI shape", { object: "list", data: [{ id: "a" }, { id: "b" }, { id: "a" }] }],
    ["a bare list", [{ id: "a" }, { id: "b" }]],
    ["models instead of data", { models: [{ name: "a" }, { model: "b" }] }],
    ["plain texts", ["a", "b", "", 7, null]],
    ["entries without a name", { data: [{ id: "a" }, {}, { id: "" }, { id: "b" }] }],
  ])("reads %s", async (_name, body) => {
    expect(await discovered(body)).toEqual(["a", "b"]);
  });

  test("keeps the models of the config when both are wanted", async () => {
    expect(await discovered(["a", "b"], { models: ["z", "a"], discover: true })).toEqual(["z", "a", "b"]);
  });

  test("does not happen when models are given or it is switched off", () => {
    expect(openaiCompatible({ ...lab, models: ["a"] }).providers![0].discover).toBeUndefined();
    expect(openaiCompatible({ ...lab, discover: false }).providers![0].discover).toBeUndefined();
    expect(openaiCompatible(lab).providers![0].discover).toBeTypeOf("function");
  });

  test.each([
    ["a refusal", {}, 401, "credential_invalid"],
    ["a broken server", {}, 500, "upstream"],
    ["a page instead of a list", "<html>", 200, "upstream"],
    ["an object without a list", { data: {} }, 200, "upstream"],
  ])("reports %s as an error without the key", async (_name, body, status, kind) => {
    const failure = discovered(body, {}, status);
    await expect(failure).rejects.toMatchObject({ kind });
    await expect(failure).rejects.not.toThrow(/secret-key/);
  });

  test("reports an upstream that is not there", async () => {
    const [provider] = openaiCompatible({ ...lab, baseURL: "http://127.0.0.1:1" }).providers!;
    const credential = { id: "x", provider: "lab", data: { key: "k" } };
    await expect(provider.discover!(credential, new AbortController().signal)).rejects.toMatchObject({
      kind: "network",
    });
    await expect(provider.discover!(credential, AbortSignal.abort())).rejects.toMatchObject({ kind: "aborted" });
  });
});

test("name and models are literal types, so that a config can complete them", () => {
  const plugin = openaiCompatible({ name: "lab", baseURL: "http://x", models: ["llama", "qwen"] });
  expectTypeOf(plugin.providers![0].name).toEqualTypeOf<"lab">();
  expectTypeOf(plugin.providers![0].models).toEqualTypeOf<readonly ("llama" | "qwen")[]>();
  const config = defineConfig({ plugins: [plugin], models: { a: "lab/llama", b: "lab/anything" } });
  // @ts-expect-error there is no such provider
  defineConfig({ plugins: [plugin], models: { a: "lap/llama" } });
  expect(config.models).toEqual({ a: "lab/llama", b: "lab/anything" });
});

describe("failures stated as data", () => {
  const signal: FailureSignal = {
    status: 429,
    headers: {},
    body: '{"m":1}',
    error: { message: "too much today", code: "c" },
    inBand: false,
    model: "m",
    now: Date.UTC(2026, 11, 31, 22),
  };
  const read = (rule: Omit<FailureRule, "kind">, more: Partial<FailureSignal> = {}): object | undefined =>
    classifyBy([{ kind: "overloaded", ...rule }])({ ...signal, ...more });

  test("hold when all their conditions do", () => {
    expect(read({ status: [429], code: /^c$/, text: /today/, body: /"m"/ })).toMatchObject({ kind: "overloaded" });
    for (const rule of [{ status: [500] }, { code: /^d$/ }, { text: /tomorrow/ }, { body: /x/ }]) {
      expect(read({ text: /today/, ...rule })).toBeUndefined();
    }
  });

  test("read an error inside a 200 by its words when it names no status", () => {
    const inside = { status: 200, inBand: true };
    expect(read({ status: [429], text: /today/ }, inside)).toBeDefined();
    expect(read({ status: [429] }, inside)).toBeUndefined();
    expect(
      read({ status: [429], text: /today/ }, { ...inside, error: { message: "today", status: 500 } }),
    ).toBeUndefined();
  });

  test("leave a page to the core unless they look at the body", () => {
    expect(read({ status: [429] }, { body: " <html>" })).toBeUndefined();
    expect(read({ body: /<html/ }, { body: " <html>" })).toBeDefined();
  });

  test("name a time only where the upstream names none", () => {
    expect(read({ wait: 5000 })).toMatchObject({ retryAt: signal.now + 5000 });
    expect(read({ wait: 5000 }, { headers: { "retry-after": "7" } })).toMatchObject({ retryAt: signal.now + 7000 });
    expect(read({ wait: nextDay })).toMatchObject({ retryAt: Date.UTC(2027, 0, 1) });
    expect(read({ wait: nextMonth })).toMatchObject({ retryAt: Date.UTC(2027, 0, 1) });
    expect(nextMonth(Date.UTC(2027, 0, 1))).toBe(Date.UTC(2027, 1, 1));
  });

  test("come after what the config says", () => {
    const failures = [{ kind: "overloaded" as const }];
    const [provider] = openaiCompatible({
      ...lab,
      failures,
      classify: ({ status }) => (status === 429 ? { kind: "banned" } : undefined),
    }).providers!;
    expect(provider.classify!(signal)?.kind).toBe("banned");
    expect(provider.classify!({ ...signal, status: 500 })?.kind).toBe("overloaded");
  });
});
