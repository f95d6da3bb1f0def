import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cooldown } from "waygate/plugins/cooldown";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { proxyKey } from "waygate/plugins/proxy-key";
import { tiers } from "waygate/plugins/tiers";
import { answer, createTestProxy, createUpstream, status, type TestProxy, type Upstream } from "waygate/testing";

/** The official client against a listening proxy; the first tier is down and the first key of the second is dead. */
describe("the official openai client", () => {
  let dead: Upstream;
  let upstream: Upstream;
  let proxy: TestProxy;
  let client: OpenAI;

  beforeAll(async () => {
    dead = await createUpstream({ step: status(503, { error: { message: "Service unavailable" } }) });
    upstream = await createUpstream();
    upstream.when({ key: "key-revoked" }, status(401, { error: { message: "Incorrect API key provided" } }));
    proxy = await createTestProxy({
      listen: true,
      plugins: [
        proxyKey({ keys: ["client-key"] }),
        openaiCompatible({ name: "first", baseURL: dead.url, keys: ["key-first"], models: ["m"] }),
        openaiCompatible({ name: "second", baseURL: upstream.url, keys: ["key-revoked", "key-good"], models: ["m"] }),
        tiers([["first"], ["second"]]),
        cooldown(),
      ],
      retry: { sameCredential: 0 },
    });
    client = new OpenAI({ baseURL: `${proxy.url}/v1`, apiKey: "client-key", maxRetries: 0 });
  });
  afterAll(async () => {
    await proxy.close();
    await Promise.all([upstream.close(), dead.close()]);
  });

  it("gets a whole answer over a dead tier and a dead key", async () => {
    upstream.when({ key: "key-good" }, answer({ text: "Grüße aus dem zweiten Rang 👋" }));
    const { data, response } = await client.chat.completions
      .create({ model: "first/m", messages: [{ role: "user", content: "hello" }] })
      .withResponse();
    expect(data.choices[0]?.message.content).toBe("Grüße aus dem zweiten Rang 👋");
    expect(data.usage?.total_tokens).toBe(12);
    expect(response.headers.get("x-fallback-provider")).toBe("second");
    const { ctx } = proxy.records.at(-1)!;
    expect(ctx.attempts.map((attempt) => [attempt.provider.name, attempt.status])).toEqual([
      ["first", 503],
      ["second", 401],
      ["second", 200],
    ]);
  });

  it("streams text and reads the usage it asked for", async () => {
    upstream.when(
      { key: "key-good" },
      answer({
        text: ["Ein ", "Fluss ", "fließt."],
        usage: { prompt_tokens: 7, completion_tokens: 4, total_tokens: 11 },
      }),
    );
    const stream = await client.chat.completions.create({
      model: "second/m",
      stream: true,
      stream_options: { include_usage: true },
      messages: [{ role: "user", content: "hello" }],
    });
    let text = "";
    let total: number | undefined;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      total = chunk.usage?.total_tokens ?? total;
    }
    expect([text, total]).toEqual(["Ein Fluss fließt.", 11]);
  });

  it("streams a tool call whose arguments come in pieces", async () => {
    upstream.when(
      { key: "key-good" },
      answer({ tools: [{ id: "call_1", name: "weather", arguments: { city: "Köln" } }] }),
    );
    const runner = client.chat.completions.stream({
      model: "second/m",
      messages: [{ role: "user", content: "weather?" }],
      tools: [{ type: "function", function: { name: "weather", parameters: { type: "object" } } }],
    });
    const { choices } = await runner.finalChatCompletion();
    const call = choices[0]?.message.tool_calls?.[0];
    expect(call?.type === "function" && [call.id, call.function.name, JSON.parse(call.function.arguments)]).toEqual([
      "call_1",
      "weather",
      { city: "Köln" },
    ]);
    expect(choices[0]?.finish_reason).toBe("tool_calls");
  });

  it("raises the upstream's own fault of a request, with its status and words", async () => {
    const fault = {
      error: {
        message: "temperature must be at most 2",
        type: "invalid_request_error",
        param: "temperature",
        code: null,
      },
    };
    upstream.when({ key: "key-good" }, status(400, fault));
    const failed = client.chat.completions.create({
      model: "second/m",
      temperature: 9,
      messages: [{ role: "user", content: "hi" }],
    });
    await expect(failed).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining("temperature must be at most 2"),
      param: "temperature",
    });
  });

  it("raises when a stream breaks off, after the text so far", async () => {
    upstream.when({ key: "key-good" }, answer({ text: ["half ", "an "], finish: null }, { noDone: true }));
    const stream = await client.chat.completions.create({
      model: "second/m",
      stream: true,
      messages: [{ role: "user", content: "hello" }],
    });
    let text = "";
    const reading = async (): Promise<void> => {
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
    };
    await expect(reading()).rejects.toThrow(/ended the stream/);
    expect(text).toBe("half an ");
  });

  it("works in process, without a port", async () => {
    upstream.when({ key: "key-good" }, answer({ text: "no socket on this side" }));
    const inside = new OpenAI({
      baseURL: "http://waygate.local/v1",
      apiKey: "client-key",
      fetch: (url, init) => proxy.proxy.fetch(new Request(url as string, init)),
    });
    const { choices } = await inside.chat.completions.create({
      model: "second/m",
      messages: [{ role: "user", content: "hello" }],
    });
    expect(choices[0]?.message.content).toBe("no socket on this side");
  });
});
