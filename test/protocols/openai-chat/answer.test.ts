import { describe, expect, it } from "vitest";
import { ProxyError } from "../../../src/failure/error.ts";
import type { Json, JsonObject, StreamEvent } from "../../../src/protocols/canonical.ts";
import { gemini } from "../../../src/protocols/gemini/index.ts";
import { openaiChat } from "../../../src/protocols/openai-chat/index.ts";
import type { Protocol, RenderedError } from "../../../src/protocols/types.ts";

const init = { id: "answer-1", model: "m", created: 5, usage: true };

function decoded(
  deltas: readonly Json[],
  { finish = "stop", done = true }: { finish?: string | null; done?: boolean } = {},
): StreamEvent[] {
  const events: StreamEvent[] = [];
  const decoder = openaiChat.decoder();
  const emit = (event: StreamEvent): void => void events.push(event);
  const send = (delta: Json, reason: string | null): void =>
    decoder.message({ data: JSON.stringify({ id: "c", choices: [{ index: 0, delta, finish_reason: reason }] }) }, emit);
  for (const delta of deltas) send(delta, null);
  if (finish) send({}, finish);
  if (done) decoder.message({ data: "[DONE]" }, emit);
  decoder.end(emit);
  return events;
}

function encodedStream(events: readonly StreamEvent[], usage = true): string[] {
  const out: string[] = [];
  const encoder = openaiChat.encoder({ ...init, usage }, () => {});
  for (const event of events) encoder.event(event, (message) => out.push(message.data));
  encoder.end((message) => out.push(message.data));
  return out;
}

const tool = (fields: JsonObject, name?: string, input?: Json): JsonObject => ({
  tool_calls: [
    { ...fields, function: { ...(name !== undefined && { name }), ...(input !== undefined && { arguments: input }) } },
  ],
});

function calls(deltas: readonly Json[], finish = "tool_calls"): [string, string, string][] {
  const found = new Map<number, [string, string, string]>();
  for (const event of decoded(deltas, { finish })) {
    if (event.type === "tool-start") found.set(event.index, [event.id, event.name, ""]);
    if (event.type === "tool-delta") found.get(event.index)![2] += event.delta;
  }
  return [...found.values()];
}

