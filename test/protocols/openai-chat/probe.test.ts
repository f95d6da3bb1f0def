import { describe, expect, it } from "vitest";
import type { Json, JsonObject } from "../../../src/protocols/canonical.ts";
import { openaiChat } from "../../../src/protocols/openai-chat/index.ts";
import type { Probe } from "../../../src/protocols/types.ts";

const frame = (data: Json | string): Buffer =>
  Buffer.from(`data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`);
const chunk = (delta: Json, finish: string | null = null, more: JsonObject = {}): Buffer =>
  frame({ id: "c1", choices: [{ index: 0, delta, finish_reason: finish }], ...more });
const counts = { prompt_tokens: 10, completion_tokens: 0, total_tokens: 10 };

function probed(frames: readonly Buffer[], dropUsage = false): { probe: Probe; verdicts: string[] } {
  const probe = openaiChat.probe({ dropUsage });
  return { probe, verdicts: frames.map((one) => probe.see(one)) };
}

describe("started", () => {
  it.each<JsonObject>([
    { content: "x" },
    { content: [{ type: "text", text: "x" }] },
    { refusal: "no" },
    { reasoning_content: "hm" },
    { reasoning: "hm" },
    { tool_calls: [{ index: 0, id: "a", function: { name: "f", arguments: "" } }] },
    { function_call: { name: "f" } },
    { audio: { id: "a" } },
  ])("turns true with %j", (delta) => {
    expect(probed([chunk(delta)]).probe.started).toBe(true);
  });

  it("stays false over comments, roles, empty deltas and chunks without choices", () => {
    const { probe, verdicts } = probed([
      Buffer.from(": keep-alive\n\n"),
      Buffer.from("\n"),
      chunk({ role: "assistant", content: "" }),
      chunk({ role: null, content: null, reasoning_content: null, tool_calls: null, refusal: "" }),
      chunk({ tool_calls: [] }),
      chunk({ function_call: { name: "", arguments: "" }, audio: { id: "", data: "" } }),
      frame({ id: "c1", choices: [], prompt_filter_results: [{}] }),
    ]);
    expect(probe.started).toBe(false);
    expect(verdicts).toEqual(Array(7).fill("forward"));
  });

  it("turns true with a finish alone", () => {
    const { probe } = probed([chunk({}, "stop")]);
    expect([probe.started, probe.finished, probe.finish]).toEqual([true, true, "stop"]);
  });
});

describe("usage", () => {
  it("D2 is read from a chunk that also carries choices, and that chunk is never dropped", () => {
    const { probe, verdicts } = probed([chunk({ content: "x" }), chunk({}, "stop", { usage: counts })], true);
    expect(verdicts).toEqual(["forward", "forward"]);
    expect(probe.usage).toEqual({ input: 10, output: 0, raw: counts });
  });

  it("D6 drops the usage chunk the client did not ask for, and only then", () => {
    const frames = [
      chunk({ content: "x" }),
      frame({ choices: [], usage: counts }),
      frame({ choices: [], usage: null }),
    ];
    expect(probed(frames, true).verdicts).toEqual(["forward", "drop", "forward"]);
    expect(probed(frames, true).probe.usage?.input).toBe(10);
    expect(probed(frames, false).verdicts).toEqual(["forward", "forward", "forward"]);
  });

  it("is read from x_groq, with cache and reasoning details, and a null after it takes nothing away", () => {
    const usage = {
      ...counts,
      completion_tokens: 5,
      prompt_tokens_details: { cached_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 3 },
    };
    const { probe } = probed([chunk({}, "stop", { x_groq: { id: "r", usage } }), chunk({}, null, { usage: null })]);
    expect(probe.usage).toEqual({ input: 10, output: 5, cacheRead: 0, reasoning: 3, raw: usage });
  });

  it.each([
    [
      { prompt_tokens: 8, completion_tokens: 2, prompt_cache_hit_tokens: 6 },
      { input: 8, output: 2, cacheRead: 6 },
    ],
    [
      { prompt_tokens: 8, total_tokens: 10 },
      { input: 8, output: 2 },
    ],
    [
      { completion_tokens: 2, total_tokens: 10 },
      { input: 8, output: 2 },
    ],
    [
      { prompt_tokens: 8, completion_tokens: 2, total_tokens: 15, completion_tokens_details: { reasoning_tokens: 5 } },
      { input: 8, output: 7, reasoning: 5 },
    ],
  ])("D3 makes input and output add up to the total for %j", (raw, usage) => {
    expect(probed([frame({ choices: [], usage: raw })]).probe.usage).toEqual({ ...usage, raw });
  });
});

