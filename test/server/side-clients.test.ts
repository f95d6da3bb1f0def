import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import AnthropicV0 from "anthropic-sdk-v0";
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { JsonObject } from "waygate";
import { embedBatch } from "waygate/plugins/embed-batch";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { proxyKey } from "waygate/plugins/proxy-key";
import {
  createTestProxy,
  createUpstream,
  type ScriptRequest,
  status,
  type Step,
  type TestProxy,
  type Upstream,
} from "waygate/testing";

/** Exact as 32-bit floats. */
const vectorOf = (text: string): number[] => [text.length, 0.5, -0.25];

/** OpenAI's API and Gemini's, as far as they embed and count, and Anthropic's counter. */
const upstreamStep: Step = (request: ScriptRequest) => {
  const path = request.path.split("?")[0]!;
  if (path.endsWith("/embeddings")) return status(200, openaiVectors(request.json));
  if (path.endsWith(":embedContent")) return status(200, { embedding: { values: vectorOf(textOf(request.json)) } });
  if (path.endsWith(":batchEmbedContents")) {
    const requests = request.json["requests"] as readonly JsonObject[];
    return status(200, { embeddings: requests.map((each) => ({ values: vectorOf(textOf(each)) })) });
  }
  if (path.endsWith(":countTokens")) return status(200, { totalTokens: 31, promptTokensDetails: [] });
  if (path.endsWith("/messages/count_tokens")) return status(200, { input_tokens: 41, new_field: 1 });
  return status(404, { error: { message: `no route ${path}` } });
};

function openaiVectors(json: JsonObject): object {
  const inputs = typeof json["input"] === "string" ? [json["input"]] : (json["input"] as string[]);
  const write = (values: number[]): unknown =>
    json["encoding_format"] === "base64" ? Buffer.from(new Float32Array(values).buffer).toString("base64") : values;
  const data = inputs.map((text, index) => ({ object: "embedding", index, embedding: write(vectorOf(text)) }));
  return { object: "list", data, model: json["model"], usage: { prompt_tokens: 7, total_tokens: 7 } };
}

function textOf(request: JsonObject): string {
  return (request["content"] as unknown as { parts: { text: string }[] }).parts.map(({ text }) => text).join("");
}

let upstream: Upstream;
let proxy: TestProxy;
let seen = 0;
const sent = (): readonly ScriptRequest[] => upstream.requests.slice(seen);

beforeAll(async () => {
  upstream = await createUpstream({ base: "", step: upstreamStep });
  const provider = (
    name: string,
    protocol: "openai-chat" | "anthropic" | "gemini",
  ): ReturnType<typeof openaiCompatible> =>
    openaiCompatible({ name, protocol, baseURL: `${upstream.url}/${name}`, keys: ["provider-key"], models: ["m"] });
  proxy = await createTestProxy({
    listen: true,
    plugins: [
      proxyKey({ keys: ["client-key"] }),
      provider("chat", "openai-chat"),
      provider("claude", "anthropic"),
      provider("google", "gemini"),
    ],
  });
});
afterAll(async () => {
  await proxy.close();
  await upstream.close();
});
beforeEach(() => {
  seen = upstream.requests.length;
});

