/** Signs of life in a stream that has not begun, or falls silent, as the official clients read them. */
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import OpenAI from "openai";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { createTestProxy, createUpstream, later, pause, type TestProxy, type Upstream } from "waygate/testing";
import { change } from "../../src/testing/reply-changes.ts";
import { wires } from "./_upstreams.ts";

const said = "hello out there";
const apiKey = "any";
const model = "up/m";
let upstream: Upstream;
let proxy: TestProxy;
/** What the clients were given. */
let bytes = "";

/** Keeps the bytes beside the client, which must never show it what is no event. */
const listening: typeof fetch = async (input, init) => {
  const response = await fetch(input, init);
  const [mine, theirs] = response.body!.tee();
  void new Response(mine).text().then((text) => (bytes = text));
  return new Response(theirs, response);
};

beforeAll(async () => {
  const { base, says } = wires["openai-chat"];
  const slow = change(says({ text: said }), (reply) => ({
    ...reply,
    body: reply.body.flatMap((piece, at) => (at % 2 === 1 ? [pause(40), piece] : [piece])),
  }));
  upstream = await createUpstream({ base, step: later(slow, pause(60)) });
  const provider = openaiCompatible({ name: "up", baseURL: upstream.url, keys: ["k"], models: ["m"] });
  proxy = await createTestProxy({ listen: true, plugins: [provider], server: { keepAlive: 10 } });
});
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

it("B5 chat of the OpenAI client", async () => {
  const client = new OpenAI({ apiKey, baseURL: `${proxy.url}/v1`, maxRetries: 0, fetch: listening });
  const messages = [{ role: "user" as const, content: "hi" }];
  let text = "";
  for await (const chunk of await client.chat.completions.create({ model, messages, stream: true }))
    text += chunk.choices[0]?.delta.content ?? "";
  expect(text).toBe(said);
  expect(bytes).toMatch(/^: keep-alive\n\n/);
});

it("B5 responses of the OpenAI client", async () => {
  const client = new OpenAI({ apiKey, baseURL: `${proxy.url}/v1`, maxRetries: 0, fetch: listening });
  let text = "";
  for await (const event of await client.responses.create({ model, input: "hi", stream: true }))
    if (event.type === "response.output_text.delta") text += event.delta;
  expect(text).toBe(said);
  expect(bytes).toMatch(/^: keep-alive\n\n/);
});

it("B5 the Anthropic client", async () => {
  const client = new Anthropic({ apiKey, baseURL: proxy.url, maxRetries: 0, fetch: listening });
  const messages = [{ role: "user" as const, content: "hi" }];
  const message = await client.messages.stream({ model, max_tokens: 100, messages }).finalMessage();
  expect(message.content).toMatchObject([{ type: "text", text: said }]);
  expect(bytes).toMatch(/^event: ping\n/);
});

it("B5 the Google client", async () => {
  const client = new GoogleGenAI({ apiKey, httpOptions: { baseUrl: proxy.url } });
  let text = "";
  for await (const chunk of await client.models.generateContentStream({ model, contents: "hi" }))
    text += chunk.text ?? "";
  expect(text).toBe(said);
  const asked = await proxy.fetch(`/v1beta/models/${model}:streamGenerateContent?alt=sse`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ contents: [{ role: "user", parts: [{ text: "hi" }] }] }),
  });
  expect(await asked.text()).toMatch(/^\n\n/);
});
