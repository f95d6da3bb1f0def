import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import AnthropicV0 from "anthropic-sdk-v0";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { proxyKey } from "waygate/plugins/proxy-key";
import { createTestProxy, type TestProxy, type TestProxyOptions } from "waygate/testing";
import { post } from "./_side-protocols.ts";

const provider = (name: string, models: readonly string[]): ReturnType<typeof openaiCompatible> =>
  openaiCompatible({ name, baseURL: "http://127.0.0.1:1", keys: ["k"], models });
const plugins = [
  provider("openai", ["gpt-4o", "text-embedding-3-small"]),
  provider("anthropic", ["claude-sonnet-4-5"]),
  provider("lab", ["own/model:8b", "made-up-embed"]),
  proxyKey({ keys: ["client-key", { key: "some-key", models: ["lab/*"] }] }),
];
const start = (options: Partial<TestProxyOptions> = {}): Promise<TestProxy> =>
  createTestProxy({ plugins, models: { best: "openai/gpt-4o" }, ...options });
const ids = [
  "best",
  "openai/gpt-4o",
  "openai/text-embedding-3-small",
  "anthropic/claude-sonnet-4-5",
  "lab/own/model:8b",
  "lab/made-up-embed",
];

const anthropicHeaders = { "anthropic-version": "2023-06-01", "x-api-key": "client-key" };
const geminiHeaders = { "x-goog-api-key": "client-key" };

interface AnthropicList {
  readonly data: readonly { readonly id: string }[];
  readonly has_more: boolean;
  readonly first_id: string | null;
  readonly last_id: string | null;
}

interface GeminiList {
  readonly models: readonly { readonly name: string; readonly supportedGenerationMethods: readonly string[] }[];
  readonly nextPageToken?: string;
}

describe("GET /v1/models for clients of Anthropic's API", () => {
  const list = async (proxy: TestProxy, query = ""): Promise<AnthropicList> => {
    const response = await proxy.fetch(`/v1/models${query}`, { headers: anthropicHeaders });
    expect(response.status).toBe(200);
    return (await response.json()) as AnthropicList;
  };

  it("lists every model in that API's shape, with what the catalogue knows", async () => {
    await using proxy = await start();
    const { data, ...page } = await list(proxy);
    expect(data.map(({ id }) => id)).toEqual(ids);
    expect(page).toEqual({ has_more: false, first_id: "best", last_id: "lab/made-up-embed" });
    expect(data[1]).toMatchObject({
      type: "model",
      id: "openai/gpt-4o",
      display_name: "openai/gpt-4o",
      created_at: "2024-05-13T00:00:00Z",
      max_input_tokens: 128_000,
      lifecycle: "active",
    });
    expect(data[4]).toMatchObject({ created_at: "1970-01-01T00:00:00Z", max_input_tokens: null, max_tokens: null });
  });

  it("gives pages forwards and backwards", async () => {
    await using proxy = await start();
    const pick = ({ data, has_more }: AnthropicList): unknown => [data.map(({ id }) => id), has_more];
    expect(pick(await list(proxy, "?limit=4"))).toEqual([ids.slice(0, 4), true]);
    expect(pick(await list(proxy, `?limit=4&after_id=${ids[3]}`))).toEqual([ids.slice(4), false]);
    expect(pick(await list(proxy, `?limit=2&before_id=${ids[3]}`))).toEqual([ids.slice(1, 3), true]);
    expect(pick(await list(proxy, `?limit=9&before_id=${ids[2]}`))).toEqual([ids.slice(0, 2), false]);
    expect(await list(proxy, `?after_id=${ids.at(-1)}`)).toEqual({
      data: [],
      has_more: false,
      first_id: null,
      last_id: null,
    });
  });

  it.each(["limit=0", "limit=1001", "limit=x", "after_id=nobody", "before_id=nobody"])(
    "refuses %s with a 400 in that API's words",
    async (query) => {
      await using proxy = await start();
      const response = await proxy.fetch(`/v1/models?${query}`, { headers: anthropicHeaders });
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ type: "error", error: { type: "invalid_request_error" } });
    },
  );

  it.each(["lab/own/model:8b", "lab%2Fown%2Fmodel:8b"])("describes %s alone", async (path) => {
    await using proxy = await start();
    const response = await proxy.fetch(`/v1/models/${path}`, { headers: anthropicHeaders });
    expect(await response.json()).toMatchObject({ type: "model", id: "lab/own/model:8b" });
  });

  it("says 401 and 404 as that API does, and shows a caller only what it may use", async () => {
    await using proxy = await start();
    const unknown = await proxy.fetch("/v1/models", { headers: { "anthropic-version": "2023-06-01" } });
    expect([unknown.status, await unknown.json()]).toMatchObject([
      401,
      { type: "error", error: { type: "authentication_error" } },
    ]);
    const missing = await proxy.fetch("/v1/models/nobody", { headers: anthropicHeaders });
    expect([missing.status, await missing.json()]).toMatchObject([
      404,
      { type: "error", error: { type: "not_found_error" } },
    ]);
    const some = await proxy.fetch("/v1/models", { headers: { ...anthropicHeaders, "x-api-key": "some-key" } });
    expect(((await some.json()) as AnthropicList).data.map(({ id }) => id)).toEqual(ids.slice(4));
  });

  it("stays in OpenAI's shape for everybody else", async () => {
    await using proxy = await start();
    const response = await proxy.fetch("/v1/models?enriched=false", {
      headers: { authorization: "Bearer client-key" },
    });
    expect(await response.json()).toMatchObject({
      object: "list",
      data: [{ object: "model", id: "best" }, {}, {}, {}, {}, {}],
    });
  });
});

