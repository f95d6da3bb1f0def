/** Rules D2, D6 and D7: what is known of usage, and what is asked for to know it. */
import { describe, expect, it } from "vitest";
import { definePlugin, type JsonObject, type PluginInput } from "waygate";
import { allEvents, answer, chunk, type Received, type ReadEvent, status, stream, textOfEvents } from "waygate/testing";
import { bench, readToEnd, ways } from "./_streams.ts";

const usage = { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 };
const counted = { input: 9, output: 3 };

/** Chunks that bring usage and nothing else. */
function usageChunks(events: readonly ReadEvent[]): readonly JsonObject[] {
  return events.flatMap(({ json }) => (json?.["usage"] && (json["choices"] as unknown[]).length === 0 ? [json] : []));
}

/** Writes the request anew, as plugins do that change prompts. */
const rewriting: PluginInput = definePlugin({
  name: "rewriting",
  hooks: {
    filter(ctx) {
      ctx.request = { ...ctx.request, temperature: 0.5 };
    },
  },
});

describe.each(ways)("on the path of %s", (way, plugins) => {
  it.each([
    ["an empty delta", [{ index: 0, delta: {}, finish_reason: "stop" }]],
    ["an empty delta and no index", [{ delta: {}, finish_reason: "stop" }]],
    ["the last text", [{ index: 0, delta: { content: "!" }, finish_reason: "stop" }]],
  ])("D2 usage beside %s is kept and the chunk reaches the client (report 36)", async (_name, choices) => {
    const { proxy, upstream } = await bench({ listen: true, plugins: plugins() });
    upstream.reply(stream([chunk({ content: "hi" }), { object: "chat.completion.chunk", choices, usage }]));
    const events = await allEvents(await proxy.chat({ model: "lab/m", stream: true }));
    expect(textOfEvents(events)).toMatch(/^hi!?$/);
    expect(events.some(({ data }) => data.includes('"finish_reason":"stop"'))).toBe(true);
    expect(events.at(-1)?.data).toBe("[DONE]");
    expect((await proxy.recorded(1)).outcome).toMatchObject({ usage: counted, finish: "stop", path: way });
  });

  it("D2 a choice repeated empty beside the usage, after the finish, undoes nothing", async () => {
    const { proxy, upstream } = await bench({ listen: true, plugins: plugins() });
    upstream.reply(
      stream([chunk({ content: "hi" }), chunk({}, { finish: "stop" }), { choices: [{ delta: {} }], usage }], {
        noDone: true,
      }),
    );
    const events = await allEvents(await proxy.chat({ model: "lab/m", stream: true }));
    expect(events.filter(({ json }) => json?.["error"])).toEqual([]);
    expect((await proxy.recorded(1)).outcome).toMatchObject({ end: "complete", usage: counted, finish: "stop" });
  });

  it.each(["choices", "twice", "x_groq", "chunk"] as const)("D2 usage is found in %s (report 36)", async (usageIn) => {
    for (const asked of [true, false]) {
      const { proxy, upstream } = await bench({ listen: true, plugins: plugins() });
      upstream.reply(answer({ usageIn, text: "hi" }));
      await readToEnd(await proxy.chat({ model: "lab/m", stream: asked }));
      expect((await proxy.recorded(1)).outcome.usage).toMatchObject(counted);
    }
  });

  it("D2 the last count of several wins", async () => {
    const { proxy, upstream } = await bench({ plugins: plugins() });
    const growing = [1, 2, 3].map((completion_tokens) =>
      chunk({ content: "x" }, { usage: { prompt_tokens: 9, completion_tokens } }),
    );
    upstream.reply(stream([...growing, chunk({}, { finish: "stop" })]));
    await readToEnd(await proxy.chat({ model: "lab/m", stream: true }));
    expect((await proxy.recorded(1)).outcome.usage).toMatchObject(counted);
  });

  it("D6 usage is asked for, recorded, and its chunk kept from a client that did not ask", async () => {
    const { proxy, upstream } = await bench({ listen: true, plugins: plugins() });
    upstream.reply(answer({ text: "hi" }));
    const events = await allEvents(await proxy.chat({ model: "lab/m", stream: true }));
    expect(upstream.requests[0]!.json["stream_options"]).toEqual({ include_usage: true });
    expect(usageChunks(events)).toEqual([]);
    expect(textOfEvents(events)).toBe("hi");
    expect(events.at(-1)?.data).toBe("[DONE]");
    expect((await proxy.recorded(1)).outcome.usage).toMatchObject(counted);
  });

  it("D6 a client that asked gets the chunk, once, just before the end", async () => {
    const { proxy, upstream } = await bench({ listen: true, plugins: plugins() });
    upstream.reply(answer({ text: "hi" }));
    const events = await allEvents(
      await proxy.chat({ model: "lab/m", stream: true, stream_options: { include_usage: true } }),
    );
    expect(usageChunks(events)).toMatchObject([{ usage }]);
    expect(events.at(-2)?.json).toHaveProperty("usage");
    expect(events.at(-1)?.data).toBe("[DONE]");
    expect((await proxy.recorded(1)).outcome.usage).toMatchObject(counted);
  });

  it.each([
    [{ include_usage: false }, { include_usage: true }, false],
    [{ include_obfuscation: false }, { include_obfuscation: false, include_usage: true }, false],
    [{ include_usage: true, include_obfuscation: false }, { include_usage: true, include_obfuscation: false }, true],
    [null, { include_usage: true }, false],
  ])("D6 stream_options %j of a client are kept and extended to %j", async (sent, received, asked) => {
    const { proxy, upstream } = await bench({ plugins: plugins() });
    upstream.reply(answer({ text: "hi" }));
    const events = await allEvents(await proxy.chat({ model: "lab/m", stream: true, stream_options: sent }));
    expect(upstream.requests[0]!.json["stream_options"]).toEqual(received);
    expect(usageChunks(events)).toHaveLength(asked ? 1 : 0);
    expect((await proxy.recorded(1)).outcome.usage).toMatchObject(counted);
  });

  it("D6 a provider that refuses stream_options is not sent any, and its own usage is still found", async () => {
    const { proxy, upstream } = await bench({ plugins: plugins(), lab: { streamUsage: false } });
    upstream.reply(answer({ text: "hi", usageIn: "choices" }));
    await readToEnd(await proxy.chat({ model: "lab/m", stream: true }));
    expect(upstream.requests[0]!.json).not.toHaveProperty("stream_options");
    expect((await proxy.recorded(1)).outcome.usage).toMatchObject(counted);
  });

  it("D6 whole answers are asked for as they are", async () => {
    const { proxy, upstream } = await bench({ plugins: plugins() });
    upstream.reply(answer({ text: "hi" }));
    await readToEnd(await proxy.chat({ model: "lab/m" }));
    expect(upstream.requests[0]!.json).not.toHaveProperty("stream_options");
    expect((await proxy.recorded(1)).outcome.usage).toMatchObject(counted);
  });

  it("D7 only the attempt that answered counts, and answer and record name its model", async () => {
    const { proxy, upstream } = await bench({ plugins: plugins(), models: { smart: ["lab/first", "lab/second"] } });
    upstream.when({ model: "first" }, status(500, { error: { message: "down" }, usage: { prompt_tokens: 1000 } }));
    upstream.when({ model: "second" }, answer({ text: "hi" }));
    for (const asked of [true, false]) {
      const response = await proxy.chat({ model: "smart", stream: asked });
      expect(response.headers.get("x-waygate-model")).toBe("second");
      expect((await readToEnd(response)).text).toContain('"model":"second"');
    }
    for (const { outcome } of proxy.records) {
      expect(outcome).toMatchObject({ usage: counted, answeredBy: { model: "second" } });
    }
  });
});

