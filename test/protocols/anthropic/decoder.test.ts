import { describe, expect, it } from "vitest";
import type { JsonObject, StreamEvent } from "../../../src/protocols/canonical.ts";
import { anthropic } from "../../../src/protocols/anthropic/index.ts";
import type { Sse } from "../../../src/wire/sse.ts";

const start = (usage: JsonObject = { input_tokens: 5, output_tokens: 1 }, more: JsonObject = {}): JsonObject => ({
  type: "message_start",
  message: {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "m",
    content: [],
    stop_reason: null,
    usage,
    ...more,
  },
});
const block = (index: number, content_block: JsonObject): JsonObject => ({
  type: "content_block_start",
  index,
  content_block,
});
const delta = (index: number, fields: JsonObject): JsonObject => ({
  type: "content_block_delta",
  index,
  delta: fields,
});
const text = (index: number, words: string): JsonObject => delta(index, { type: "text_delta", text: words });
const end = (index: number): JsonObject => ({ type: "content_block_stop", index });
const stop = (reason: string | null, usage: JsonObject = { output_tokens: 9 }): JsonObject => ({
  type: "message_delta",
  delta: { stop_reason: reason, stop_sequence: null },
  usage,
});
const done = { type: "message_stop" };

function decoded(messages: readonly (JsonObject | Sse)[]): StreamEvent[] {
  const events: StreamEvent[] = [];
  const decoder = anthropic.decoder();
  const emit = (event: StreamEvent): void => void events.push(event);
  for (const message of messages) {
    decoder.message("data" in message ? (message as Sse) : { data: JSON.stringify(message) }, emit);
  }
  decoder.end(emit);
  return events;
}

const usageOf = (events: readonly StreamEvent[]): unknown => {
  const last = events.findLast((event) => event.type === "usage");
  return last?.usage;
};
const finishOf = (events: readonly StreamEvent[]): string | undefined =>
  events.flatMap((event) => (event.type === "finish" ? [event.reason] : []))[0];