describe("the end", () => {
  it("B8 says `last` at the terminator and drops what comes after it", () => {
    const { probe, verdicts } = probed([chunk({ content: "x" }), frame("[DONE]"), chunk({ content: "y" })]);
    expect(verdicts).toEqual(["forward", "last", "drop"]);
    expect(probe.finished).toBe(true);
  });

  it("reads a stop after tool calls as tool calls", () => {
    const { probe } = probed([chunk({ tool_calls: [{ id: "a", function: { name: "f" } }] }), chunk({}, "stop")]);
    expect(probe.finish).toBe("tool-calls");
  });

  it("finds a finish, usage and an error behind any number of plain chunks", () => {
    const text = Array.from({ length: 50 }, (_, at) => chunk({ content: `w${at} \\ "q" ü` }));
    const { probe } = probed([...text, chunk({ content: "z" }, "length", { usage: counts })]);
    expect([probe.finish, probe.usage?.input]).toEqual(["length", 10]);
    expect(probed([...text, frame({ error: "gone" })]).probe.error).toEqual({ text: '{"error":"gone"}' });
  });
});

describe("B9 broken events", () => {
  const good = chunk({ content: "fine" });
  const cases: [string, string][] = [
    ["no JSON", "data: {oops\n\n"],
    ["cut off", good.toString().replace('"}', "")],
    ["an open string", good.toString().replace('fine"', "fine")],
    ["a bad escape", good.toString().replace("fine", "\\x41")],
    ["a raw control character", good.toString().replace("fine", "a\u0001b")],
    ["an empty event", "data:\n\n"],
    ["something that is no object", "data: 7\n\n"],
  ];
  it.each(cases)("are dropped at the start and later on, without throwing: %s", (_, broken) => {
    const { probe, verdicts } = probed([Buffer.from(broken), good, good, Buffer.from(broken), good]);
    expect(verdicts).toEqual(["drop", "forward", "forward", "drop", "forward"]);
    expect(probe.error).toBeUndefined();
  });
});

describe("errors inside an answer", () => {
  it.each<[string, JsonObject, number | undefined]>([
    ["an error object", { error: { message: "m", code: 429 } }, 429],
    ["an error string", { error: "m" }, undefined],
    ["a type", { type: "error", message: "m" }, undefined],
    ["a flat error", { object: "error", message: "m", code: 3001 }, undefined],
    ["a detail", { detail: "m" }, undefined],
    ["a finish reason", { choices: [{ finish_reason: "error", delta: {} }] }, undefined],
    ["a choice", { choices: [{ delta: {}, error: { message: "m", code: 502 } }] }, 502],
  ])("are found in %s, in a frame and in a whole body", (_, json, status) => {
    const expected = { text: JSON.stringify(json), ...(status && { status }) };
    expect(probed([frame(json)]).probe.error).toEqual(expected);
    const whole = openaiChat.probe({ dropUsage: false });
    whole.body(json);
    expect(whole.error).toEqual(expected);
    expect([whole.started, whole.finished]).toEqual([false, false]);
  });

  it("are found in a page, in a bare JSON line and in an event of that name", () => {
    expect(probed([Buffer.from("<!DOCTYPE html>\n<html>\n\n")]).probe.error?.text).toContain("DOCTYPE");
    expect(probed([Buffer.from('{"error":{"message":"m","status":503}}\n\n')]).probe.error?.status).toBe(503);
    expect(probed([Buffer.from('event: error\ndata: {"message":"m"}\n\n')]).probe.error?.text).toBe('{"message":"m"}');
  });

  it("are not seen in text that looks like one, nor in null or empty error fields", () => {
    const { probe } = probed([
      chunk({ content: '{"error":{"message":"x"}} [DONE] <html>' }, null, { error: null }),
      chunk({ content: "y" }, null, { error: {} }),
    ]);
    expect(probe.error).toBeUndefined();
    expect(probe.finished).toBe(false);
  });
});

describe("a whole body", () => {
  it("is read for usage, finish and content", () => {
    const probe = openaiChat.probe({ dropUsage: false });
    probe.body({ choices: [{ message: { content: "x" }, finish_reason: "length" }], usage: counts });
    expect([probe.started, probe.finished, probe.finish, probe.usage?.output]).toEqual([true, true, "length", 0]);
  });

  it("is complete without a finish reason, and not started without content", () => {
    const probe = openaiChat.probe({ dropUsage: false });
    probe.body({ choices: [{ message: { content: "" }, finish_reason: null }] });
    expect([probe.started, probe.finished]).toEqual([false, true]);
  });
});
