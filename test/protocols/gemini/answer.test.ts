import { describe, expect, it } from "vitest";
import { ProxyError } from "../../../src/failure/error.ts";
import type { Json, JsonObject, StreamEvent } from "../../../src/protocols/canonical.ts";
import { gemini } from "../../../src/protocols/gemini/index.ts";
import type { Loss } from "../../../src/protocols/types.ts";

function decode(...chunks: readonly Json[]): StreamEvent[] {
  const events: StreamEvent[] = [];
  const decoder = gemini.decoder();
  for (const chunk of chunks) {
    decoder.message({ data: typeof chunk === "string" ? chunk : JSON.stringify(chunk) }, (event) => events.push(event));
  }
  decoder.end((event) => events.push(event));
  return events;
}

const response = (parts: readonly Json[], more: JsonObject = {}): JsonObject => ({
  candidates: [{ content: { role: "model", parts }, ...more }],
  responseId: "resp-1",
});

interface Written {
  readonly chunks: readonly JsonObject[];
  readonly body: () => JsonObject;
  readonly losses: readonly Loss[];
}

function encode(...events: readonly StreamEvent[]): Written {
  const chunks: JsonObject[] = [];
  const losses: Loss[] = [];
  const encoder = gemini.encoder({ id: "answer", model: "m", created: 1, usage: false }, (loss) => losses.push(loss));
  for (const event of events) encoder.event(event, ({ data }) => chunks.push(JSON.parse(data) as JsonObject));
  encoder.end(({ data }) => chunks.push(JSON.parse(data) as JsonObject));
  return { chunks, body: () => encoder.body(), losses };
}

function finishOf(events: readonly StreamEvent[]): string {
  const last = events.at(-1);
  return last?.type === "finish" ? last.reason : String(last?.type);
}