describe("GET /v1beta/models", () => {
  const list = async (proxy: TestProxy, query = ""): Promise<GeminiList> => {
    const response = await proxy.fetch(`/v1beta/models${query}`, { headers: geminiHeaders });
    expect(response.status).toBe(200);
    return (await response.json()) as GeminiList;
  };

  it("lists every model in Gemini's shape, with what the catalogue knows", async () => {
    await using proxy = await start();
    const { models, nextPageToken } = await list(proxy);
    expect(models.map(({ name }) => name)).toEqual(ids.map((id) => `models/${id}`));
    expect(nextPageToken).toBeUndefined();
    expect(models[0]).toMatchObject({
      displayName: "best",
      description: "Stands for openai/gpt-4o.",
      inputTokenLimit: 128_000,
    });
    expect(models[1]).toMatchObject({
      description: "A model of openai.",
      outputTokenLimit: 16_384,
      supportedGenerationMethods: ["generateContent", "countTokens"],
    });
    expect(models[4]).not.toHaveProperty("inputTokenLimit");
    const embedding = ["embedContent", "batchEmbedContents"];
    expect([2, 5].map((index) => models[index]!.supportedGenerationMethods)).toEqual([embedding, embedding]);
  });

  it("gives pages", async () => {
    await using proxy = await start();
    const first = await list(proxy, "?pageSize=4");
    expect(first.models).toHaveLength(4);
    const last = await list(proxy, `?pageSize=4&pageToken=${first.nextPageToken}`);
    expect(last.models.map(({ name }) => name)).toEqual(ids.slice(4).map((id) => `models/${id}`));
    expect(last.nextPageToken).toBeUndefined();
    expect((await list(proxy, "?pageSize=5000")).models).toHaveLength(6);
  });

  it.each(["pageSize=-1", "pageSize=x", "pageToken=bm9ib2R5"])(
    "refuses %s with a 400 in Gemini's words",
    async (query) => {
      await using proxy = await start();
      const response = await proxy.fetch(`/v1beta/models?${query}`, { headers: geminiHeaders });
      expect([response.status, await response.json()]).toMatchObject([
        400,
        { error: { code: 400, status: "INVALID_ARGUMENT" } },
      ]);
    },
  );

  it.each(["lab/own/model:8b", "lab%2Fown%2Fmodel:8b"])("describes %s alone", async (path) => {
    await using proxy = await start();
    const response = await proxy.fetch(`/v1beta/models/${path}`, { headers: geminiHeaders });
    expect(await response.json()).toMatchObject({ name: "models/lab/own/model:8b", displayName: "lab/own/model:8b" });
  });

  it("takes the key from the query, as Gemini's own clients send it, and says 401 and 404 as that API does", async () => {
    await using proxy = await start();
    expect((await proxy.fetch("/v1beta/models?key=client-key")).status).toBe(200);
    const unknown = await proxy.fetch("/v1beta/models");
    expect([unknown.status, await unknown.json()]).toMatchObject([
      401,
      { error: { code: 401, status: "UNAUTHENTICATED" } },
    ]);
    const missing = await proxy.fetch("/v1beta/models/nobody?key=client-key");
    expect([missing.status, await missing.json()]).toMatchObject([404, { error: { code: 404, status: "NOT_FOUND" } }]);
  });

  it("leaves POST on the same paths to the protocol", async () => {
    await using proxy = await start();
    const posted = await proxy.fetch("/v1beta/models/nobody/x:generateContent", post({ contents: [] }, geminiHeaders));
    expect(posted.status).toBeGreaterThanOrEqual(400);
    expect(posted.status).not.toBe(405);
    const put = await proxy.fetch("/v1beta/models/x", { method: "PUT", headers: geminiHeaders });
    expect(put.status).toBe(405);
    expect(put.headers.get("allow")).toMatch(/GET.*POST|POST.*GET/);
  });
});

