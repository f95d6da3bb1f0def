import { describe, expect, it } from "vitest";
import type { GenerateRequest, Part } from "waygate";
import { withoutForeignSeals } from "../../src/protocols/foreign-seals.ts";
import { mayHoldSeal, readSeal, sealText, unwrapSeal, wrapSeal } from "../../src/protocols/seal.ts";

function request(...parts: readonly Part[]): GenerateRequest {
  return { model: "m", stream: false, messages: [{ role: "assistant", parts }] };
}

const reader = { protocol: "anthropic", provider: "claude" };

describe("F1 seals and who may see them", () => {
  it("F1 a seal goes back to its minter byte for byte", () => {
    const own = request({
      type: "reasoning",
      text: "t",
      seal: { protocol: "anthropic", provider: "claude", value: "S=" },
    });
    expect(withoutForeignSeals(own, reader, fail)).toBe(own);
  });

  it("F1 a seal of another provider or protocol is taken off, and that is a loss", () => {
    const losses: string[] = [];
    const given = request(
      { type: "reasoning", text: "t", seal: { protocol: "anthropic", provider: "other", value: "S" } },
      { type: "tool-call", id: "1", name: "f", input: "{}", seal: { protocol: "gemini", provider: "g", value: "S" } },
    );
    const sent = withoutForeignSeals(given, reader, ({ where }) => losses.push(where));
    expect(sent.messages[0]?.parts).toEqual([
      { type: "reasoning", text: "t" },
      { type: "tool-call", id: "1", name: "f", input: "{}" },
    ]);
    expect(losses).toEqual(["messages[0]"]);
  });

  it("F1 sealed reasoning of others vanishes, with the message that held nothing else", () => {
    const seal = { protocol: "gemini", provider: "g", value: "S", redacted: true };
    expect(withoutForeignSeals(request({ type: "reasoning", text: "", seal }), reader, () => {}).messages).toEqual([]);
  });

  it("F1 an unnamed seal is its protocol's own unless somebody else is known to have minted it", () => {
    const given = request({ type: "reasoning", text: "t", seal: { protocol: "anthropic", value: "S" } });
    expect(withoutForeignSeals(given, reader, fail)).toBe(given);
    const minters = new Map([["S", "other"]]);
    const sent = withoutForeignSeals(given, { ...reader, minters }, () => {});
    expect(sent.messages[0]?.parts[0]).toEqual({ type: "reasoning", text: "t" });
  });
});

describe("seals in slots of other protocols", () => {
  it.each([
    { protocol: "gemini", provider: "gemini_cli", value: "a.b=/+" },
    { protocol: "anthropic", provider: "my.lab", value: "x", redacted: true },
    { protocol: "openai-responses", value: "" },
  ])("a wrapped seal reads as it was: $protocol", (seal) => {
    const text = wrapSeal(seal);
    expect(unwrapSeal(text)).toEqual(seal);
    expect(mayHoldSeal(JSON.stringify({ signature: text }))).toBe(true);
  });

  it("in its own protocol's slot a seal stands as it is", () => {
    const seal = { protocol: "anthropic", provider: "claude", value: "SIG" };
    expect(sealText(seal, "anthropic")).toBe("SIG");
    expect(readSeal("SIG", "anthropic")).toEqual({ protocol: "anthropic", value: "SIG" });
    expect(readSeal(sealText(seal, "gemini"), "gemini")).toEqual(seal);
  });

  it.each([null, 7, "", "px1", "px1.", "px1.a", "px1.a.b", "px1.~redacted.p.v"])("%j is no wrapped seal", (text) => {
    expect(unwrapSeal(text)).toBeUndefined();
  });
});

function fail(): never {
  throw new Error("nothing is lost here");
}