describe("decoding an answer", () => {
  it.each([
    ["STOP", "stop"],
    ["MAX_TOKENS", "length"],
    ["SAFETY", "content-filter"],
    ["RECITATION", "content-filter"],
    ["PROHIBITED_CONTENT", "content-filter"],
    ["IMAGE_SAFETY", "content-filter"],
    ["OTHER", "stop"],
    ["LANGUAGE", "stop"],
    ["SOMETHING_NEW", "other"],
    ["MALFORMED_FUNCTION_CALL", "error"],
    ["UNEXPECTED_TOOL_CALL", "error"],
    ["MISSING_THOUGHT_SIGNATURE", "error"],
  ])("F9 reads %s as %s", (finishReason, expected) => {
    expect(finishOf(decode(response([{ text: "x" }], { finishReason })))).toBe(expected);
  });

  it("B18 reads STOP after a call as one for its result, but the limit as the limit", () => {
    const call = { functionCall: { name: "f", args: {} } };
    expect(finishOf(decode(response([{ text: "x" }, call], { finishReason: "STOP" })))).toBe("tool-calls");
    expect(finishOf(decode(response([call], { finishReason: "STOP" }), response([{ text: "" }])))).toBe("tool-calls");
    expect(finishOf(decode(response([call], { finishReason: "MAX_TOKENS" })))).toBe("length");
  });

  it("F9 reads a blocked prompt as filtered content", () => {
    const events = decode({
      promptFeedback: { blockReason: "SAFETY" },
      usageMetadata: { promptTokenCount: 4, totalTokenCount: 4 },
    });
    expect(events.map(({ type }) => type)).toEqual(["start", "usage", "finish"]);
    expect(events.at(-1)).toMatchObject({ reason: "content-filter", raw: "SAFETY" });
  });

  it("B10 ends in an error when no reason to finish came", () => {
    const events = decode(response([{ text: "half" }]));
    expect(events.map(({ type }) => type)).toEqual(["start", "text-start", "text-delta", "block-end", "error"]);
  });

  it("B19 goes on after a start that comes twice and events that cannot be read", () => {
    const events = decode(
      response([{ text: "a" }]),
      "{broken",
      "7",
      "[DONE]",
      response([7, null, { text: "b" }], { finishReason: "STOP" }),
    );
    expect(events.filter(({ type }) => type === "start")).toHaveLength(1);
    expect(events.flatMap((event) => (event.type === "text-delta" ? [event.delta] : []))).toEqual(["a", "b"]);
  });

  it.each<Json>([
    { candidates: "none" },
    { candidates: [null, { content: [] }, { content: { parts: { text: "x" } } }] },
    {
      candidates: [
        { content: { parts: [{ functionCall: {} }, { functionCall: { name: "", args: [] } }, { inlineData: {} }] } },
      ],
    },
    { usageMetadata: "many" },
    { candidates: [{ groundingMetadata: { groundingChunks: [7, {}] }, citationMetadata: [] }] },
  ])("does not stumble over %j", (chunk) => {
    expect(finishOf(decode(chunk, response([], { finishReason: "STOP" })))).toMatch(/stop|tool-calls/);
  });

  it("F5 gives calls without ids the same ones every time", () => {
    const call = { functionCall: { name: "f" } };
    const ids = (): string[] =>
      decode(response([{ text: "x" }, call, call], { finishReason: "STOP" })).flatMap((event) =>
        event.type === "tool-start" ? [event.id] : [],
      );
    expect(ids()).toEqual(["call_resp11", "call_resp12"]);
    expect(ids()).toEqual(ids());
  });

  it("F3 shows thoughts, text and calls of one chunk in their order", () => {
    const parts: Json[] = [
      { text: "hm", thought: "true" },
      { text: "ok" },
      { functionCall: { id: "c", name: "f", args: { a: 1 } }, thoughtSignature: "c2ln" },
    ];
    expect(decode(response(parts, { finishReason: "STOP" })).slice(1, -1)).toEqual([
      { type: "reasoning-start", index: 0 },
      { type: "reasoning-delta", index: 0, delta: "hm" },
      { type: "block-end", index: 0 },
      { type: "text-start", index: 1 },
      { type: "text-delta", index: 1, delta: "ok" },
      { type: "block-end", index: 1 },
      { type: "tool-start", index: 2, id: "c", name: "f", seal: { protocol: "gemini", value: "c2ln" } },
      { type: "tool-delta", index: 2, delta: '{"a":1}' },
      { type: "block-end", index: 2 },
    ]);
  });

  it("F1 gives a signature without a text to the text before it, else a block of its own", () => {
    const late = { text: "", thoughtSignature: "c2ln" };
    const seal = { protocol: "gemini", value: "c2ln" };
    expect(decode(response([{ text: "a" }]), response([late], { finishReason: "STOP" }))).toContainEqual({
      type: "seal",
      index: 0,
      seal,
    });
    const bare = { thoughtSignature: "c2ln" };
    const events = decode(response([{ functionCall: { name: "f" } }, bare], { finishReason: "STOP" }));
    expect(events.slice(-4, -1)).toEqual([
      { type: "text-start", index: 1 },
      { type: "seal", index: 1, seal },
      { type: "block-end", index: 1 },
    ]);
  });

  it("D5 counts thoughts into the output and fetched pages into the input, once", () => {
    const usageMetadata = {
      promptTokenCount: 10,
      cachedContentTokenCount: 4,
      candidatesTokenCount: 3,
      thoughtsTokenCount: 5,
      toolUsePromptTokenCount: 7,
      totalTokenCount: 25,
    };
    const events = decode(
      { ...response([{ text: "x" }]), usageMetadata: { promptTokenCount: 10 } },
      { ...response([], { finishReason: "STOP" }), usageMetadata },
    );
    expect(events.filter(({ type }) => type === "usage")).toEqual([
      { type: "usage", usage: { input: 17, cacheRead: 4, output: 8, reasoning: 5, raw: usageMetadata } },
    ]);
  });

  it("names each source once", () => {
    const grounding: JsonObject = {
      groundingChunks: [
        { web: { uri: "https://a.test", title: "A" } },
        { retrievedContext: { uri: "https://b.test" } },
      ],
    };
    const events = decode(
      response([{ text: "x" }], { groundingMetadata: grounding }),
      response([], { groundingMetadata: grounding, finishReason: "STOP" }),
    );
    const sources = events.flatMap((event) => (event.type === "source" ? [[event.url, event.title]] : []));
    expect(sources).toEqual([
      ["https://a.test", "A"],
      ["https://b.test", undefined],
    ]);
  });

  it("keeps draft pictures of the thoughts apart from the answer's", () => {
    const draft = { thought: true, inlineData: { mimeType: "image/png", data: "AA" } };
    const types = decode(
      response([draft, { inlineData: { mimeType: "image/png", data: "BB" } }], { finishReason: "STOP" }),
    ).map(({ type }) => type);
    expect(types).toEqual(["start", "opaque", "media", "finish"]);
  });

  it("puts arguments in pieces together, and ignores pieces that lead nowhere", () => {
    const piece = (jsonPath: string, value: JsonObject): JsonObject => ({ jsonPath, ...value });
    const call = (partialArgs: Json): JsonObject => response([{ functionCall: { partialArgs, willContinue: true } }]);
    const events = decode(
      response([{ functionCall: { name: "f", willContinue: true } }]),
      call([
        piece("$.a", { stringValue: "x", willContinue: true }),
        piece("$..b", { stringValue: "?" }),
        piece("b", { numberValue: 1 }),
      ]),
      call([
        piece("$.a", { stringValue: "y" }),
        piece("$.list[4000000000]", { numberValue: 1 }),
        piece("$.__proto__.p", { boolValue: true }),
      ]),
      call([piece('$["it\\"s"][0][0]', { numberValue: 1 }), piece("$.a.deep", { numberValue: 2 }), 7]),
      response([{ text: "" }], { finishReason: "STOP" }),
    );
    expect(events.flatMap((event) => (event.type === "tool-delta" ? [JSON.parse(event.delta)] : []))).toEqual([
      { a: "xy", list: [], 'it"s': [[1]] },
    ]);
  });
});