describe("decoder", () => {
  it("opens and closes blocks as the text moves from field to field", () => {
    const events = decoded([{ role: "assistant" }, { reasoning_content: "a" }, { content: "b" }, { content: "c" }]);
    expect(events).toEqual([
      { type: "start", id: "c" },
      { type: "reasoning-start", index: 0 },
      { type: "reasoning-delta", index: 0, delta: "a" },
      { type: "block-end", index: 0 },
      { type: "text-start", index: 1 },
      { type: "text-delta", index: 1, delta: "b" },
      { type: "text-delta", index: 1, delta: "c" },
      { type: "block-end", index: 1 },
      { type: "finish", reason: "stop", raw: "stop" },
    ]);
  });

  it("B12 passes pieces of arguments on as they come, in order, over calls that take turns", () => {
    const events = decoded([
      tool({ index: 0, id: "a" }, "f", ""),
      tool({ index: 1, id: "b" }, "g", ""),
      tool({ index: 0 }, undefined, "1"),
      tool({ index: 1 }, undefined, "2"),
      tool({ index: 0 }, undefined, "3"),
    ]);
    expect(events.flatMap((event) => (event.type === "tool-delta" ? [[event.index, event.delta]] : []))).toEqual([
      [0, "1"],
      [1, "2"],
      [0, "3"],
    ]);
  });

  it.each<[string, Json[], [string, string, string][]]>([
    [
      "no index",
      [tool({ id: "a" }, "f", "{"), tool({}, undefined, "}"), tool({ id: "b" }, "g", "[]")],
      [
        ["a", "f", "{}"],
        ["b", "g", "[]"],
      ],
    ],
    [
      "one index for all",
      [tool({ index: 0, id: "a" }, "f", "{}"), tool({ index: 0, id: "b" }, "g", "{}")],
      [
        ["a", "f", "{}"],
        ["b", "g", "{}"],
      ],
    ],
    [
      "id and name repeated",
      [tool({ index: 0, id: "a" }, "f", "{"), tool({ index: 0, id: "a" }, "f", "}")],
      [["a", "f", "{}"]],
    ],
    [
      "an empty name later on",
      [tool({ index: 0, id: "a" }, "f", ""), tool({ index: 0 }, "", "{}")],
      [["a", "f", "{}"]],
    ],
    [
      "the name after the arguments",
      [tool({ index: 0, id: "a" }, undefined, "{"), tool({ index: 0 }, "f", "}")],
      [["a", "f", "{}"]],
    ],
    ["arguments as an object", [tool({ index: 0, id: "a" }, "f", { x: [1] })], [["a", "f", '{"x":[1]}']]],
    ["no id", [tool({ index: 0 }, "f", "{}")], [["call_c0", "f", "{}"]]],
    [
      "the deprecated field",
      [{ function_call: { name: "f", arguments: "{" } }, { function_call: { arguments: "}" } }],
      [["call_c0", "f", "{}"]],
    ],
  ])("reads tool calls with %s", (_, deltas, expected) => {
    expect(calls(deltas)).toEqual(expected);
  });

  it("takes calls in which every field is empty for none, as gateways write them that leave no field out", () => {
    const hollow = { content: "x", tool_calls: [{ index: 0, type: "function", function: { name: "" } }] };
    const events = decoded([hollow, { content: "y", function_call: { name: "", arguments: "" } }]);
    expect(events.map(({ type }) => type)).toEqual([
      ...["start", "text-start", "text-delta", "text-delta", "block-end", "finish"],
    ]);
    expect(events.at(-1)).toMatchObject({ reason: "stop" });
  });

  it("tells the calls of a whole answer apart that have one id, and gives each one of its own", () => {
    const call = { id: "a", type: "function", function: { name: "f", arguments: "{}" } };
    const events: StreamEvent[] = [];
    const message = { role: "assistant", content: null, tool_calls: [call, call] };
    openaiChat.decoder().body({ choices: [{ message, finish_reason: "tool_calls" }] }, (event) => events.push(event));
    const encoder = openaiChat.encoder(init, () => {});
    for (const event of events) encoder.event(event, () => {});
    expect(encoder.body()).toMatchObject({
      choices: [{ message: { tool_calls: [call, { ...call, id: "a_2" }] } }],
    });
  });

  it("ends in an error when a call has arguments and never a name", () => {
    const events = decoded([tool({ index: 0, id: "a" }, undefined, "{}")], { finish: "tool_calls" });
    expect(events.map(({ type }) => type)).toEqual(["start", "error"]);
  });

  it("B18 ends with tool calls when the upstream says stop after one", () => {
    expect(decoded([{ content: "x" }, tool({ id: "a" }, "f", "{}")]).at(-1)).toEqual({
      type: "finish",
      reason: "tool-calls",
      raw: "stop",
    });
  });

  it("F9 reads a refusal as the filter's finish", () => {
    const events = decoded([{ refusal: "No." }]);
    expect(events[1]).toEqual({ type: "text-start", index: 0, refusal: true });
    expect(events.at(-1)).toEqual({ type: "finish", reason: "content-filter", raw: "stop" });
  });

  it("reads pictures and cited pages as what they are", () => {
    const events = decoded([
      { images: [{ type: "image_url", image_url: { url: "https://x.example/p.png" } }] },
      { annotations: [{ type: "url_citation", url_citation: { url: "https://x.example", title: "X" } }] },
    ]);
    expect(events.slice(1, 3)).toMatchObject([
      { type: "media", mediaType: "image/*", source: { url: "https://x.example/p.png" } },
      { type: "source", url: "https://x.example", title: "X" },
    ]);
  });

  it("B1 turns a stream without a finish into an error", () => {
    const events = decoded([{ content: "half" }], { finish: null, done: false });
    const last = events.at(-1);
    expect(last?.type === "error" && last.error.kind).toBe("upstream");
    expect(events.filter(({ type }) => type === "finish" || type === "error")).toHaveLength(1);
  });

  it("B1 turns a stream of nothing but the terminator into an error", () => {
    expect(decoded([], { finish: null }).map(({ type }) => type)).toEqual(["error"]);
  });

  it("B10 fills a missing finish reason in when the terminator came", () => {
    expect(decoded([{ content: "all" }], { finish: null }).at(-1)).toEqual({ type: "finish", reason: "stop" });
    expect(decoded([tool({ id: "a" }, "f", "{}")], { finish: null }).at(-1)).toEqual({
      type: "finish",
      reason: "tool-calls",
    });
  });

  it("B9 skips an event that is not JSON", () => {
    const decoder = openaiChat.decoder();
    const events: StreamEvent[] = [];
    decoder.message({ data: "{oops" }, (event) => events.push(event));
    expect(events).toEqual([]);
  });

  it("does not put an upstream's error text where a client could see it", () => {
    const events: StreamEvent[] = [];
    openaiChat
      .decoder()
      .message({ data: '{"error":{"message":"key sk-123 is wrong"}}' }, (event) => events.push(event));
    const [event] = events;
    expect(event?.type === "error" && event.error.message).not.toContain("sk-123");
  });

  it("reads content that is a list with thinking in it", () => {
    const events = decoded([
      { content: [{ type: "thinking", thinking: [{ type: "text", text: "hm" }] }] },
      { content: [{ type: "text", text: "so" }] },
    ]);
    expect(events.filter(({ type }) => type.endsWith("-delta"))).toEqual([
      { type: "reasoning-delta", index: 0, delta: "hm" },
      { type: "text-delta", index: 1, delta: "so" },
    ]);
  });

  it("B13 keeps the state of two streams apart", () => {
    const events: StreamEvent[] = [];
    const [one, two] = [openaiChat.decoder(), openaiChat.decoder()];
    const message = { data: '{"choices":[{"delta":{"content":"x"}}]}' };
    one.message(message, () => {});
    one.message(message, () => {});
    two.message(message, (event) => events.push(event));
    expect(events.map(({ type }) => type)).toEqual(["start", "text-start", "text-delta"]);
  });
});

