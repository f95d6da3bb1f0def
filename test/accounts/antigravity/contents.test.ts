import { describe, expect, test } from "vitest";
import type { JsonObject } from "waygate";
import { claudeContents, contentsOf, geminiContents, plainContents } from "../../../plugins/antigravity/contents.ts";
import { markSignatures } from "../../../plugins/antigravity/seals.ts";

const signature = "c2lnbmF0dXJl".repeat(6);
const stand = "skip_thought_signature_validator";

/** As a client gives it back that got it from us. */
function marked(value: string): string {
  const data = JSON.stringify({ candidates: [{ content: { parts: [{ thoughtSignature: value }] } }] });
  const { data: text } = markSignatures().message({ data }) as { data: string };
  return /"thoughtSignature":"([^"]+)"/.exec(text)![1]!;
}

const user = (...parts: readonly JsonObject[]): JsonObject => ({ role: "user", parts });
const model = (...parts: readonly JsonObject[]): JsonObject => ({ role: "model", parts });
const call = (name: string, more: JsonObject = {}): JsonObject => ({
  functionCall: { id: `id.${name}`, name, args: {} },
  ...more,
});
const answer = (name: string): JsonObject => ({
  functionResponse: { id: `id.${name}`, name, response: { result: 1 } },
});
const thought: JsonObject = { text: "Hm.", thought: true, thoughtSignature: marked(signature) };

const claude = (contents: readonly JsonObject[], thinking = true): readonly JsonObject[] =>
  claudeContents(contentsOf(contents), thinking);
const gemini = (contents: readonly JsonObject[], generation = 3): readonly JsonObject[] =>
  geminiContents(contentsOf(contents), generation);

test("a mark on a signature is base64 of whole bytes, so that clients which decode it give it back", () => {
  const text = marked(signature);
  expect(Buffer.from(text, "base64").toString("base64")).toBe(text);
  expect(text).not.toBe(signature);
});

describe("a history for Claude", () => {
  test("brings the thoughts of the running turn back as they were signed, and no older ones", () => {
    const sent = claude([
      user({ text: "One" }),
      model(thought, { text: "Old answer" }),
      user({ text: "Two" }),
      model(thought, call("a")),
      user(answer("a")),
    ]);
    expect(sent[1]).toEqual(model({ text: "Old answer" }));
    expect(sent[3]).toEqual(
      model(
        { text: "Hm.", thought: true, thoughtSignature: signature },
        { functionCall: { id: "id_a", name: "a", args: {} } },
      ),
    );
    expect(sent).toHaveLength(5);
  });

  test("has a thought whole that a client of Google's protocol kept in the pieces of its stream", () => {
    const { thoughtSignature = "", ...words } = thought;
    const sent = claude([
      user({ text: "One" }),
      model({ ...words, text: "H" }),
      model({ ...words, text: "m." }),
      model({ text: "", thought: true, thoughtSignature }),
      model(call("a")),
      model({ text: "" }),
      user(answer("a")),
    ]);
    expect(sent).toHaveLength(3);
    expect(sent[1]).toEqual(
      model(
        { text: "Hm.", thought: true, thoughtSignature: signature },
        { functionCall: { id: "id_a", name: "a", args: {} } },
      ),
    );
  });

  test("google 14.18 closes a loop of tools that was begun by another model, whose signatures stay out", () => {
    const sent = claude([
      user({ text: "One" }),
      model(call("a", { thoughtSignature: "R2VtaW5p".repeat(10) })),
      user(answer("a")),
    ]);
    expect(JSON.stringify(sent)).not.toContain("thoughtSignature");
    expect(sent).toHaveLength(5);
    expect(sent[3]).toMatchObject({ role: "model" });
    expect(sent[4]).toMatchObject({ role: "user", parts: [{ text: expect.any(String) }] });
  });

  test("google 14.18 never holds Gemini's text in place of a signature, nor one that is too short", () => {
    for (const value of [stand, marked("short")]) {
      const sent = claude([
        user({ text: "One" }),
        model({ ...thought, thoughtSignature: value }, call("a")),
        user(answer("a")),
      ]);
      expect(JSON.stringify(sent)).not.toContain("thoughtSignature");
    }
  });

  test("has no thoughts where it is not to think, and no loop is closed", () => {
    const sent = claude([user({ text: "One" }), model(thought, call("a")), user(answer("a"))], false);
    expect(sent).toHaveLength(3);
    expect(JSON.stringify(sent)).not.toContain("thought");
  });

  test("has ids of few characters in calls and answers alike, made up where there were none", () => {
    const sent = claude(
      [
        user({ text: "One" }),
        model(
          { functionCall: { name: "a" } },
          { functionCall: { id: "x:1", name: "b" } },
          { functionCall: { name: "a" } },
        ),
        user(
          { functionResponse: { name: "a", response: {} } },
          { functionResponse: { id: "x:1", name: "b", response: {} } },
          { functionResponse: { name: "a", response: {} } },
        ),
      ],
      false,
    );
    const ids = sent.flatMap(({ parts }) =>
      (parts as readonly { functionCall?: { id: string }; functionResponse?: { id: string } }[]).flatMap(
        ({ functionCall, functionResponse }) => functionCall?.id ?? functionResponse?.id ?? [],
      ),
    );
    expect(ids).toEqual(["call_0", "x_1", "call_2", "call_0", "x_1", "call_2"]);
  });

  test("has no empty texts; where nothing is left, a full stop stands", () => {
    expect(claude([user({ text: "" })])).toEqual([user({ text: "." })]);
    expect(claude([user({ text: " " }, { text: "a" }), model({ text: "" }), user({ text: "b" })])).toEqual([
      user({ text: "a" }, { text: "b" }),
    ]);
  });
});

