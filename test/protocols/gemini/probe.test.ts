import { describe, expect, it } from "vitest";
import type { Json, JsonObject } from "../../../src/protocols/canonical.ts";
import { gemini } from "../../../src/protocols/gemini/index.ts";

const frame = (json: Json): Buffer =>
  Buffer.from(`data: ${typeof json === "string" ? json : JSON.stringify(json)}\n\n`);
const chunk = (parts: Json, more: JsonObject = {}, usage?: JsonObject): JsonObject => ({
  candidates: [{ content: { role: "model", parts }, ...more }],
  ...(usage && { usageMetadata: usage }),
});
const counts = (candidatesTokenCount: number): JsonObject => ({ promptTokenCount: 3, candidatesTokenCount });

describe("the probe", () => {
  it("begins with content and not before", () => {
    const probe = gemini.probe({ dropUsage: false });
    probe.see(frame({ usageMetadata: counts(0) }));
    probe.see(frame(chunk([{ text: "" }])));
    expect(probe.started).toBe(false);
    probe.see(frame(chunk([{ text: "hm", thought: true }])));
    expect(probe.started).toBe(true);
  });

  it("reads the last counts of a stream that goes on, without an end", () => {
    const probe = gemini.probe({ dropUsage: false });
    for (let n = 1; n <= 4; n += 1)
      expect(probe.see(frame(chunk([{ text: 'say "finishReason"' }], {}, counts(n))))).toBe("forward");
    expect(probe.usage).toMatchObject({ input: 3, output: 4 });
    expect(probe.finished).toBe(false);
    probe.see(frame(chunk([{ text: "" }], { finishReason: "STOP" }, counts(6))));
    expect([probe.finished, probe.finish, probe.usage?.output]).toEqual([true, "stop", 6]);
    probe.see(frame({ usageMetadata: counts(7) }));
    expect(probe.usage?.output).toBe(7);
  });

  it("sees calls wherever they come, and signatures where somebody asks", () => {
    const probe = gemini.probe({ dropUsage: false, seals: true });
    probe.see(frame(chunk([{ text: "a" }])));
    probe.see(frame(chunk([{ functionCall: { name: "f" }, thoughtSignature: "c2ln" }])));
    probe.see(frame(chunk([{ text: "", thoughtSignature: "bGF0ZQ==" }])));
    probe.see(frame(chunk([], { finishReason: "STOP" })));
    expect(probe.finish).toBe("tool-calls");
    expect(probe.seals).toEqual(["c2ln", "bGF0ZQ=="]);
  });

  it("waits for every candidate", () => {
    const probe = gemini.probe({ dropUsage: false });
    const of = (index: number, more: JsonObject): JsonObject => ({
      candidates: [{ index, content: { parts: [{ text: "x" }] }, ...more }],
    });
    probe.see(frame(of(0, {})));
    probe.see(
      frame({
        candidates: [
          { index: 1, content: {}, finishReason: "STOP" },
          { index: 0, content: {} },
        ],
      }),
    );
    expect(probe.finished).toBe(false);
    probe.see(frame(of(0, { finishReason: "STOP" })));
    expect(probe.finished).toBe(true);
  });

  it("F9 takes a blocked prompt for a complete answer", () => {
    const probe = gemini.probe({ dropUsage: false });
    probe.see(frame({ promptFeedback: { blockReason: "OTHER" } }));
    expect([probe.started, probe.finished, probe.finish]).toEqual([true, true, "content-filter"]);
  });

  it.each<[string, Buffer, number | undefined]>([
    ["in an event", frame({ error: { code: 503, message: "busy", status: "UNAVAILABLE" } }), 503],
    ["in a list", frame([{ error: { code: 429 } }]), 429],
    ["without framing", Buffer.from('[{"error":{"code":400,"message":"bad"}}]'), 400],
    ["as a text", frame({ error: "overloaded" }), undefined],
    ["as a page", Buffer.from("<!DOCTYPE html><p>502"), undefined],
  ])("finds an error %s", (_, bytes, status) => {
    const probe = gemini.probe({ dropUsage: false });
    probe.see(bytes);
    expect(probe.error).toBeDefined();
    expect(probe.error?.status).toBe(status);
  });

  it("finds an error after the answer has begun", () => {
    const probe = gemini.probe({ dropUsage: false });
    probe.see(frame(chunk([{ text: "a" }])));
    probe.see(frame({ error: { code: 500 } }));
    expect(probe.error?.status).toBe(500);
  });

  it("B16 drops what is no part of this protocol, and keeps comments", () => {
    const probe = gemini.probe({ dropUsage: false });
    expect(probe.see(frame("[DONE]"))).toBe("drop");
    expect(probe.see(frame("{broken"))).toBe("drop");
    expect(probe.see(Buffer.from(": ping\n\n"))).toBe("forward");
    expect(probe.error).toBeUndefined();
  });

  it.each<[string, JsonObject, boolean]>([
    ["an answer", chunk([{ text: "a" }], { finishReason: "STOP" }), false],
    ["a blocked prompt", { promptFeedback: { blockReason: "SAFETY" } }, false],
    ["an error", { error: { code: 500 } }, true],
    ["something else", { hello: "world" }, true],
  ])("tells a whole body that is %s", (_, body, failed) => {
    const probe = gemini.probe({ dropUsage: false });
    probe.body(body);
    expect([probe.error !== undefined, probe.finished]).toEqual([failed, !failed]);
  });
});