describe("D6 how it is asked", () => {
  async function sentFor(text: string, more: readonly PluginInput[] = [], streamUsage?: boolean): Promise<Received> {
    const { proxy, upstream } = await bench({ plugins: more, lab: { streamUsage } });
    upstream.reply(answer({ text: "hi" }));
    const response = await proxy.fetch("/v1/chat/completions", { method: "POST", body: text });
    await readToEnd(response);
    return upstream.requests[0]!;
  }

  it("D6 the option is spliced into the text, which else stays as it was", async () => {
    const text = (end: string): string =>
      `{ "seed":12345678901234567890, "n" : 1.0,\n"model":"lab/m","messages":[{"role":"user","content":"x"}],"stream":true${end}}`;
    expect((await sentFor(text(" "))).body).toBe(
      text(',"stream_options":{"include_usage":true} ').replace("lab/m", "m"),
    );
  });

  it("D6 a request that a plugin has written anew asks for usage too", async () => {
    const body = JSON.stringify({ model: "lab/m", stream: true, messages: [{ role: "user", content: "x" }] });
    const asked = await sentFor(body, [rewriting]);
    expect(asked.json).toMatchObject({ temperature: 0.5, stream_options: { include_usage: true } });
    expect((await sentFor(body, [rewriting], false)).json).not.toHaveProperty("stream_options");
  });
});
