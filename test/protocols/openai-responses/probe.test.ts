import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../src/protocols/canonical.ts";
import { openaiResponses } from "../../../src/protocols/openai-responses/index.ts";
import { encodeFrame } from "../../../src/wire/sse.ts";
import { streams } from "./fixtures.ts";

const frame = (json: JsonObject, event?: string): Uint8Array =>
  Buffer.from(encodeFrame({ ...(event && { event }), data: JSON.stringify(json) }));
const framesOf = (name: string): readonly Uint8Array[] =>
  streams
    .find((stream) => stream.name === name)!
    .text.split(/(?<=\n\n)/)
    .map((text) => Buffer.from(text));

describe("the probe of openai-responses", () => {
  it("begins with content and not with the announcement of it, and ends with the response", () => {
    const probe = openaiResponses.probe({ dropUsage: false });
    const started = framesOf("text").map((bytes) => [probe.see(bytes), probe.started, probe.finished]);
    const seen = started.map((each) => each.join(" "));
    expect(seen.slice(0, 5)).toEqual([
      "forward false false",
      "forward false false",
      "forward false false",
      "forward false false",
      "forward true false",
    ]);
    expect(seen.at(-1)).toBe("last true true");
    expect(probe).toMatchObject({ finish: "stop", usage: { input: 20, output: 10 }, answerId: "resp_t1" });
  });

  it.each([
    ["parallel-tools", "tool-calls"],
    ["refusal", "content-filter"],
    ["length", "length"],
    ["other-server", "stop"],
    ["web-search", "stop"],
  ])("B18 finds how %s ends", (name, finish) => {
    const probe = openaiResponses.probe({ dropUsage: true });
    for (const bytes of framesOf(name)) expect(probe.see(bytes)).not.toBe("drop");
    expect(probe.finish).toBe(finish);
  });

  it("finds seals when they are asked for", () => {
    const probe = openaiResponses.probe({ dropUsage: false, seals: true });
    for (const bytes of framesOf("reasoning")) probe.see(bytes);
    expect(probe.seals).toEqual(["gAAAAsealed-one"]);
  });

  it.each(["failed.broken", "error.broken", "nested-error.broken"])("B15 finds the error in %s", (name) => {
    const probe = openaiResponses.probe({ dropUsage: false });
    for (const bytes of framesOf(name)) probe.see(bytes);
    expect(probe.error?.text).toMatch(/message/);
    expect(probe.finished).toBe(false);
  });

  it("finds an error between the pieces of a text, whatever the text says", () => {
    const probe = openaiResponses.probe({ dropUsage: false });
    const type = "response.output_text.delta";
    probe.see(frame({ type, delta: 'a "type":"error" b' }, type));
    expect(probe.started).toBe(true);
    probe.see(frame({ delta: '"type":"response.failed"', type }));
    expect(probe.error).toBeUndefined();
    probe.see(frame({ sequence_number: 3, type: "error", message: "x", code: null }));
    expect(probe.error).toBeDefined();
  });

  it("takes a page or a bare error in place of a stream for an error", () => {
    for (const text of ["<!doctype html><p>Bad gateway</p>\n\n", '{"error":{"message":"x","code":503}}\n\n']) {
      const probe = openaiResponses.probe({ dropUsage: false });
      probe.see(Buffer.from(text));
      expect(probe.error).toBeDefined();
    }
  });

  it("reads whole answers, and finds those that have failed", () => {
    const probe = openaiResponses.probe({ dropUsage: false });
    probe.body({ id: "resp_1", status: "incomplete", incomplete_details: { reason: "max_output_tokens" }, output: [] });
    expect(probe).toMatchObject({ finished: true, finish: "length", answerId: "resp_1" });
    const failed = openaiResponses.probe({ dropUsage: false });
    failed.body({ id: "resp_1", status: "failed", error: { code: "server_error", message: "x" }, output: [] });
    expect(failed.error?.text).toContain("server_error");
  });
});
