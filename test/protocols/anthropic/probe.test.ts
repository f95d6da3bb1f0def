import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../src/protocols/canonical.ts";
import { anthropic } from "../../../src/protocols/anthropic/index.ts";
import type { Probe } from "../../../src/protocols/types.ts";
import { streams } from "./fixtures.ts";

const frame = (json: JsonObject): Buffer =>
  Buffer.from(`event: ${String(json["type"])}\ndata: ${JSON.stringify(json)}\n\n`);
const start = frame({ type: "message_start", message: { id: "m", content: [], usage: { input_tokens: 5 } } });
const block = (content_block: JsonObject): Buffer => frame({ type: "content_block_start", index: 0, content_block });
const delta = (fields: JsonObject): Buffer => frame({ type: "content_block_delta", index: 0, delta: fields });
const stop = (reason: string): Buffer =>
  frame({ type: "message_delta", delta: { stop_reason: reason }, usage: { output_tokens: 3 } });

function probed(frames: readonly Buffer[], seals = false): { probe: Probe; verdicts: string[] } {
  const probe = anthropic.probe({ dropUsage: false, seals });
  return { probe, verdicts: frames.map((one) => probe.see(one)) };
}

describe("probe", () => {
  it("stays unstarted over starts of empty blocks, pings and empty pieces", () => {
    const { probe, verdicts } = probed([
      start,
      frame({ type: "ping" }),
      block({ type: "text", text: "" }),
      delta({ type: "text_delta", text: "" }),
      block({ type: "thinking", thinking: "", signature: "" }),
      Buffer.from(": keep-alive\n\n"),
    ]);
    expect(probe.started).toBe(false);
    expect(verdicts).toEqual(Array(6).fill("forward"));
  });

  it.each<Buffer>([
    delta({ type: "text_delta", text: "a" }),
    delta({ type: "thinking_delta", thinking: "a" }),
    delta({ type: "input_json_delta", partial_json: "{" }),
    block({ type: "tool_use", id: "t", name: "f", input: {} }),
    block({ type: "redacted_thinking", data: "x" }),
    block({ type: "server_tool_use", id: "s", name: "web_search", input: {} }),
    stop("end_turn"),
  ])("is started by content, calls and ends", (one) => {
    expect(probed([start, one]).probe.started).toBe(true);
  });

  it("is started by a piece like an empty one before it", () => {
    const { probe } = probed([
      start,
      delta({ type: "text_delta", text: "" }),
      delta({ type: "text_delta", text: "a" }),
    ]);
    expect(probe.started).toBe(true);
  });

  it("D1 merges the usage of both messages and reads the end", () => {
    const { probe, verdicts } = probed([start, stop("max_tokens"), frame({ type: "message_stop" }), start]);
    expect(probe.usage).toMatchObject({ input: 5, output: 3 });
    expect([probe.finish, probe.finished]).toEqual(["length", true]);
    expect(verdicts).toEqual(["forward", "forward", "last", "drop"]);
  });

  it("B18 reads a plain end after a call as a call to be answered", () => {
    expect(probed([start, block({ type: "tool_use", id: "t", name: "f" }), stop("end_turn")]).probe.finish).toBe(
      "tool-calls",
    );
  });

  it("B19 drops a second message_start, on which clients throw", () => {
    expect(probed([start, start, stop("end_turn")]).verdicts).toEqual(["forward", "drop", "forward"]);
  });

  it("drops what is no JSON, also among pieces that were found to be alike", () => {
    const piece = delta({ type: "text_delta", text: "a" });
    const broken = Buffer.from(piece.toString().replace('"a"', '"a" oops'));
    expect(probed([start, piece, piece, broken, piece]).verdicts).toEqual([
      ...["forward", "forward", "forward", "drop", "forward"],
    ]);
  });

  it.each<[string, string, number | undefined]>([
    ['event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"x"}}\n\n', "overloaded", 529],
    ['data: {"error":{"message":"x","code":503}}\n\n', "another API's", 503],
    ['{"type":"error","error":{"type":"rate_limit_error","message":"x"}}', "unframed", 429],
    ["<!DOCTYPE html><html></html>\n\n", "a page", undefined],
  ])("finds an error in %j", (text, _, status) => {
    const { error } = probed([Buffer.from(text)]).probe;
    expect(error).toBeDefined();
    expect(error?.status).toBe(status);
  });

  it("F1 names the signatures it has seen when somebody asks for them", () => {
    const frames = [
      start,
      delta({ type: "thinking_delta", thinking: "a" }),
      delta({ type: "signature_delta", signature: "c2" }),
      delta({ type: "signature_delta", signature: "ln" }),
      block({ type: "redacted_thinking", data: "ZA==" }),
    ];
    expect(probed(frames, true).probe.seals).toEqual(["c2ln", "ZA=="]);
    expect(probed(frames).probe.seals).toEqual([]);
  });

  it.each(streams.filter(({ broken }) => !broken))("reads of $name what the decoder reads", ({ text }) => {
    const probe = anthropic.probe({ dropUsage: false });
    const decoder = anthropic.decoder();
    const read: { finish?: string; usage?: unknown } = {};
    for (const one of text.split(/(?<=\r?\n\r?\n)/)) {
      probe.see(Buffer.from(one));
      const data = /^data: (.*?)\r?$/m.exec(one)?.[1];
      if (data === undefined) continue;
      decoder.message({ data }, (event) => {
        if (event.type === "finish") read.finish = event.reason;
        if (event.type === "usage") read.usage = event.usage;
      });
    }
    expect(probe.finished).toBe(true);
    expect(probe.usage).toEqual(read.usage);
    // Where the upstream gave no reason the decoder fills one in.
    expect(probe.finish ?? "stop").toBe(read.finish);
  });

  it("reads a whole answer, and tells what is none", () => {
    const whole = anthropic.probe({ dropUsage: false });
    whole.body({
      type: "message",
      content: [{ type: "text", text: "x" }],
      stop_reason: "end_turn",
      usage: { input_tokens: 1, output_tokens: 2 },
    });
    expect([whole.started, whole.finished, whole.finish, whole.usage?.output]).toEqual([true, true, "stop", 2]);
    const none = anthropic.probe({ dropUsage: false });
    none.body({ message: "internal error" });
    expect(none.error).toBeDefined();
  });
});
