import { describe, expect, it } from "vitest";
import type { GenerateRequest, Json, JsonObject, StreamEvent } from "../../../src/protocols/canonical.ts";
import { openaiChat } from "../../../src/protocols/openai-chat/index.ts";
import { openaiCompletions } from "../../../src/protocols/openai-completions/index.ts";
import { encodeFrame } from "../../../src/wire/sse.ts";
import { textBody } from "../../../src/wire/body.ts";

const request = new Request("http://localhost/v1/completions", { method: "POST" });
const decoded = (body: Json): GenerateRequest =>
  openaiCompletions.decodeRequest(textBody(JSON.stringify(body)), request);

describe("legacy completion requests", () => {
  it("become one message of the user for a chat upstream, and what it cannot say is lost", () => {
    const losses: string[] = [];
    const asked = decoded({
      model: "m",
      prompt: ["Once"],
      max_tokens: 8,
      stop: "END",
      echo: true,
      suffix: "end",
      seed: 1,
    });
    const { json } = openaiChat.encodeRequest(asked, ({ where }) => losses.push(where));
    expect(json).toEqual({
      model: "m",
      messages: [{ role: "user", content: "Once" }],
      max_tokens: 8,
      stop: ["END"],
      seed: 1,
    });
    expect(losses).toEqual(["echo", "suffix"]);
  });

  it.each<{ prompt: Json }>([{ prompt: ["a", "b"] }, { prompt: [1, 2] }, { prompt: [[1], [2]] }])(
    "with %j are for this protocol alone",
    ({ prompt }) => {
      expect(() => openaiChat.encodeRequest(decoded({ model: "m", prompt }), () => {})).toThrow(
        expect.objectContaining({ code: "unsupported_feature", param: "prompt" }),
      );
    },
  );

  it.each<[Json, string]>([
    [{ prompt: "x" }, "model"],
    [{ model: "m" }, "prompt"],
    [{ model: "m", prompt: 7 }, "prompt"],
    [{ model: "m", prompt: [] }, "prompt"],
    [{ model: "m", prompt: ["a", null] }, "prompt[1]"],
    [{ model: "m", prompt: "x", stream: "yes" }, "stream"],
  ])("%j is refused, and the field is named", (body, param) => {
    expect(() => openaiCompletions.inspect(request, textBody(JSON.stringify(body)))).toThrow(
      expect.objectContaining({ kind: "invalid_request", param }),
    );
  });

  it("D6 are asked for usage when streamed", () => {
    const body = textBody('{"model":"a","prompt":"x","stream":true}');
    expect(openaiCompletions.retarget(body, "b", { usage: true }).text).toBe(
      '{"model":"b","prompt":"x","stream":true,"stream_options":{"include_usage":true}}',
    );
  });

  it("hold a conversation as one text with the names of who speaks", () => {
    const losses: string[] = [];
    const text = (role: "system" | "user" | "assistant", said: string) =>
      ({ role, parts: [{ type: "text", text: said }] }) as const;
    const messages = [text("system", "Be brief."), text("user", "Hi"), text("assistant", "Yes?"), text("user", "Why?")];
    const { json } = openaiCompletions.encodeRequest({ model: "m", stream: false, messages }, ({ where }) =>
      losses.push(where),
    );
    expect(json["prompt"]).toBe("System: Be brief.\n\nUser: Hi\n\nAssistant: Yes?\n\nUser: Why?\n\nAssistant:");
    expect(losses).toEqual(["messages"]);
  });
});

describe("legacy completions", () => {
  const events: StreamEvent[] = [
    { type: "start", id: "up-1" },
    { type: "reasoning-start", index: 0 },
    { type: "reasoning-delta", index: 0, delta: "hm" },
    { type: "text-start", index: 1 },
    { type: "text-delta", index: 1, delta: "so" },
    { type: "tool-start", index: 2, id: "t", name: "f" },
    { type: "tool-delta", index: 2, delta: "{}" },
    { type: "usage", usage: { input: 3, output: 4 } },
    { type: "finish", reason: "tool-calls", raw: "tool_use" },
  ];

  it("hold the text of any upstream, its usage and the terminator", () => {
    const losses: string[] = [];
    const out: string[] = [];
    const encoder = openaiCompletions.encoder({ id: "a", model: "m", created: 5, usage: true }, ({ what }) =>
      losses.push(what),
    );
    for (const event of events) encoder.event(event, ({ data }) => out.push(data));
    encoder.end(({ data }) => out.push(data));
    expect(out.pop()).toBe("[DONE]");
    const chunks = out.map((data) => JSON.parse(data) as JsonObject);
    for (const chunk of chunks) {
      expect(chunk).toMatchObject({ id: "up-1", object: "text_completion", created: 5, model: "m" });
    }
    const choice = (text: string, finish: string | null): JsonObject => ({
      text,
      index: 0,
      logprobs: null,
      finish_reason: finish,
    });
    expect(chunks.map(({ choices }) => choices)).toEqual([[choice("so", null)], [choice("", "stop")], []]);
    expect(chunks.at(-1)).toMatchObject({ usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 } });
    expect(encoder.body()).toMatchObject({ object: "text_completion", choices: [choice("so", "stop")] });
    expect(losses).toEqual(["reasoning", "tool calls"]);
  });

  it("B1 end in an error and no terminator when the upstream breaks off", () => {
    const found: StreamEvent[] = [];
    const decoder = openaiCompletions.decoder();
    decoder.message({ data: '{"choices":[{"text":"half"}]}' }, (event) => found.push(event));
    decoder.end((event) => found.push(event));
    expect(found.map(({ type }) => type)).toEqual(["start", "text-start", "text-delta", "block-end", "error"]);
  });

  it("are seen by the probe from their first text to their end", () => {
    const probe = openaiCompletions.probe({ dropUsage: true });
    const see = (data: string): string => probe.see(Buffer.from(encodeFrame({ data })));
    expect([see('{"choices":[{"text":"","index":0}]}'), probe.started]).toEqual(["forward", false]);
    expect([see('{"choices":[{"text":"a","index":0}]}'), probe.started]).toEqual(["forward", true]);
    expect([see('{"choices":[{"text":"b","index":0}]}'), probe.finished]).toEqual(["forward", false]);
    expect([see('{"choices":[{"text":"","index":0,"finish_reason":"length"}]}'), probe.finish]).toEqual([
      "forward",
      "length",
    ]);
    expect(see('{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}')).toBe("drop");
    expect([see("[DONE]"), probe.usage?.output]).toEqual(["last", 2]);
  });
});
