import { describe, expect, it } from "vitest";
import { ProxyError } from "../../../src/failure/error.ts";
import type { Json, JsonObject } from "../../../src/protocols/canonical.ts";
import { gemini } from "../../../src/protocols/gemini/index.ts";
import type { Operation } from "../../../src/protocols/types.ts";
import { textBody } from "../../../src/wire/body.ts";
import { requestFor } from "./fixtures.ts";

const hello = { role: "user", parts: [{ text: "hello" }] };

function inspect(rest: string, body: Json): ReturnType<typeof gemini.inspect> {
  return gemini.inspect(requestFor(rest), textBody(JSON.stringify(body)));
}

function refused(rest: string, body: Json): ProxyError {
  try {
    inspect(rest, body);
  } catch (error) {
    if (ProxyError.is(error) && error.kind === "invalid_request") return error;
    throw error;
  }
  throw new Error("the request was accepted");
}

describe("the route", () => {
  const operation = Object.values(gemini.routes)[0] as (rest: string) => Operation | undefined;

  it.each([
    ["gemini-2.5-flash:generateContent", "generate"],
    ["gemini-2.5-flash:streamGenerateContent", "generate"],
    ["anthropic/claude-x:generateContent", "generate"],
    ["llama3:8b:countTokens", "count-tokens"],
    ["text-embedding-004:embedContent", "embed"],
    ["text-embedding-004:batchEmbedContents", "embed-batch"],
    ["gemini-2.5-flash:predict", undefined],
    ["gemini-2.5-flash:constructor", undefined],
    ["gemini-2.5-flash", undefined],
    [":generateContent", undefined],
  ])("F15 takes %s for %s", (rest, expected) => {
    expect(operation(rest)).toBe(expected);
  });
});

describe("inspect", () => {
  it.each([
    ["gemini-2.5-flash:generateContent", { model: "gemini-2.5-flash", stream: false, usage: true }],
    ["gemini-2.5-flash:streamGenerateContent?alt=sse", { model: "gemini-2.5-flash", stream: true, usage: true }],
    ["m:streamGenerateContent", { model: "m", stream: true, usage: true, framing: "json-array" }],
    ["m:streamGenerateContent?alt=json", { model: "m", stream: true, usage: true, framing: "json-array" }],
    ["anthropic/claude-x:generateContent", { model: "anthropic/claude-x", stream: false, usage: true }],
    ["anthropic%2Fclaude-x:generateContent", { model: "anthropic/claude-x", stream: false, usage: true }],
    ["llama3%3A8b:generateContent", { model: "llama3:8b", stream: false, usage: true }],
    ["llama3:8b:generateContent", { model: "llama3:8b", stream: false, usage: true }],
  ])("F15 reads model and stream of %s from the path", (rest, inspection) => {
    expect(inspect(rest, { contents: [hello] })).toEqual(inspection);
  });

  it.each<[Json, string | undefined]>([
    [[], undefined],
    [{}, "contents"],
    [{ contents: [] }, "contents"],
    [{ contents: "hello" }, "contents"],
    [{ contents: ["hello"] }, "contents[0]"],
    [{ contents: [hello, { role: "user", parts: [] }] }, "contents[1].parts"],
    [{ contents: [{ role: "user" }] }, "contents[0].parts"],
    [{ contents: [{ role: "user", parts: ["hello"] }] }, "contents[0].parts[0]"],
    [{ contents: [{ role: "assistant", parts: [{ text: "x" }] }] }, "contents[0].role"],
    [{ contents: [{ role: 1, parts: [{ text: "x" }] }] }, "contents[0].role"],
    [{ contents: [hello], generationConfig: [] }, "generationConfig"],
    [{ contents: [hello], tool_config: "AUTO" }, "tool_config"],
    [{ contents: [hello], tools: "search" }, "tools"],
  ])("B15 refuses %j and names the field", (body, param) => {
    const error = refused("m:generateContent", body);
    expect(error.param).toBe(param);
  });

  it("says in Google's words what is missing", () => {
    expect(refused("m:generateContent", {}).message).toBe(
      "* GenerateContentRequest.contents: contents is not specified",
    );
    expect(refused("m:countTokens", {}).message).toContain("CountTokensRequest.contents");
    expect(refused("m:countTokens", { generateContentRequest: {} }).message).toContain(
      "GenerateContentRequest.contents",
    );
    expect(refused("m:embedContent", {}).param).toBe("content");
    expect(refused("m:batchEmbedContents", { requests: [] }).param).toBe("requests");
    expect(refused("m:batchEmbedContents", { requests: [{ model: "models/m" }] }).param).toBe("requests[0].content");
  });

  it("F13 lets fields and values pass that nobody has heard of", () => {
    const body = {
      contents: [{ ...hello, extra: 1 }],
      future: {},
      generationConfig: { thinkingConfig: { mode: "new" } },
    };
    expect(inspect("m:generateContent", body).model).toBe("m");
  });
});