describe("encoder", () => {
  const events: StreamEvent[] = [
    { type: "start", id: "up-1" },
    { type: "text-start", index: 0 },
    { type: "text-delta", index: 0, delta: "x" },
    { type: "block-end", index: 0 },
    { type: "tool-start", index: 1, id: "t", name: "f" },
    { type: "tool-delta", index: 1, delta: "{}" },
    { type: "block-end", index: 1 },
    { type: "usage", usage: { input: 3, output: 4, cacheRead: 1, raw: { input_tokens: 3 } } },
    { type: "finish", reason: "tool-calls", raw: "tool_use" },
  ];

  it("writes role, deltas, finish, usage and terminator, each chunk with its envelope", () => {
    const out = encodedStream(events);
    expect(out.at(-1)).toBe("[DONE]");
    const chunks = out.slice(0, -1).map((data) => JSON.parse(data) as JsonObject);
    for (const chunk of chunks) {
      expect(chunk).toMatchObject({ id: "up-1", object: "chat.completion.chunk", created: 5, model: "m" });
    }
    expect(chunks.map(({ choices }) => choices)).toEqual(
      [
        { role: "assistant", content: "" },
        { content: "x" },
        { tool_calls: [{ index: 0, id: "t", type: "function", function: { name: "f", arguments: "" } }] },
        { tool_calls: [{ index: 0, function: { arguments: "{}" } }] },
        {},
      ]
        .map((delta, at): unknown => [
          { index: 0, delta, logprobs: null, finish_reason: at === 4 ? "tool_calls" : null },
        ])
        .concat([[]]),
    );
    expect(chunks.at(-1)?.["usage"]).toEqual({
      prompt_tokens: 3,
      completion_tokens: 4,
      total_tokens: 7,
      prompt_tokens_details: { cached_tokens: 1 },
      completion_tokens_details: { reasoning_tokens: 0 },
    });
  });

  it("F9 ends with words of this API only, of which it need not know all", () => {
    const ended = (from: Protocol, message: string): unknown => {
      const encoder = openaiChat.encoder({ id: "i", model: "m", created: 1, usage: false }, () => undefined);
      const decoder = from.decoder();
      const pass = (event: StreamEvent): void => encoder.event(event, () => undefined);
      decoder.message({ data: message }, pass);
      decoder.end(pass);
      return (encoder.body()["choices"] as JsonObject[])[0]?.["finish_reason"];
    };
    const chunk = { choices: [{ index: 0, delta: { content: "x" }, finish_reason: "something_new" }] };
    expect(ended(openaiChat, JSON.stringify(chunk))).toBe("something_new");
    const candidate = { content: { parts: [{ text: "x" }] }, finishReason: "SOMETHING_NEW" };
    expect(ended(gemini, JSON.stringify({ candidates: [candidate] }))).toBe("stop");
  });

  it("D6 leaves usage out of a stream whose client did not ask", () => {
    expect(encodedStream(events, false).join()).not.toContain("prompt_tokens");
  });

  it("D5 writes the details of usage always, and the upstream's own object where it is one of ours", () => {
    const raw = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3, cost: 0.5 };
    const usage = { input: 1, output: 2, raw };
    expect(
      JSON.parse(
        encodedStream([
          { type: "usage", usage },
          { type: "finish", reason: "stop" },
        ]).at(-2)!,
      ),
    ).toMatchObject({ usage: raw });
  });

  it("B1 ends a stream with the error and no terminator", () => {
    const error = new ProxyError({ kind: "upstream", message: "gone" });
    const out = encodedStream([...events.slice(0, 3), { type: "error", error }]);
    expect(JSON.parse(out.at(-1)!)).toEqual({
      error: { message: "gone", type: "server_error", param: null, code: "upstream_error" },
    });
    expect(out).not.toContain("[DONE]");
  });

  it("folds to a whole completion and throws the error of a broken one", () => {
    const encoder = openaiChat.encoder(init, () => {});
    for (const event of events) encoder.event(event, () => {});
    expect(encoder.body()).toMatchObject({
      id: "up-1",
      object: "chat.completion",
      choices: [
        { message: { role: "assistant", content: "x", tool_calls: [{ id: "t" }] }, finish_reason: "tool_calls" },
      ],
    });
    const error = new ProxyError({ kind: "upstream", message: "gone" });
    encoder.event({ type: "error", error }, () => {});
    expect(() => encoder.body()).toThrow(error);
  });

  it("declares what it cannot show", () => {
    const losses: string[] = [];
    const encoder = openaiChat.encoder(init, (loss) => losses.push(loss.what));
    const out: string[] = [];
    const all: StreamEvent[] = [
      { type: "tool-start", index: 0, id: "h", name: "web", hosted: true },
      { type: "tool-delta", index: 0, delta: "hidden" },
      { type: "reasoning-start", index: 1 },
      { type: "seal", index: 1, seal: { protocol: "anthropic", value: "s" } },
      { type: "opaque", protocol: "anthropic", value: {} },
      { type: "finish", reason: "pause" },
    ];
    for (const event of all) encoder.event(event, (message) => out.push(message.data));
    expect(losses).toHaveLength(4);
    expect(out.join()).not.toContain("hidden");
  });

  it("F9 writes a refusal in its own field, with the finish of one", () => {
    const refusing: StreamEvent[] = [
      { type: "text-start", index: 0, refusal: true },
      { type: "text-delta", index: 0, delta: "No." },
      { type: "finish", reason: "content-filter", raw: "stop" },
    ];
    const encoder = openaiChat.encoder(init, () => {});
    for (const event of refusing) encoder.event(event, () => {});
    expect(encoder.body()["choices"]).toMatchObject([
      { message: { content: null, refusal: "No." }, finish_reason: "stop" },
    ]);
    expect(encodedStream(refusing).join()).toContain('"delta":{"refusal":"No."}');
  });

  it("writes pictures beside the content and declares sound lost", () => {
    const losses: string[] = [];
    const encoder = openaiChat.encoder(init, (loss) => losses.push(loss.what));
    const out: string[] = [];
    const media: StreamEvent[] = [
      { type: "media", mediaType: "image/png", source: { data: "QQ==" } },
      { type: "media", mediaType: "audio/wav", source: { data: "QQ==" } },
    ];
    for (const event of media) encoder.event(event, ({ data }) => out.push(data));
    expect(out.join()).toContain('"images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,QQ=="}}]');
    expect(losses).toEqual(["audio/wav"]);
  });

  it("F2 puts a seal that comes with its call where clients send it back from", () => {
    const out = encodedStream([
      { type: "tool-start", index: 0, id: "t", name: "f", seal: { protocol: "gemini", provider: "g", value: "v" } },
    ]);
    expect(out.join()).toContain('"extra_content":{"google":{"thought_signature":"px1.gemini.g.v"}}');
  });

  it("writes sources as annotations", () => {
    const out = encodedStream([
      { type: "source", url: "https://x.example", title: "X" },
      { type: "finish", reason: "stop" },
    ]);
    expect(out.join()).toContain(
      '"annotations":[{"type":"url_citation","url_citation":{"url":"https://x.example","title":"X"',
    );
  });
});

