/** Real packages of the AI SDK before upstreams of their own services, asked by clients of every protocol. */
import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { describe, expect, test } from "vitest";
import type { Message, Tool } from "waygate";
import { aiSdk } from "waygate/plugins/ai-sdk";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { embeddingsAnswer } from "./_embeddings.ts";
import { wires } from "../../sdk/_upstreams.ts";
import { counted, type ProtocolId } from "../../sdk/wire/types.ts";
import { ask, clients, proxyOf, read, station, user } from "./_bench.ts";

const apiKey = "key-of-the-package";

const packages: { readonly [name: string]: readonly [ProtocolId, (baseURL: string) => ReturnType<typeof aiSdk>] } = {
  "@ai-sdk/openai": [
    "openai-responses",
    (baseURL) =>
      aiSdk(createOpenAI({ baseURL, apiKey }), { name: "ai", providerOptions: { openai: { store: false } } }),
  ],
  "@ai-sdk/anthropic": ["anthropic", (baseURL) => aiSdk(createAnthropic({ baseURL, apiKey }), { name: "ai" })],
  "@ai-sdk/google": ["gemini", (baseURL) => aiSdk(createGoogleGenerativeAI({ baseURL, apiKey }), { name: "ai" })],
  "@ai-sdk/openai-compatible": [
    "openai-chat",
    (baseURL) => aiSdk(createOpenAICompatible({ name: "lab", baseURL, apiKey, includeUsage: true }), { name: "ai" }),
  ],
};

const weather: Tool = {
  type: "function",
  name: "get_weather",
  description: "Tells the weather.",
  schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};
const call = { id: "call_w1", name: "get_weather", args: { city: "Köln" } } as const;

const pairs = Object.entries(packages).flatMap(([name, [protocol, make]]) =>
  clients.flatMap((client) =>
    [false, true].map((stream) => ({ name, protocol, make, client, stream, how: stream ? "streamed" : "whole" })),
  ),
);

describe.each(pairs)("$name for a client of $client, $how", ({ protocol, make, client, stream }) => {
  test("text, reasoning and usage come as the client's protocol has them", async () => {
    const { upstream, says } = await station(protocol);
    const proxy = await proxyOf([make(upstream.url)]);
    says({ reasoning: "They greet. ", text: "Grüße 👋 an alle" });
    const request = { model: "ai/claude-sonnet-4-5", stream, messages: [user("hello")] };
    const answer = await read(await ask(proxy, client, request), client);
    expect(answer.parts.find((part) => part.type === "text")).toMatchObject({ text: "Grüße 👋 an alle" });
    expect(answer.finish?.reason).toBe("stop");
    const { outcome } = await proxy.recorded(1);
    expect(outcome).toMatchObject({ end: "complete", path: "bytes" });
    expect(outcome.usage).toMatchObject({
      input: counted.input,
      cacheRead: counted.cached,
      output: counted.output,
      reasoning: counted.reasoning,
    });
    expect(upstream.requests.at(-1)!.key).toBe(apiKey);
  });

  test("a tool is called, and its result and every signature go back", async () => {
    const { upstream, says } = await station(protocol);
    const proxy = await proxyOf([make(upstream.url)]);
    says({ reasoning: "I look. ", calls: [call] }, { text: "It is 21 degrees." });
    const messages = [user("How warm is it?")];
    const request = { model: "ai/claude-sonnet-4-5", stream, tools: [weather], reasoning: { effort: "low" } as const };
    const first = await read(await ask(proxy, client, { ...request, messages }), client);
    const called = first.parts.find((part) => part.type === "tool-call");
    expect(called).toMatchObject({ name: "get_weather" });
    expect(JSON.parse(called!.input)).toEqual(call.args);
    expect(first.finish?.reason).toBe("tool-calls");

    const parts = first.parts.filter(({ type }) => type !== "opaque");
    const history: Message[] = [
      ...messages,
      { role: "assistant", parts },
      {
        role: "user",
        parts: [{ type: "tool-result", id: called!.id, content: [{ type: "text", text: "21 degrees" }] }],
      },
    ];
    const second = await read(await ask(proxy, client, { ...request, messages: history }), client);
    expect(second.parts.find((part) => part.type === "text")).toMatchObject({ text: "It is 21 degrees." });
    const sent = upstream.requests.at(-1)!;
    const [result] = wires[protocol].resultsOf(sent.json);
    expect(result?.text).toContain("21 degrees");
    expect(wires[protocol].toolsOf(sent.json)[0]).toMatchObject({ name: "get_weather" });
    // Chat has a place for the signature of a call only.
    const { seal } = wires[protocol];
    if (seal && (client !== "openai-chat" || protocol === "gemini")) expect(sent.body).toContain(JSON.stringify(seal));
  });
});

describe.each(Object.entries(packages))("%s", (_name, [protocol, make]) => {
  test("that is refused lets the next provider answer, with the reason and its time on record", async () => {
    const { upstream } = await station(protocol);
    const spare = await station("openai-chat");
    const lab = openaiCompatible({ name: "lab", baseURL: spare.upstream.url, keys: ["k"], models: ["m"] });
    const proxy = await proxyOf([make(upstream.url), lab]);
    upstream.always(wires[protocol].refuses(429, "Rate limit reached, slow down", { "retry-after": "20" }));
    spare.says({ text: "from the next" });
    await using aliased = await (
      await import("waygate/testing")
    ).createTestProxy({
      plugins: proxy.app.plugins,
      models: { any: ["ai/claude-sonnet-4-5", "lab/m"] },
      retry: { sameCredential: 0 },
    });
    const answer = await read(await ask(aliased, "anthropic", { model: "any", stream: true }), "anthropic");
    expect(answer.parts[0]).toMatchObject({ text: "from the next" });
    const { ctx } = await aliased.recorded(1);
    const [failed] = ctx.attempts;
    expect(failed).toMatchObject({ status: 429, error: { kind: "rate_limited" } });
    expect(Math.round((failed!.error!.retryAt! - failed!.startedAt) / 1000)).toBe(20);
  });

  test("that finds nobody is a failure of the network", async () => {
    const proxy = await proxyOf([make("http://127.0.0.1:1/v1")]);
    const response = await ask(proxy, "openai-chat", { model: "ai/m" });
    expect(response.status).toBe(502);
    expect((await proxy.recorded(1)).ctx.attempts[0]?.error?.kind).toBe("network");
  });
});

test("vectors of a package answer clients of both protocols that have them", async () => {
  const { upstream } = await station("openai-chat");
  upstream.always(embeddingsAnswer);
  const proxy = await proxyOf([aiSdk(createOpenAI({ baseURL: upstream.url, apiKey }), { name: "ai" })]);
  const post = (path: string, body: object): Promise<Response> =>
    proxy.fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  const chat = await post("/v1/embeddings", { model: "ai/text-embedding-3-small", input: ["ab", "c"], dimensions: 2 });
  expect(await chat.json()).toMatchObject({ data: [{ embedding: [2, 0.5] }, { embedding: [1, 0.5] }] });
  expect(upstream.requests[0]!.json).toMatchObject({ input: ["ab", "c"], dimensions: 2 });
  const gemini = await post("/v1beta/models/ai/text-embedding-3-small:embedContent", {
    content: { parts: [{ text: "abc" }] },
  });
  expect(await gemini.json()).toMatchObject({ embedding: { values: [3, 0.5] } });
});
