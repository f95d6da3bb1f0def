import { describe, expect, it } from "vitest";
import { ProxyError } from "../../../src/failure/error.ts";
import type { Finish, Json, JsonObject, Seal, StreamEvent } from "../../../src/protocols/canonical.ts";
import { anthropic } from "../../../src/protocols/anthropic/index.ts";
import type { RenderedError } from "../../../src/protocols/types.ts";

const init = { id: "answer-1", model: "m", created: 5, usage: true };
const finish: StreamEvent = { type: "finish", reason: "stop" };

interface Written {
  readonly events: readonly JsonObject[];
  readonly names: readonly (string | undefined)[];
  readonly losses: readonly string[];
  readonly body: () => JsonObject;
}

function written(events: readonly StreamEvent[]): Written {
  const out: JsonObject[] = [];
  const names: (string | undefined)[] = [];
  const losses: string[] = [];
  const encoder = anthropic.encoder(init, ({ what }) => losses.push(what));
  const emit = (message: { event?: string; data: string }): void => {
    out.push(JSON.parse(message.data) as JsonObject);
    names.push(message.event);
  };
  for (const event of events) encoder.event(event, emit);
  encoder.end(emit);
  return { events: out, names, losses, body: () => encoder.body() };
}

const say = (index: number, delta: string): StreamEvent[] => [
  { type: "text-start", index },
  { type: "text-delta", index, delta },
  { type: "block-end", index },
];
const think = (index: number, delta: string, seal?: Seal): StreamEvent[] => [
  { type: "reasoning-start", index },
  ...(delta === "" ? [] : [{ type: "reasoning-delta", index, delta } as const]),
  ...(seal ? [{ type: "seal", index, seal } as const] : []),
  { type: "block-end", index },
];
const call = (index: number, id: string, seal?: Seal): StreamEvent => ({
  type: "tool-start",
  index,
  id,
  name: "f",
  ...(seal && { seal }),
});
const piece = (index: number, delta: string): StreamEvent => ({ type: "tool-delta", index, delta });
const contentOf = (body: JsonObject): readonly Json[] => body["content"] as readonly Json[];
const foreign: Seal = { protocol: "gemini", provider: "google", value: "Zm9v" };