describe("a history for Gemini", () => {
  test("google 14.18 has a text where a signature of Claude's was", () => {
    const sent = gemini([
      user({ text: "One" }),
      model(thought, call("a", { thoughtSignature: marked(signature) }), call("b")),
      user(answer("a"), answer("b")),
    ]);
    expect(sent[1]).toEqual(model(call("a", { thoughtSignature: stand }), call("b")));
  });

  test("google 14.20 only the first call of a step is signed", () => {
    const sent = gemini([user({ text: "One" }), model(call("a"), call("b")), user(answer("a"), answer("b"))]);
    expect(sent[1]).toEqual(model(call("a", { thoughtSignature: stand }), call("b")));
  });

  test("keeps its own signatures, and up to generation 2.5 none is made up", () => {
    const own = call("a", { thoughtSignature: "R2VtaW5p" });
    expect(gemini([user({ text: "One" }), model(own), user(answer("a"))])[1]).toEqual(model(own));
    const bare = [user({ text: "One" }), model(call("a")), user(answer("a"))];
    expect(gemini(bare, 2.5)).toEqual(bare);
  });
});

describe("turns", () => {
  test("google 14.38 begin with the user", () => {
    expect(gemini([model({ text: "Hello" }), user({ text: "Hi" })])[0]).toMatchObject({ role: "user" });
  });

  test("google 14.43 end with the user", () => {
    const sent = claude([user({ text: "Hi" }), model({ text: "Hello" })]);
    expect(sent.at(-1)).toEqual(user({ text: "Please continue." }));
  });

  test("google 14.5 of answers of functions stand alone, others of one speaker are joined", () => {
    const sent = plainContents(
      contentsOf([
        user({ text: "a" }),
        user({ text: "b" }),
        model(call("x")),
        user({ text: "c" }, answer("x")),
        user({ text: "d" }),
      ]),
    );
    expect(sent.map(({ parts }) => (parts as readonly unknown[]).length)).toEqual([2, 1, 1, 2]);
  });
});
