import { describe, expect, it } from "vitest";
import { readErrorBody } from "../../src/failure/error-body.ts";

describe("readErrorBody", () => {
  it.each<[string, unknown, object]>([
    [
      "an OpenAI error object",
      { error: { message: "m", type: "invalid_request_error", param: "model", code: "model_not_found" } },
      { message: "m", type: "invalid_request_error", param: "model", code: "model_not_found" },
    ],
    ["null fields as absent", { error: { message: "m", type: null, param: null, code: null } }, { message: "m" }],
    [
      "an Anthropic envelope",
      { type: "error", error: { type: "overloaded_error", message: "Overloaded" }, request_id: "req_1" },
      { message: "Overloaded", type: "overloaded_error" },
    ],
    [
      "Google's code as status and its status as type",
      { error: { code: 429, message: "m", status: "RESOURCE_EXHAUSTED", details: [] } },
      { message: "m", type: "RESOURCE_EXHAUSTED", code: "429", status: 429 },
    ],
    [
      "a JSON array with one such object",
      [{ error: { code: 400, message: "m", status: "INVALID_ARGUMENT" } }],
      { message: "m", type: "INVALID_ARGUMENT", code: "400", status: 400 },
    ],
    [
      "OpenRouter's quoted provider",
      { error: { code: 429, message: "Provider returned error", metadata: { raw: "x is busy", provider_name: "p" } } },
      { message: "Provider returned error: x is busy", code: "429", status: 429 },
    ],
    [
      "the message inside a quoted JSON answer",
      { error: { message: "Provider returned error", metadata: { raw: '{"error":{"message":"too hot"}}' } } },
      { message: "Provider returned error: too hot" },
    ],
    [
      "an answer that was put into the message as JSON",
      { error: { code: 400, message: '{"type":"error","error":{"type":"invalid_request_error","message":"bad"}}' } },
      { message: "bad", type: "invalid_request_error", code: "400", status: 400 },
    ],
    [
      "xAI's error string",
      { code: "out of money", error: "pay first" },
      { message: "pay first", code: "out of money" },
    ],
    ["Ollama's error string", { error: "model 'x' not found" }, { message: "model 'x' not found" }],
    [
      "an error string with a type",
      { error: "is loading", error_type: "overloaded" },
      { message: "is loading", type: "overloaded" },
    ],
    [
      "an OAuth error",
      { error: "invalid_grant", error_description: "gone" },
      { message: "gone", code: "invalid_grant" },
    ],
    ["a list of error strings", { error: ["a", "b"] }, { message: "a; b" }],
    [
      "Cerebras' flat body",
      { message: "m", type: "too_many_requests_error", param: "quota", code: "request_quota_exceeded" },
      { message: "m", type: "too_many_requests_error", param: "quota", code: "request_quota_exceeded" },
    ],
    [
      "Mistral's flat body",
      { object: "error", message: "m", type: "rate_limited", param: null, code: "1300", raw_status_code: 429 },
      { message: "m", type: "rate_limited", code: "1300", status: 429 },
    ],
    [
      "Mistral's message that is an object",
      { object: "error", message: { detail: [{ loc: ["body", "seed"], msg: "Extra inputs", type: "x" }] }, type: "t" },
      { message: "body.seed: Extra inputs", type: "t" },
    ],
    ["Cohere's flat message", { id: "1", message: "invalid api token" }, { message: "invalid api token" }],
    ["a detail string", { detail: "model not found: x" }, { message: "model not found: x" }],
    ["a detail object", { detail: { message: "no balance", code: "c" } }, { message: "no balance", code: "c" }],
    [
      "a FastAPI list",
      {
        detail: [
          { loc: ["body", "messages", 0], msg: "Field required", type: "missing", input: {} },
          { loc: ["body"], msg: "bad" },
        ],
      },
      { message: "body.messages.0: Field required; body: bad" },
    ],
    [
      "RFC 7807",
      { status: 403, title: "Forbidden", detail: "Authorization failed" },
      { message: "Forbidden: Authorization failed", status: 403 },
    ],
    [
      "RFC 7807 with a title only",
      { status: 429, title: "Too Many Requests" },
      { message: "Too Many Requests", status: 429 },
    ],
    [
      "Puter's envelope",
      { success: false, error: { code: "insufficient_funds", message: "m", status: 402 } },
      { message: "m", code: "insufficient_funds", status: 402 },
    ],
    [
      "iFlow's envelope",
      { success: false, code: "439", message: "m", data: null },
      { message: "m", code: "439", status: 439 },
    ],
    [
      "a failed Responses stream",
      { type: "response.failed", response: { id: "r", error: { code: "server_error", message: "m" } } },
      { message: "m", code: "server_error" },
    ],
    [
      "an error in a choice",
      { choices: [{ error: { code: 502, message: "m" } }] },
      { message: "m", code: "502", status: 502 },
    ],
    ["Groq's side channel", { x_groq: { id: "1", error: "over capacity" } }, { message: "over capacity" }],
    [
      "an error object without a message",
      { error: { code: "slow_down" } },
      { message: "slow_down", code: "slow_down" },
    ],
    ["a JSON string", "just text", { message: "just text" }],
  ])("reads %s", (_, body, expected) => {
    expect(readErrorBody(JSON.stringify(body))).toEqual(expected);
  });

  it("reads a refusal sent as one server-sent event", () => {
    expect(readErrorBody('event: error\ndata: {"error":{"message":"m","code":"c"}}\n\n')).toEqual({
      message: "m",
      code: "c",
    });
  });

  it("keeps the first 500 characters of other text and of unknown JSON", () => {
    expect(readErrorBody(`  ${"x".repeat(900)}`)).toEqual({ message: "x".repeat(500) });
    expect(readErrorBody('{"odd":1}')).toEqual({ message: '{"odd":1}' });
    expect(readErrorBody("[1,2]")).toEqual({ message: "[1,2]" });
    expect(readErrorBody('{"error":{"mess')).toEqual({ message: '{"error":{"mess' });
    expect(readErrorBody("")).toEqual({ message: "" });
  });

  it.each(["<!DOCTYPE html><html>…", "<html><head><title>502</title>", "\n <!-- x --><html>", "<h1>Bad gateway</h1>"])(
    "does not pass a page on: %j",
    (page) => {
      expect(readErrorBody(page)).toEqual({ message: "upstream returned an HTML page" });
    },
  );

  it("survives JSON that is nested too deeply to walk", () => {
    const deep = `${"[".repeat(30_000)}${"]".repeat(30_000)}`;
    for (const body of [
      deep,
      `{"error":{"message":${deep}}}`,
      `{"detail":${deep}}`,
      `${'{"detail":'.repeat(6000)}1${"}".repeat(6000)}`,
    ]) {
      expect(readErrorBody(body).message).toBe(body.slice(0, 500));
    }
  });

  it("survives any JSON", () => {
    for (const body of [
      "null",
      "1",
      "true",
      "{}",
      "[]",
      '{"error":null}',
      '{"error":[]}',
      '{"choices":[]}',
      '{"detail":{}}',
    ]) {
      expect(typeof readErrorBody(body).message).toBe("string");
    }
  });
});
