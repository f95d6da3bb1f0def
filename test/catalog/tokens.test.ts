import { describe, expect, it } from "vitest";
import { countTokens as exactCount } from "gpt-tokenizer/encoding/o200k_base";
import { countTokens, encodingOf } from "../../src/catalog/tokens.ts";
import type { GenerateRequest, Part } from "../../src/protocols/canonical.ts";

const asking = (...parts: Part[]): GenerateRequest => ({
  model: "m",
  stream: false,
  messages: [{ role: "user", parts }],
});
const text = (value: string): GenerateRequest => asking({ type: "text", text: value });
/** Three begin the answer, four frame the message. */
const frame = 7;

describe("countTokens", () => {
  it("counts text, the frame of a message and the beginning of the answer", async () => {
    expect(await countTokens(text("hello world"), "gpt-4o")).toBe(frame + 2);
    expect(await countTokens({ model: "m", stream: false, messages: [] }, "gpt-4o")).toBe(3);
  });

  it("counts with the vocabulary of the model", async () => {
    const word = "Donaudampfschifffahrt";
    const [older, newer] = [await countTokens(text(word), "gpt-4"), await countTokens(text(word), "gpt-4o")];
    expect(older).not.toBe(newer);
    expect(await countTokens(text(word), "claude-sonnet-4-5")).toBe(newer);
  });

  it("counts long prose in pieces as if it were one", async () => {
    const prose =
      "The quick brown fox, aged 13, isn't lazy; it jumps over dogs.\n\n  - again and again 😀 naïve 漢字 \n".repeat(
        200,
      );
    expect(await countTokens(text(prose), "gpt-4o")).toBe(frame + exactCount(prose));
  });

  it("keeps characters of two halves whole where it has to cut", async () => {
    const faces = `x${"😀".repeat(2000)}`;
    expect(await countTokens(text(faces), "gpt-4o")).toBeLessThan(frame + exactCount(faces) * 1.05);
  });

  it("does not stall on text without a word boundary", async () => {
    // Loading the vocabulary takes turns as well, and is none of this test's.
    await countTokens(text("a"), "gpt-4o");
    // What else the process has to do gets its turns meanwhile.
    let turns = 0;
    let counting = true;
    const turn = (): void => {
      turns++;
      if (counting) setImmediate(turn);
    };
    setImmediate(turn);
    const tokens = await countTokens(text("a".repeat(200_000)), "gpt-4o").finally(() => (counting = false));
    expect(tokens).toBeGreaterThan(20_000);
    expect(turns).toBeGreaterThan(3);
  });

  it("takes control tokens in a message for text", async () => {
    expect(await countTokens(text("<|endoftext|>"), "gpt-4o")).toBeGreaterThan(frame + 2);
  });

  it("counts tools, calls and results, and never a picture's bytes", async () => {
    const plain = await countTokens(asking(), "gpt-4o");
    const call = asking({ type: "tool-call", id: "1", name: "weather", input: '{"city":"Oslo"}' });
    expect(await countTokens(call, "gpt-4o")).toBeGreaterThan(plain + 5);
    const result = asking({ type: "tool-result", id: "1", content: [{ type: "text", text: "hello world" }] });
    expect(await countTokens(result, "gpt-4o")).toBe(plain + 2);
    const tools = [{ type: "function", name: "weather", description: "hello world", schema: {} } as const];
    expect(await countTokens({ ...asking(), tools }, "gpt-4o")).toBe(plain + 4);
    const bytes = "A".repeat(50_000);
    const picture = asking({ type: "media", mediaType: "image/png", source: { data: bytes } });
    expect(await countTokens(picture, "gpt-4o")).toBe(plain + 765);
    const opaque = asking({ type: "opaque", protocol: "p", value: { file: `data:text/plain;base64,${bytes}` } });
    expect(await countTokens(opaque, "gpt-4o")).toBeLessThan(plain + 20);
  });

  it("stops when the client has left", async () => {
    const counting = countTokens(text("word ".repeat(10_000)), "gpt-4o", AbortSignal.abort());
    await expect(counting).rejects.toMatchObject({ kind: "aborted" });
  });
});

describe("encodingOf", () => {
  it.each([
    ["gpt-4", "cl100k_base"],
    ["gpt-4-turbo", "cl100k_base"],
    ["openai/gpt-3.5-turbo", "cl100k_base"],
    ["gpt-4o-mini", "o200k_base"],
    ["gpt-4.1", "o200k_base"],
    ["o3-mini", "o200k_base"],
    ["gpt-5", "o200k_base"],
    ["claude-opus-5", undefined],
    ["olmo", undefined],
  ])("of %s is %s", (model, encoding) => {
    expect(encodingOf(model)).toBe(encoding);
  });
});