describe("what others send in a form of their own", () => {
  it("D1 counts a blocked prompt as nothing where usage names no count, since zeros are left out", () => {
    const bare = { trafficType: "ON_DEMAND" };
    const events = decode({ promptFeedback: { blockReason: "OTHER" }, usageMetadata: bare });
    expect(events).toContainEqual({ type: "usage", usage: { input: 0, output: 0, raw: bare } });
    expect(decode(response([{ text: "x" }], { finishReason: "STOP" })).map(({ type }) => type)).not.toContain("usage");
  });

  it("lets a call grow on behind parts that come in between", () => {
    const piece = (fields: JsonObject): JsonObject => response([{ functionCall: fields }]);
    const path = (jsonPath: string, stringValue: string): JsonObject => ({ partialArgs: [{ jsonPath, stringValue }] });
    const events = decode(
      piece({ name: "f", willContinue: true, ...path("$.a", "1") }),
      response([{ text: "x" }]),
      response([{ futurePart: {} }]),
      piece({ ...path("$.b", "2"), willContinue: false }),
      response([], { finishReason: "STOP" }),
    );
    expect(events).toContainEqual({ type: "tool-delta", index: 0, delta: '{"a":"1","b":"2"}' });
  });

  it("D1 writes counts that add up to the output, also where more reasoning than output was counted", () => {
    const usage = { input: 3, output: 7, reasoning: 9 };
    const { body } = encode({ type: "usage", usage }, { type: "finish", reason: "stop" });
    expect(body()["usageMetadata"]).toMatchObject({
      candidatesTokenCount: 0,
      thoughtsTokenCount: 7,
      totalTokenCount: 10,
    });
  });

  it("writes calls in the order in which they began, also when they take turns", () => {
    const call = (index: number, name: string): StreamEvent => ({ type: "tool-start", index, id: name, name });
    const { chunks } = encode(
      { type: "start" },
      call(0, "a"),
      call(1, "b"),
      { type: "tool-delta", index: 1, delta: '{"n":1}' },
      { type: "block-end", index: 1 },
      { type: "tool-delta", index: 0, delta: "{}" },
      { type: "block-end", index: 0 },
      { type: "finish", reason: "tool-calls" },
    );
    const names = JSON.stringify(chunks).match(/"name":"."/g);
    expect(names).toEqual(['"name":"a"', '"name":"b"']);
  });
});