describe("GET /v1/models for Google's own clients", () => {
  it("is in Gemini's shape, and so is what is wrong with it", async () => {
    await using proxy = await start();
    const headers = { ...geminiHeaders, "x-goog-api-client": "google-genai-sdk/3.1.0" };
    const all = await proxy.fetch("/v1/models?pageSize=1", { headers });
    expect(await all.json()).toMatchObject({
      models: [{ name: "models/best" }],
      nextPageToken: expect.any(String) as string,
    });
    const one = await proxy.fetch("/v1/models/openai/gpt-4o", { headers });
    expect(await one.json()).toMatchObject({ name: "models/openai/gpt-4o" });
    const missing = await proxy.fetch("/v1/models/nobody", { headers });
    expect([missing.status, await missing.json()]).toMatchObject([404, { error: { code: 404, status: "NOT_FOUND" } }]);
  });
});

describe("refusals by the server itself", () => {
  const shapes = {
    openai: { error: { type: "invalid_request_error", code: expect.any(String) as string } },
    anthropic: { type: "error", error: { type: expect.any(String) as string, message: expect.any(String) as string } },
    gemini: { error: { code: expect.any(Number) as number, status: expect.any(String) as string } },
  };
  const cases: readonly (readonly [string, string, keyof typeof shapes, number])[] = [
    ["GET", "/v1/messages", "anthropic", 405],
    ["GET", "/v1/messages/count_tokens", "anthropic", 405],
    ["POST", "/v1/messages/batches", "anthropic", 404],
    ["GET", "/v1/v1/messages", "anthropic", 405],
    ["DELETE", "/v1beta/models", "gemini", 405],
    ["GET", "/v1beta/files", "gemini", 404],
    ["POST", "/v1beta/files", "gemini", 404],
    ["OPTIONS", "/v1beta/files", "gemini", 404],
    ["GET", "/v1beta/lab/x:generateContent", "gemini", 405],
    ["POST", "/v1beta/lab/x:tuneIt", "gemini", 404],
    ["POST", "/v1beta/models/x:tuneIt", "gemini", 404],
    ["GET", "/v1/chat/completions", "openai", 405],
    ["GET", "/v1/nowhere", "openai", 404],
    ["POST", "/v1/models", "openai", 405],
  ];
  it.each(cases)("%s %s is in the words of %s", async (method, path, shape, code) => {
    await using proxy = await start();
    const headers = { authorization: "Bearer client-key", "content-type": "application/json" };
    const response = await proxy.fetch(path, { method, headers, ...(method === "POST" && { body: "{}" }) });
    expect([response.status, await response.json()]).toMatchObject([code, shapes[shape]]);
  });

  it("a path of nobody is in the words of who says by a header who it is", async () => {
    await using proxy = await start({ base: "/llm" });
    for (const path of ["/llm/v1/nowhere", "/llm/v1/models/nobody"]) {
      const response = await proxy.fetch(path, { headers: anthropicHeaders });
      expect([response.status, await response.json()]).toMatchObject([404, shapes.anthropic]);
    }
    const counted = await proxy.fetch("/llm/v1/messages", { headers: anthropicHeaders });
    expect([counted.status, await counted.json()]).toMatchObject([405, shapes.anthropic]);
  });

  it.each([
    ["/v1/messages", "anthropic"],
    ["/v1beta/models/x:generateContent", "gemini"],
    ["/v1/chat/completions", "openai"],
  ] as const)(
    "a foreign page and a body that is too large are refused by %s in the words of %s",
    async (path, shape) => {
      await using open = await start({ plugins: plugins.slice(0, 3) });
      const foreign = await open.fetch(path, post({}, { origin: "https://elsewhere.example" }));
      expect(foreign.status).toBe(403);
      const { error } = shapes[shape] as { error: object };
      expect(await foreign.json()).toMatchObject(shape === "openai" ? { error: { code: "forbidden" } } : shapes[shape]);
      await using small = await start({ server: { maxBody: 20 } });
      const large = await small.fetch(path, post({ text: "x".repeat(100) }, { authorization: "Bearer client-key" }));
      expect([large.status, await large.json()]).toMatchObject([413, { ...shapes[shape], error }]);
    },
  );

  it("a proxy that has been closed says so in the client's words", async () => {
    const proxy = await start();
    await proxy.close();
    const response = await proxy.fetch("/v1/messages", post({}, anthropicHeaders));
    expect([response.status, await response.json()]).toMatchObject([503, shapes.anthropic]);
  });
});