describe("embeddings by the official clients", () => {
  const openai = (): OpenAI => new OpenAI({ baseURL: `${proxy.url}/v1`, apiKey: "client-key", maxRetries: 0 });
  const genai = (): GoogleGenAI =>
    new GoogleGenAI({ apiKey: "client-key", httpOptions: { baseUrl: proxy.url, apiVersion: "v1beta" } });

  it.each(["chat", "google"])(
    "openai gets vectors of %s, in base64 as it asks by default and as numbers",
    async (name) => {
      const client = openai();
      for (const encoding of [undefined, "float"] as const) {
        const { data, usage } = await client.embeddings.create({
          model: `${name}/m`,
          input: ["ab", "cde"],
          ...(encoding && { encoding_format: encoding }),
        });
        expect(data.map(({ embedding, index }) => [index, embedding])).toEqual([
          [0, vectorOf("ab")],
          [1, vectorOf("cde")],
        ]);
        expect(usage.total_tokens).toBeTypeOf("number");
      }
      expect((await client.embeddings.create({ model: `${name}/m`, input: "x" })).data[0]!.embedding).toEqual(
        vectorOf("x"),
      );
      const last = sent().at(-1)!;
      expect(last.path).toBe(name === "chat" ? "/chat/embeddings" : "/google/models/m:embedContent");
      expect(last.key).toBe("provider-key");
    },
  );

  it.each(["chat", "google"])("@google/genai gets vectors of %s", async (name) => {
    const { embeddings } = await genai().models.embedContent({
      model: `${name}/m`,
      contents: ["ab", "cde"],
      config: { outputDimensionality: 3 },
    });
    expect(embeddings?.map(({ values }) => values)).toEqual([vectorOf("ab"), vectorOf("cde")]);
    const { path, json } = sent().at(-1)!;
    if (name === "chat") expect(json).toMatchObject({ model: "m", input: ["ab", "cde"], dimensions: 3 });
    else
      expect([path, json]).toMatchObject([
        "/google/models/m:batchEmbedContents",
        { requests: [{ model: "models/m" }, { outputDimensionality: 3 }] },
      ]);
  });

  it("both are told in their own words that a model has no embeddings", async () => {
    await expect(openai().embeddings.create({ model: "claude/m", input: "x" })).rejects.toMatchObject({
      status: 400,
      code: "unsupported_feature",
      param: "model",
    });
    await expect(genai().models.embedContent({ model: "claude/m", contents: "x" })).rejects.toMatchObject({
      status: 400,
    });
    expect(sent()).toEqual([]);
  });

  it("embedBatch() makes one call of single texts, to Gemini's route for several", async () => {
    await using batching = await createTestProxy({
      plugins: [
        openaiCompatible({
          name: "google",
          protocol: "gemini",
          baseURL: `${upstream.url}/google`,
          keys: ["k"],
          models: ["m"],
        }),
        embedBatch({ size: 3, wait: 60_000 }),
      ],
    });
    const body = (text: string): RequestInit => ({
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ content: { parts: [{ text }] }, taskType: "RETRIEVAL_QUERY" }),
    });
    const texts = ["a", "bb", "ccc"];
    const answers = await Promise.all(
      texts.map(async (text) => (await batching.fetch("/v1beta/models/google/m:embedContent", body(text))).json()),
    );
    expect(answers).toEqual(texts.map((text) => ({ embedding: { values: vectorOf(text) } })));
    expect(sent().map(({ path }) => path)).toEqual(["/google/models/m:batchEmbedContents"]);
    expect(sent()[0]!.json["requests"]).toMatchObject(
      texts.map((text) => ({ model: "models/m", content: { parts: [{ text }] }, taskType: "RETRIEVAL_QUERY" })),
    );
  });

  it("embedBatch() leaves a request alone that asks for something else with each text", async () => {
    await using batching = await createTestProxy({
      plugins: [
        openaiCompatible({
          name: "google",
          protocol: "gemini",
          baseURL: `${upstream.url}/google`,
          keys: ["k"],
          models: ["m"],
        }),
        embedBatch({ wait: 60_000 }),
      ],
    });
    const requests = [
      { model: "models/google/m", content: { parts: [{ text: "a" }] }, taskType: "RETRIEVAL_QUERY" },
      { model: "models/google/m", content: { parts: [{ text: "b" }] }, taskType: "RETRIEVAL_DOCUMENT" },
    ];
    const response = await batching.fetch("/v1beta/models/google/m:batchEmbedContents", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ requests }),
    });
    expect(response.status).toBe(200);
    expect(sent()[0]!.json["requests"]).toMatchObject([
      { taskType: "RETRIEVAL_QUERY" },
      { taskType: "RETRIEVAL_DOCUMENT" },
    ]);
  });
});

describe("counts by the official clients", () => {
  const tools = [{ name: "look_up", description: "finds", input_schema: { type: "object" as const, properties: {} } }];
  const question = { messages: [{ role: "user" as const, content: "How many?" }], system: "Be brief.", tools };

  describe.each([
    ["1.x", Anthropic],
    ["0.x", AnthropicV0],
  ])("@anthropic-ai/sdk %s", (_, Client) => {
    const client = (): Anthropic =>
      new Client({ baseURL: proxy.url, apiKey: "client-key", maxRetries: 0 }) as Anthropic;

    it.each([
      ["claude", 41, "/claude/messages/count_tokens"],
      ["google", 31, "/google/models/m:countTokens"],
    ])("is told what the counter of %s says", async (name, tokens, path) => {
      const { data, response } = await client()
        .messages.countTokens({ model: `${name}/m`, ...question })
        .withResponse();
      expect(data.input_tokens).toBe(tokens);
      expect(response.headers.get("x-waygate-estimated")).toBeNull();
      expect(sent().map((request) => request.path)).toEqual([path]);
      expect(sent()[0]!.body).toContain("look_up");
    });

    it("is told an estimate where there is no counter", async () => {
      const { data, response } = await client()
        .messages.countTokens({ model: "chat/m", ...question })
        .withResponse();
      expect(data.input_tokens).toBeGreaterThan(10);
      expect(data.input_tokens).toBeLessThan(60);
      expect(response.headers.get("x-waygate-estimated")).toBe("true");
      expect(sent()).toEqual([]);
    });

    it("is told what is wrong with its request before anybody is asked", async () => {
      const wrong = { model: "claude/m", messages: "no" } as never;
      await expect(client().messages.countTokens(wrong)).rejects.toMatchObject({
        status: 400,
        type: "invalid_request_error",
      });
      expect(sent()).toEqual([]);
    });
  });

  it.each([
    ["google", 31],
    ["claude", 41],
    ["chat", undefined],
  ])("@google/genai is told what %s counts", async (name, tokens) => {
    const client = new GoogleGenAI({ apiKey: "client-key", httpOptions: { baseUrl: proxy.url, apiVersion: "v1beta" } });
    const { totalTokens, sdkHttpResponse } = await client.models.countTokens({
      model: `${name}/m`,
      contents: "How many?",
    });
    if (tokens !== undefined) expect(totalTokens).toBe(tokens);
    else expect(totalTokens).toBeGreaterThan(3);
    expect(sdkHttpResponse?.headers?.["x-waygate-estimated"]).toBe(tokens === undefined ? "true" : undefined);
  });

  it.each([
    ["google", 31],
    ["claude", 41],
  ])("POST /v1/token-count asks the counter of %s", async (name, tokens) => {
    const response = await proxy.fetch("/v1/token-count", {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer client-key" },
      body: JSON.stringify({ model: `${name}/m`, messages: [{ role: "user", content: "How many?" }] }),
    });
    expect(await response.json()).toEqual({ token_count: tokens });
  });
});