describe("encoding an answer of another protocol", () => {
  const start: StreamEvent = { type: "start", id: "id-1" };
  const finish: StreamEvent = { type: "finish", reason: "tool-calls", raw: "tool_use" };

  it("B16 sends text as it comes, calls whole, and the reason with the usage last", () => {
    const { chunks, body } = encode(
      start,
      { type: "reasoning-start", index: 0 },
      { type: "reasoning-delta", index: 0, delta: "hm" },
      { type: "seal", index: 0, seal: { protocol: "anthropic", provider: "a", value: "v" } },
      { type: "block-end", index: 0 },
      { type: "text-start", index: 1 },
      { type: "text-delta", index: 1, delta: "o" },
      { type: "text-delta", index: 1, delta: "k" },
      { type: "block-end", index: 1 },
      { type: "tool-start", index: 2, id: "t1", name: "f", seal: { protocol: "openai-responses", value: "w" } },
      { type: "tool-delta", index: 2, delta: '{"a"' },
      { type: "tool-delta", index: 2, delta: ":1}" },
      { type: "block-end", index: 2 },
      { type: "usage", usage: { input: 5, cacheRead: 2, output: 9, reasoning: 4, raw: { input_tokens: 5 } } },
      finish,
    );
    const envelope = { modelVersion: "m", responseId: "id-1" };
    const piece = (part: JsonObject): JsonObject => ({
      candidates: [{ content: { parts: [part], role: "model" }, index: 0 }],
      ...envelope,
    });
    const parts: JsonObject[] = [
      { text: "hm", thought: true, thoughtSignature: "px1.anthropic.a.v" },
      { text: "ok" },
      { functionCall: { id: "t1", name: "f", args: { a: 1 } }, thoughtSignature: "px1.openai-responses..w" },
    ];
    const usageMetadata = {
      promptTokenCount: 5,
      cachedContentTokenCount: 2,
      candidatesTokenCount: 5,
      thoughtsTokenCount: 4,
      totalTokenCount: 14,
    };
    expect(chunks).toEqual([
      piece({ text: "hm", thought: true }),
      piece({ text: "", thought: true, thoughtSignature: "px1.anthropic.a.v" }),
      piece({ text: "o" }),
      piece({ text: "k" }),
      piece(parts[2]!),
      {
        candidates: [{ content: { parts: [{ text: "" }], role: "model" }, finishReason: "STOP", index: 0 }],
        usageMetadata,
        ...envelope,
      },
    ]);
    expect(body()).toEqual({
      candidates: [{ content: { parts, role: "model" }, finishReason: "STOP", index: 0 }],
      usageMetadata,
      ...envelope,
    });
  });

  it.each<[StreamEvent & { type: "finish" }, string]>([
    [{ type: "finish", reason: "stop", raw: "end_turn" }, "STOP"],
    [{ type: "finish", reason: "length", raw: "length" }, "MAX_TOKENS"],
    [{ type: "finish", reason: "content-filter", raw: "refusal" }, "SAFETY"],
    [{ type: "finish", reason: "content-filter", raw: "SPII" }, "SPII"],
    [{ type: "finish", reason: "other", raw: "weird" }, "OTHER"],
    [{ type: "finish", reason: "other", raw: "SOMETHING_NEW" }, "SOMETHING_NEW"],
    [{ type: "finish", reason: "pause" }, "STOP"],
  ])("F9 says %j as %s", (event, expected) => {
    const { body } = encode(start, event);
    expect((body()["candidates"] as unknown as JsonObject[])[0]?.["finishReason"]).toBe(expected);
  });

  it("makes sources grounding chunks", () => {
    const { chunks, body, losses } = encode(
      start,
      { type: "source", url: "https://a.test", title: "A" },
      { type: "source", title: "B" },
      finish,
    );
    const groundingMetadata = { groundingChunks: [{ web: { uri: "https://a.test", title: "A" } }] };
    expect(chunks.at(-1)).toMatchObject({ candidates: [{ groundingMetadata }] });
    expect(body()).toMatchObject({ candidates: [{ groundingMetadata }] });
    expect(losses).toHaveLength(1);
  });

  it("names what it has no place for", () => {
    const { losses, chunks } = encode(
      start,
      { type: "tool-start", index: 0, id: "h", name: "web_search", hosted: true },
      { type: "tool-delta", index: 0, delta: "{}" },
      { type: "block-end", index: 0 },
      { type: "opaque", protocol: "anthropic", value: {} },
      { type: "tool-start", index: 1, id: "t", name: "f" },
      { type: "tool-delta", index: 1, delta: '{"cut' },
      { type: "finish", reason: "pause" },
    );
    expect(losses.map(({ what }) => what)).toEqual([
      "the hosted tool call web_search",
      "a block of anthropic",
      "that the turn is only paused",
      "that the arguments of f are no JSON object",
    ]);
    expect(chunks[0]).toMatchObject({
      candidates: [{ content: { parts: [{ functionCall: { args: { _raw: '{"cut' } } }] } }],
    });
  });

  it("B15 sends an error in Google's shape and nothing after it", () => {
    const error = new ProxyError({ kind: "overloaded", message: "Too busy.", status: 503 });
    const { chunks, body } = encode(
      start,
      { type: "text-start", index: 0 },
      { type: "text-delta", index: 0, delta: "a" },
      { type: "error", error },
      finish,
    );
    expect(chunks).toHaveLength(2);
    expect(chunks[1]).toMatchObject({ error: { code: 503, message: "Too busy.", status: "UNAVAILABLE" } });
    expect(body).toThrow("Too busy.");
  });

  it("D3 counts nothing as zero where a count is not known", () => {
    expect(encode(start, { type: "usage", usage: { output: 3 } }, finish).body()["usageMetadata"]).toEqual({
      promptTokenCount: 0,
      candidatesTokenCount: 3,
      totalTokenCount: 3,
    });
  });
});