describe("path", () => {
  it.each<[string, boolean, Operation, string]>([
    ["gemini-2.5-flash", false, "generate", "/models/gemini-2.5-flash:generateContent"],
    ["gemini-2.5-flash", true, "generate", "/models/gemini-2.5-flash:streamGenerateContent?alt=sse"],
    ["models/gemini-2.5-flash", false, "count-tokens", "/models/gemini-2.5-flash:countTokens"],
    ["tunedModels/birds-1", false, "generate", "/tunedModels/birds-1:generateContent"],
    ["meta/llama 3:8b?", false, "embed", "/models/meta/llama%203%3A8b%3F:embedContent"],
    ["m", false, "embed-batch", "/models/m:batchEmbedContents"],
    ["", false, "models", "/models"],
  ])("of %s", (model, stream, operation, expected) => {
    expect(gemini.path(model, stream, operation)).toBe(expected);
  });

  it("refuses names that lead out of the models", () => {
    expect(() => gemini.path("../cachedContents", false, "generate")).toThrow("Invalid model name");
  });
});

describe("retarget", () => {
  const text =
    '{"contents":[{"role":"user","parts":[{"text":"a"}]}], "generationConfig":{"seed":12345678901234567890}}';

  it("leaves a body without a model byte for byte", () => {
    expect(gemini.retarget(textBody(text), "gemini-3-flash", {}).text).toBe(text);
  });

  it("renames the model where the body has one", () => {
    const body = textBody(`{"model":"models/a",${text.slice(1)}`);
    expect(gemini.retarget(body, "b", {}).text).toBe(`{"model":"models/b",${text.slice(1)}`);
    const count = textBody(`{"generateContentRequest":{"model":"models/a",${text.slice(1)}}`);
    expect(gemini.counting?.retarget(count, "b").text).toContain('{"model":"models/b"');
    const batch = textBody('{"requests":[{"model":"models/a","n":1.0},{"model":"models/a"}]}');
    expect(gemini.embedding?.retarget(batch, "b").text).toBe(
      '{"requests":[{"model":"models/b","n":1.0},{"model":"models/b"}]}',
    );
  });

  const step = (parts: Json, role = "model"): JsonObject => ({ role, parts });
  const call = { functionCall: { name: "f", args: {} } };
  const result = step([{ functionResponse: { name: "f", response: { output: "x" } } }], "user");
  const sent = (contents: Json, model: string): JsonObject[] =>
    gemini.retarget(textBody(JSON.stringify({ contents })), model, {}).json["contents"] as unknown as JsonObject[];
  const stand = { ...call, thoughtSignature: "skip_thought_signature_validator" };

  it("F2 puts the documented stand-in on the first unsigned call of each step of the current turn, from Gemini 3 on", () => {
    const old = [hello, step([call]), result];
    const contents = [
      ...old,
      hello,
      step([{ text: "t" }, call, call]),
      result,
      step([{ ...call, thoughtSignature: "s" }]),
      result,
    ];
    const expected = [
      ...old,
      hello,
      step([{ text: "t" }, stand, call]),
      result,
      step([{ ...call, thoughtSignature: "s" }]),
      result,
    ];
    expect(sent(contents, "gemini-3-pro-preview")).toEqual(expected);
    expect(sent(contents, "gemini-2.5-pro")).toEqual(contents);
  });

  it("F2 signs one call of a step whose pieces a streaming client keeps apart", () => {
    const contents = [
      hello,
      step([{ text: "t", thought: true }]),
      step([call]),
      step([call]),
      step([{ text: "" }]),
      result,
    ];
    const signed = [hello, contents[1], step([stand]), ...contents.slice(3)];
    expect(sent(contents as Json, "gemini-3-flash")).toEqual(signed);
    const own = contents.with(2, step([{ ...call, thoughtSignature: "s" }]));
    expect(sent(own as Json, "gemini-3-flash")).toEqual(own);
  });

  it("F2 changes nothing else in the text", () => {
    const before = '{"contents": [ {"role":"user","parts":[{"text":"1.0"}]},{"role":"model","parts":[';
    const written = '{"function_call":{"name":"f","args":{"n":1.0}}';
    const edited = gemini.retarget(textBody(`${before}${written}}]} ]}`), "gemini-3-flash", {}).text;
    expect(edited).toBe(`${before}${written},"thoughtSignature":"skip_thought_signature_validator"}]} ]}`);
  });
});