describe("decoder", () => {
  it("F1 gives a signature as a seal without a provider, after the thinking it signs", () => {
    const events = decoded([
      start(),
      block(0, { type: "thinking", thinking: "", signature: "" }),
      delta(0, { type: "thinking_delta", thinking: "Hm." }),
      delta(0, { type: "signature_delta", signature: "c2ln/+=" }),
      end(0),
      stop("end_turn"),
      done,
    ]);
    expect(events.slice(2, 6)).toEqual([
      { type: "reasoning-start", index: 0 },
      { type: "reasoning-delta", index: 0, delta: "Hm." },
      { type: "seal", index: 0, seal: { protocol: "anthropic", value: "c2ln/+=" } },
      { type: "block-end", index: 0 },
    ]);
  });

  it("F1 gives redacted thinking as reasoning without text under a redacted seal", () => {
    const events = decoded([start(), block(0, { type: "redacted_thinking", data: "ZA==" }), end(0), stop("end_turn")]);
    expect(events).toContainEqual({
      type: "seal",
      index: 0,
      seal: { protocol: "anthropic", value: "ZA==", redacted: true },
    });
    expect(events.some(({ type }) => type === "reasoning-delta")).toBe(false);
  });

  it("gives a server tool's call and result as one opaque value each, in their place", () => {
    const result = { type: "web_search_tool_result", tool_use_id: "srvtoolu_1", content: [] };
    const events = decoded([
      start(),
      block(0, { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: {} }),
      delta(0, { type: "input_json_delta", partial_json: '{"q":' }),
      delta(0, { type: "input_json_delta", partial_json: '"x"}' }),
      end(0),
      block(1, result),
      end(1),
      block(2, { type: "text", text: "" }),
      text(2, "Found."),
      delta(2, { type: "citations_delta", citation: { type: "w", url: "https://a.example", title: "A" } }),
      end(2),
      stop("end_turn"),
      done,
    ]);
    const seen = events.filter(({ type }) => ["opaque", "text-delta", "source"].includes(type));
    expect(seen).toEqual([
      {
        type: "opaque",
        protocol: "anthropic",
        value: { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: { q: "x" } },
      },
      { type: "opaque", protocol: "anthropic", value: result },
      { type: "text-delta", index: 0, delta: "Found." },
      {
        type: "source",
        index: 0,
        url: "https://a.example",
        title: "A",
        meta: { anthropic: { citation: { type: "w", url: "https://a.example", title: "A" } } },
      },
    ]);
  });

  it("takes arguments that come whole with the start of a call", () => {
    const call = { type: "tool_use", id: "toolu_1", name: "f", input: { a: 1 } };
    const events = decoded([start(), block(0, call), end(0), stop("tool_use")]);
    expect(events).toContainEqual({ type: "tool-delta", index: 0, delta: '{"a":1}' });
  });

  it("B18 reads a plain end after a call as a call to be answered", () => {
    const events = decoded([
      start(),
      block(0, { type: "text", text: "" }),
      text(0, "I look."),
      end(0),
      block(1, { type: "tool_use", id: "toolu_1", name: "f", input: {} }),
      end(1),
      stop("end_turn"),
      done,
    ]);
    expect(finishOf(events)).toBe("tool-calls");
    expect(events).toContainEqual({ type: "tool-delta", index: 1, delta: "{}" });
  });

  it.each([
    ["end_turn", "stop"],
    ["stop_sequence", "stop"],
    ["max_tokens", "length"],
    ["model_context_window_exceeded", "length"],
    ["tool_use", "tool-calls"],
    ["pause_turn", "pause"],
    ["refusal", "content-filter"],
    ["something_new", "other"],
  ])("F9 reads the stop reason %s as %s", (raw, reason) => {
    expect(finishOf(decoded([start(), stop(raw), done]))).toBe(reason);
  });

  it("B19 goes on after a second message_start, also in the middle", () => {
    const events = decoded([
      start(),
      block(0, { type: "text", text: "" }),
      text(0, "a"),
      start({ input_tokens: 7, output_tokens: 1 }, { id: "msg_2" }),
      block(0, { type: "text", text: "" }),
      text(0, "b"),
      end(0),
      stop("end_turn"),
      done,
    ]);
    expect(events.filter(({ type }) => type === "start")).toHaveLength(1);
    expect(events.flatMap((event) => (event.type === "text-delta" ? [event.index, event.delta] : []))).toEqual([
      0,
      "a",
      1,
      "b",
    ]);
    expect(events.at(-1)?.type).toBe("finish");
  });

  it("B10 fills the finish in where the end was said without a reason", () => {
    expect(decoded([start(), done]).at(-1)).toEqual({ type: "finish", reason: "stop" });
  });

  it("B10 ends a stream that stops early with an error", () => {
    const events = decoded([start(), block(0, { type: "text", text: "" }), text(0, "ha")]);
    expect(events.slice(-2).map(({ type }) => type)).toEqual(["block-end", "error"]);
  });

  it("finishes a stream that has a stop reason and no message_stop", () => {
    expect(decoded([start(), stop("end_turn")]).at(-1)?.type).toBe("finish");
  });

  it.each<[string, Sse]>([
    ["of its own shape", { event: "error", data: '{"type":"error","error":{"type":"api_error","message":"x"}}' }],
    ["of another API", { data: '{"error":{"message":"x","code":500}}' }],
    ["by the event's name", { event: "error", data: '{"message":"x"}' }],
  ])("ends at an error %s and says nothing more", (_, failure) => {
    const events = decoded([start(), failure, stop("end_turn"), done]);
    expect(events.at(-1)?.type).toBe("error");
    expect(events.filter(({ type }) => type === "error")).toHaveLength(1);
  });

  it("is not disturbed by what it cannot read", () => {
    const odd: (JsonObject | Sse)[] = [
      { data: "not json" },
      { data: "[1]" },
      { type: "ping" },
      { type: "content_block_delta", index: "x", delta: null },
      { type: "content_block_start", index: 3, content_block: null },
      delta(7, { type: "input_json_delta", partial_json: "{}" }),
      { type: "content_block_stop", index: 9 },
      { type: "message_start", message: null },
    ];
    const events = decoded([...odd, start(), ...odd, text(0, "still here"), stop("end_turn"), done]);
    expect(events.filter(({ type }) => type === "text-delta")).toEqual([
      { type: "text-delta", index: 0, delta: "still here" },
    ]);
    expect(events.at(-1)?.type).toBe("finish");
  });
});

describe("usage", () => {
  it("D1 takes the later of two counts unless it is zero or null", () => {
    const first = { input_tokens: 43, cache_read_input_tokens: 8, output_tokens: 1 };
    const later = { input_tokens: 61, cache_read_input_tokens: 0, output_tokens: 2, server_tool_use: null };
    expect(usageOf(decoded([start(first), stop("end_turn", later), done]))).toMatchObject({ input: 69, output: 2 });
  });

  it("D1 leaves both at zero when the upstream says nothing else", () => {
    const zero = { input_tokens: 0, output_tokens: 0 };
    expect(usageOf(decoded([start(zero), stop("end_turn", zero)]))).toMatchObject({ input: 0, output: 0 });
  });

  it("D3 D5 counts cached tokens into the input and names reasoning within the output", () => {
    const raw = {
      input_tokens: 3,
      cache_creation_input_tokens: 40,
      cache_read_input_tokens: 500,
      output_tokens: 30,
      output_tokens_details: { thinking_tokens: 24 },
    };
    expect(usageOf(decoded([start(raw), stop("end_turn", {})]))).toEqual({
      ...{ input: 543, cacheRead: 500, cacheWrite: 40, output: 30, reasoning: 24 },
      raw,
    });
  });
});