describe("encoder", () => {
  it("writes the whole sequence of a text, each event under its name", () => {
    const { events, names } = written([
      { type: "start", id: "chatcmpl-1", model: "other" },
      ...say(0, "Hi"),
      { type: "usage", usage: { input: 7, output: 2, cacheRead: 3 } },
      finish,
    ]);
    expect(names).toEqual(events.map(({ type }) => type));
    const usage = (input: number, output: number, cached: number): JsonObject => ({
      input_tokens: input,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: cached,
      output_tokens: output,
      output_tokens_details: { thinking_tokens: 0 },
    });
    expect(events).toEqual([
      {
        type: "message_start",
        message: {
          ...{ id: "msg_chatcmpl_1", type: "message", role: "assistant", model: "m", content: [] },
          ...{ stop_reason: null, stop_sequence: null, usage: usage(0, 0, 0) },
        },
      },
      { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
      { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Hi" } },
      { type: "content_block_stop", index: 0 },
      { type: "message_delta", delta: { stop_reason: "end_turn", stop_sequence: null }, usage: usage(4, 2, 3) },
      { type: "message_stop" },
    ]);
  });

  it("B11 ends the message also without any usage and without any content", () => {
    const { events } = written([{ type: "start" }, finish]);
    expect(events.map(({ type }) => type)).toEqual(["message_start", "message_delta", "message_stop"]);
    expect(events[1]?.["usage"]).toMatchObject({ input_tokens: 0, output_tokens: 0 });
  });

  it("D1 names in message_start what is known of the usage by then", () => {
    const { events } = written([
      { type: "start" },
      { type: "usage", usage: { input: 9 } },
      ...say(0, "x"),
      { type: "usage", usage: { input: 9, output: 4, reasoning: 3 } },
      finish,
    ]);
    expect(events[0]).toMatchObject({ message: { usage: { input_tokens: 9, output_tokens: 0 } } });
    expect(events.at(-2)).toMatchObject({
      usage: { input_tokens: 9, output_tokens: 4, output_tokens_details: { thinking_tokens: 3 } },
    });
  });

  it.each([
    [{ input: 9, cacheRead: 8, cacheWrite: 8 }, [0, 8, 1]],
    [{ input: 9, cacheRead: 12 }, [0, 9, 0]],
    [{ input: 9, cacheWrite: 2 }, [7, 0, 2]],
  ] as const)("D1 writes counts that add up to the input, also where tokens were counted twice: %j", (usage, sum) => {
    const { events } = written([{ type: "usage", usage: { ...usage, output: 1 } }, finish]);
    const last = events.at(-2)?.["usage"];
    const [fresh, read, made] = ["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"].map(
      (name) => (last as JsonObject)[name],
    );
    expect([fresh, read, made]).toEqual(sum);
  });

  it("does not hand on the usage object of an API that uses the same words for other sums", () => {
    const raw = { input_tokens: 10, output_tokens: 2, total_tokens: 12 };
    const { events } = written([{ type: "usage", usage: { input: 10, output: 2, raw } }, finish]);
    expect(events.at(-2)?.["usage"]).not.toHaveProperty("total_tokens");
  });

  it("F3 puts calls whose pieces alternate one after the other, numbered without gaps", () => {
    const { events, body } = written([
      ...think(0, "Hm."),
      ...say(1, "I look."),
      call(2, "a"),
      piece(2, '{"x"'),
      call(3, "b"),
      piece(3, '{"y":'),
      piece(2, ":1}"),
      piece(3, "2}"),
      { type: "block-end", index: 2 },
      { type: "block-end", index: 3 },
      { type: "finish", reason: "tool-calls" },
    ]);
    const frames = events.filter(({ type }) => String(type).startsWith("content_block"));
    expect(frames.map(({ type, index }) => `${String(type).slice(14)} ${String(index)}`)).toEqual([
      ...["start 0", "delta 0", "stop 0", "start 1", "delta 1", "stop 1"],
      ...["start 2", "delta 2", "delta 2", "stop 2", "start 3", "delta 3", "stop 3"],
    ]);
    expect(contentOf(body()).slice(2)).toEqual([
      { type: "tool_use", id: "a", name: "f", input: { x: 1 } },
      { type: "tool_use", id: "b", name: "f", input: { y: 2 } },
    ]);
  });

  it("lets the second of two calls go out as soon as the first is complete, though nobody has ended it", () => {
    const out: string[] = [];
    const encoder = anthropic.encoder(init, () => {});
    const emit = (message: { data: string }): void => void out.push(message.data);
    for (const event of [call(0, "a"), piece(0, '{"x":1}'), call(1, "b"), piece(1, '{"y"')]) encoder.event(event, emit);
    expect(out.at(-1)).toContain('"index":1');
    expect(JSON.parse(out.at(-1)!)).toMatchObject({ delta: { partial_json: '{"y"' } });
  });

  it("F1 signs thinking with its own seal as it came, and with any other under its minter's name", () => {
    const own = written([...think(0, "a", { protocol: "anthropic", provider: "p", value: "c2ln" }), finish]);
    expect(contentOf(own.body())).toEqual([{ type: "thinking", thinking: "a", signature: "c2ln" }]);
    expect(own.events[3]).toEqual({
      type: "content_block_delta",
      index: 0,
      delta: { type: "signature_delta", signature: "c2ln" },
    });
    const other = written([...think(0, "a", foreign), finish]);
    expect(contentOf(other.body())).toMatchObject([{ signature: "px1.gemini.google.Zm9v" }]);
  });

  it("F1 writes reasoning nobody can read as redacted thinking", () => {
    const seal: Seal = { protocol: "openai-responses", provider: "openai", value: "gAA", redacted: true };
    expect(contentOf(written([...think(0, "", seal), finish]).body())).toEqual([
      { type: "redacted_thinking", data: "px1.openai-responses~redacted.openai.gAA" },
    ]);
  });

  it.each<[string, readonly StreamEvent[]]>([
    ["with its start", [call(1, "a", foreign)]],
    ["right after its start", [call(1, "a"), { type: "seal", index: 1, seal: foreign }]],
  ])("F2 puts a call's signature, come %s, to the thinking before it", (_, begins) => {
    const { events, losses } = written([...think(0, "Hm."), ...begins, piece(1, "{}"), finish]);
    expect(events[3]).toMatchObject({ index: 0, delta: { signature: "px1.gemini.google.Zm9v" } });
    expect(losses).toEqual([]);
  });

  it("F2 records the loss of a call's signature that has no thinking before it", () => {
    expect(written([call(0, "a", foreign), piece(0, "{}"), finish]).losses).toEqual(["the signature of a tool call"]);
  });

  it("gives unsigned thinking an empty signature, and leaves empty blocks out", () => {
    const { events, body } = written([...think(0, "Hm."), ...think(1, ""), ...say(2, ""), ...say(3, "x"), finish]);
    expect(contentOf(body())).toEqual([
      { type: "thinking", thinking: "Hm.", signature: "" },
      { type: "text", text: "x" },
    ]);
    expect(events.filter(({ type }) => type === "content_block_start")).toHaveLength(2);
  });

  it("B18 says tool_use when a tool was called, whatever else was said", () => {
    const events = [...say(0, "I look."), call(1, "a"), piece(1, "{}"), finish];
    expect(written(events).events.at(-2)).toMatchObject({ delta: { stop_reason: "tool_use" } });
    expect(written(events).body()).toMatchObject({ stop_reason: "tool_use" });
  });

  it.each<[Finish, string]>([
    ["stop", "end_turn"],
    ["length", "max_tokens"],
    ["tool-calls", "end_turn"],
    ["content-filter", "refusal"],
    ["pause", "pause_turn"],
    ["other", "end_turn"],
  ])("F9 writes the finish %s as %s", (reason, written_) => {
    const { body } = written([{ type: "finish", reason, raw: "some_word_of_theirs" }]);
    expect(body()["stop_reason"]).toBe(written_);
  });

  it("makes ids that the protocol allows, and different ones", () => {
    const ids = ["call.a:1|x", "call_a_1_x", "", "ok"].flatMap((id, index) => [call(index, id), piece(index, "{}")]);
    expect(contentOf(written([...ids, finish]).body()).map((one) => (one as JsonObject)["id"])).toEqual([
      ...["call_a_1_x", "call_a_1_x_2", "toolu_3", "ok"],
    ]);
  });

  it("hands on arguments that are no object under a name of their own", () => {
    const { body } = written([call(0, "a"), piece(0, '{"cut'), finish]);
    expect(contentOf(body())).toMatchObject([{ input: { _raw: '{"cut' } }]);
  });

  it("writes a source as the citation of the text it stands in", () => {
    const source: StreamEvent = { type: "source", index: 0, url: "https://a.example", title: "A" };
    const [started, grown, ended] = say(0, "Found.");
    const { body, losses } = written([started!, grown!, source, ended!, { ...source, index: 5 }, finish]);
    expect(contentOf(body())).toMatchObject([{ citations: [{ url: "https://a.example", title: "A" }] }]);
    expect(losses).toEqual(["a source"]);
  });

  it("records what has no place here", () => {
    const { losses, events } = written([
      { type: "opaque", protocol: "gemini", value: {} },
      { type: "media", mediaType: "image/png", source: { data: "aa" } },
      { type: "tool-start", index: 0, id: "h", name: "search", hosted: true },
      piece(0, "{}"),
      { type: "block-end", index: 0 },
      finish,
    ]);
    expect(losses).toEqual(["a block of gemini", "image/png in the answer", "the hosted tool call search"]);
    expect(events.some(({ type }) => type === "content_block_start")).toBe(false);
  });

  it("counts the words of a refusal as text", () => {
    const { body } = written([{ type: "text-start", index: 0, refusal: true }, ...say(0, "No.").slice(1), finish]);
    expect(contentOf(body())).toEqual([{ type: "text", text: "No." }]);
  });

  it.each<StreamEvent>([
    { type: "error", error: new ProxyError({ kind: "upstream", message: "broken" }) },
    { type: "finish", reason: "error", raw: "MALFORMED" },
  ])("B15 says in the stream that an answer has failed ($type), and ends there", (failure) => {
    const { names, body } = written([{ type: "start" }, ...say(0, "Half"), failure, ...say(1, "more"), finish]);
    expect(names.at(-1)).toBe("error");
    expect(names).not.toContain("message_stop");
    expect(body).toThrow(ProxyError);
  });
});

describe("errors", () => {
  const rendered = (status: number, more: Partial<RenderedError> = {}): RenderedError => ({
    error: new ProxyError({ kind: "upstream", message: "broken" }),
    ...{ status, code: "c", message: "broken", requestId: "req_1", ...more },
  });

  it.each([
    [400, "invalid_request_error"],
    [401, "authentication_error"],
    [402, "billing_error"],
    [403, "permission_error"],
    [404, "not_found_error"],
    [405, "invalid_request_error"],
    [413, "request_too_large"],
    [429, "rate_limit_error"],
    [500, "api_error"],
    [502, "api_error"],
    [503, "overloaded_error"],
    [504, "timeout_error"],
    [529, "overloaded_error"],
  ])("B15 renders the status %i as %s", (status, type) => {
    expect(anthropic.encodeError(rendered(status))).toEqual({
      status,
      body: { type: "error", error: { type, message: "broken" }, request_id: "req_1" },
    });
  });

  it("B16 sends an error in a stream as its event", () => {
    const [only, ...others] = anthropic.encodeStreamError(rendered(502));
    expect(only?.event).toBe("error");
    expect(JSON.parse(only!.data)).toMatchObject({ type: "error", error: { type: "api_error" } });
    expect(others).toEqual([]);
  });

  it("says that a prompt is too long in the words agents look for", () => {
    const error = new ProxyError({ kind: "context_length", message: "x" });
    const { body } = anthropic.encodeError(rendered(400, { error, message: "8193 tokens" }));
    expect(body).toMatchObject({ error: { message: "prompt is too long: 8193 tokens" } });
  });
});