describe("B15 errors", () => {
  it("have Google's shape, our code, the field and the details", () => {
    const error = new ProxyError({ kind: "invalid_request", message: "No." });
    const rendered = {
      error,
      status: 400,
      code: "unsupported_feature",
      message: "No. Request r.",
      param: "tools",
      details: { attempts: [1] },
      requestId: "r",
    };
    const { status, body } = gemini.encodeError(rendered);
    expect(status).toBe(400);
    expect(body).toEqual({
      error: {
        code: 400,
        message: "No. Request r.",
        status: "INVALID_ARGUMENT",
        details: [
          {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            reason: "UNSUPPORTED_FEATURE",
            domain: "waygate",
            metadata: { code: "unsupported_feature", requestId: "r" },
          },
          {
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            fieldViolations: [{ field: "tools", description: "No. Request r." }],
          },
          { "@type": "type.googleapis.com/google.protobuf.Struct", value: { attempts: [1] } },
        ],
      },
    });
    expect(gemini.encodeStreamError(rendered)).toEqual([{ data: JSON.stringify(body) }]);
  });

  it("say when to ask again where Google's clients look for it", () => {
    const error = new ProxyError({ kind: "rate_limited", message: "Later." });
    const rendered = { error, status: 429, code: "c", message: "Later.", requestId: "r", retryAfter: 7200 };
    const retry = { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "7200s" };
    expect(gemini.encodeError(rendered).body).toMatchObject({
      error: { details: [expect.anything(), retry] },
    });
  });

  it.each([
    [401, "UNAUTHENTICATED"],
    [404, "NOT_FOUND"],
    [429, "RESOURCE_EXHAUSTED"],
    [502, "UNAVAILABLE"],
    [504, "DEADLINE_EXCEEDED"],
    [422, "INVALID_ARGUMENT"],
  ])("of status %i are called %s", (status, word) => {
    const error = new ProxyError({ kind: "upstream", message: "x" });
    expect(gemini.encodeError({ error, status, code: "c", message: "x", requestId: "r" }).body).toMatchObject({
      error: { code: status, status: word },
    });
  });
});