describe("the official clients", () => {
  let proxy: TestProxy;
  beforeAll(async () => {
    proxy = await start({ listen: true });
  });
  afterAll(() => proxy.close());

  it.each([
    ["1.x", Anthropic],
    ["0.x", AnthropicV0],
  ])("@anthropic-ai/sdk %s reads all pages of the list, and one model", async (_, Client) => {
    const client = new Client({ baseURL: proxy.url, apiKey: "client-key", maxRetries: 0 }) as Anthropic;
    const found: string[] = [];
    for await (const { id } of client.models.list({ limit: 2 })) found.push(id);
    expect(found).toEqual(ids);
    expect(await client.models.retrieve("openai/gpt-4o")).toMatchObject({ type: "model", max_input_tokens: 128_000 });
    await expect(client.models.retrieve("nobody")).rejects.toMatchObject({ status: 404, type: "not_found_error" });
  });

  it.each(["v1", "v1beta"])("@google/genai reads all pages of the list, and one model, of %s", async (apiVersion) => {
    const client = new GoogleGenAI({ apiKey: "client-key", httpOptions: { baseUrl: proxy.url, apiVersion } });
    const found: (string | undefined)[] = [];
    for await (const { name } of await client.models.list({ config: { pageSize: 2 } })) found.push(name);
    expect(found).toEqual(ids.map((id) => `models/${id}`));
    const one = await client.models.get({ model: "models/openai/gpt-4o" });
    expect(one).toMatchObject({ inputTokenLimit: 128_000, supportedActions: ["generateContent", "countTokens"] });
  });
});