describe("encodeError", () => {
  const rendered = (status: number, code: string, more: Partial<RenderedError> = {}): RenderedError => ({
    error: new ProxyError({ kind: "upstream", message: "m" }),
    status,
    code,
    message: "m",
    requestId: "r",
    ...more,
  });
  it.each([
    [400, "invalid_request", "invalid_request_error"],
    [401, "invalid_api_key", "invalid_request_error"],
    [403, "model_not_allowed", "permission_error"],
    [404, "model_not_found", "invalid_request_error"],
    [429, "rate_limit_exceeded", "rate_limit_error"],
    [503, "all_credentials_exhausted", "server_error"],
    [504, "deadline_exceeded", "server_error"],
  ])("B15 writes %d %s as %s", (status, code, type) => {
    expect(openaiChat.encodeError(rendered(status, code))).toEqual({
      status,
      body: { error: { message: "m", type, param: null, code } },
    });
  });

  it("B15 writes quota, param and details, and the same as one event of a stream", () => {
    const error = rendered(429, "quota_exceeded", {
      error: new ProxyError({ kind: "quota_exhausted", message: "m" }),
      param: "model",
      details: { attempts: [] },
    });
    const { body } = openaiChat.encodeError(error);
    expect(body).toEqual({
      error: {
        message: "m",
        type: "insufficient_quota",
        param: "model",
        code: "quota_exceeded",
        details: { attempts: [] },
      },
    });
    expect(openaiChat.encodeStreamError(error)).toEqual([{ data: JSON.stringify(body) }]);
  });
});
