import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { ProxyError } from "../../../src/failure/error.ts";
import type { GenerateRequest, JsonObject, StreamEvent } from "../../../src/protocols/canonical.ts";
import { folder } from "../../../src/protocols/fold.ts";
import { openaiResponses } from "../../../src/protocols/openai-responses/index.ts";
import { parsedBody } from "../../../src/wire/body.ts";
import { encodeFrame, type Sse } from "../../../src/wire/sse.ts";
import { streams } from "./fixtures.ts";

const init = { id: "req-7f", model: "up/model", created: 1_700_000_000, usage: true };
const usage: StreamEvent = { type: "usage", usage: { input: 7, output: 5, reasoning: 2, cacheRead: 3 } };
const stop: StreamEvent = { type: "finish", reason: "stop" };

interface Written {
  readonly messages: readonly Sse[];
  readonly events: readonly JsonObject[];
  readonly body: () => JsonObject;
  readonly losses: readonly string[];
}

function write(events: readonly StreamEvent[], request?: GenerateRequest): Written {
  const messages: Sse[] = [];
  const losses: string[] = [];
  const encoder = openaiResponses.encoder({ ...init, ...(request && { request }) }, ({ what }) => losses.push(what));
  for (const event of events) encoder.event(event, (message) => messages.push(message));
  encoder.end((message) => messages.push(message));
  const parsed = messages.map(({ data }) => JSON.parse(data) as JsonObject);
  return { messages, events: parsed, body: () => encoder.body(), losses };
}

function read(messages: readonly JsonObject[]): StreamEvent[] {
  const events: StreamEvent[] = [];
  const decoder = openaiResponses.decoder();
  for (const message of messages) decoder.message({ data: JSON.stringify(message) }, (event) => events.push(event));
  decoder.end((event) => events.push(event));
  return events;
}

const text = (index: number, ...pieces: string[]): StreamEvent[] => [
  { type: "text-start", index },
  ...pieces.map((delta) => ({ type: "text-delta", index, delta }) as const),
  { type: "block-end", index },
];
const tool = (index: number, id: string, ...pieces: string[]): StreamEvent[] => [
  { type: "tool-start", index, id, name: "fare" },
  ...pieces.map((delta) => ({ type: "tool-delta", index, delta }) as const),
  { type: "block-end", index },
];
const types = (events: readonly JsonObject[]): string[] =>
  events.map(({ type }) => String(type).replace("response.", ""));
const outputOf = ({ body }: Written): readonly JsonObject[] => body()["output"] as readonly JsonObject[];

describe("an answer of another protocol, written for a client of this one", () => {
  it("is a complete sequence whose end repeats all of it", () => {
    const written = write([{ type: "start", id: "chatcmpl-1" }, ...text(0, "Hel", "lo"), usage, stop]);
    expect(types(written.events)).toEqual([
      "created",
      "in_progress",
      "output_item.added",
      "content_part.added",
      "output_text.delta",
      "output_text.delta",
      "output_text.done",
      "content_part.done",
      "output_item.done",
      "completed",
    ]);
    expect(written.events.map((event) => event["sequence_number"])).toEqual(written.events.map((_, index) => index));
    expect(written.messages.every(({ event, data }) => (JSON.parse(data) as JsonObject)["type"] === event)).toBe(true);
    const { response } = written.events.at(-1)!;
    expect(response).toEqual(written.body());
    expect(response).toMatchObject({
      id: "resp_req7f",
      object: "response",
      model: "up/model",
      status: "completed",
      output: [{ type: "message", role: "assistant", status: "completed", content: [{ text: "Hello" }] }],
    });
  });

  it("D3 D5 counts everything once, and has the details even where the upstream gave none", () => {
    expect(write([...text(0, "x"), usage, stop]).body()["usage"]).toEqual({
      input_tokens: 7,
      input_tokens_details: { cached_tokens: 3 },
      output_tokens: 5,
      output_tokens_details: { reasoning_tokens: 2 },
      total_tokens: 12,
    });
    const bare = write([{ type: "usage", usage: { input: 1, output: 2 } }, stop]).body()["usage"];
    expect(bare).toMatchObject({
      input_tokens_details: { cached_tokens: 0 },
      output_tokens_details: { reasoning_tokens: 0 },
    });
  });

  it.each([
    ["length", { status: "incomplete", incomplete_details: { reason: "max_output_tokens" } }],
    ["content-filter", { status: "incomplete", incomplete_details: { reason: "content_filter" } }],
    ["tool-calls", { status: "completed", incomplete_details: null }],
    ["pause", { status: "completed" }],
    ["error", { status: "failed", error: { code: "upstream_error" } }],
  ] as const)("F9 ends for the reason %s as the API says it", (reason, expected) => {
    const written = write([...text(0, "x"), { type: "finish", reason }]);
    expect(written.body()).toMatchObject(expected);
    expect(written.events.at(-1)?.["type"]).toBe(`response.${expected.status}`);
  });

  it("F9 says a refusal in a part of its own and is complete then", () => {
    const refusal: StreamEvent = { type: "text-start", index: 0, refusal: true };
    const written = write([
      refusal,
      { type: "text-delta", index: 0, delta: "No." },
      { type: "block-end", index: 0 },
      { type: "finish", reason: "content-filter" },
    ]);
    expect(types(written.events)).toContain("refusal.delta");
    expect(written.body()).toMatchObject({
      status: "completed",
      output: [{ content: [{ type: "refusal", refusal: "No." }] }],
    });
  });

  it("B18 keeps text, reasoning and calls apart and in order, with calls that run side by side", () => {
    const written = write([
      { type: "reasoning-start", index: 0 },
      { type: "reasoning-delta", index: 0, delta: "Hm." },
      { type: "seal", index: 0, seal: { protocol: "anthropic", provider: "a", value: "c2ln" } },
      { type: "block-end", index: 0 },
      ...text(1, "Two parts,"),
      ...text(2, " one message."),
      { type: "tool-start", index: 3, id: "c1", name: "fare" },
      { type: "tool-start", index: 4, id: "c2", name: "now" },
      { type: "tool-delta", index: 3, delta: '{"zone":' },
      { type: "tool-delta", index: 3, delta: "1}" },
      { type: "block-end", index: 4 },
      { type: "block-end", index: 3 },
      { type: "finish", reason: "tool-calls" },
    ]);
    expect(outputOf(written)).toMatchObject([
      {
        type: "reasoning",
        summary: [{ type: "summary_text", text: "Hm." }],
        encrypted_content: "px1.anthropic.a.c2ln",
      },
      { type: "message", content: [{ text: "Two parts," }, { text: " one message." }] },
      { type: "function_call", call_id: "c1", name: "fare", arguments: '{"zone":1}', status: "completed" },
      { type: "function_call", call_id: "c2", name: "now", arguments: "{}" },
    ]);
    expect(written.losses).toEqual([]);
    const ids = outputOf(written).map(({ id }) => id);
    expect(new Set(ids).size).toBe(4);
    expect(ids.map((id) => String(id).split("_")[0])).toEqual(["rs", "msg", "fc", "fc"]);
  });

  it("goes on with a text after a call has come in between", () => {
    const written = write([
      { type: "text-start", index: 0 },
      { type: "text-delta", index: 0, delta: "A" },
      ...tool(1, "c1", "{}"),
      { type: "text-delta", index: 0, delta: "B" },
      { type: "block-end", index: 0 },
      stop,
    ]);
    expect(outputOf(written).map(({ type }) => type)).toEqual(["message", "function_call", "message"]);
  });

  it("F2 puts the seal of a call before it, or behind it when it comes late, and finds it again in the request", () => {
    const seal = { protocol: "gemini", provider: "g", value: "c2ln" };
    const written = write([
      { type: "tool-start", index: 0, id: "c1", name: "fare", seal },
      { type: "block-end", index: 0 },
      { type: "tool-start", index: 1, id: "c2", name: "fare" },
      { type: "seal", index: 1, seal: { ...seal, value: "bGF0ZQ" } },
      { type: "block-end", index: 1 },
      ...text(2, "Done."),
      { type: "seal", index: 2, seal: { ...seal, value: "dHh0" } },
      stop,
    ]);
    const output = outputOf(written);
    const json: JsonObject = { model: "m", input: [{ role: "user", content: "go" }, ...output] };
    const { messages } = openaiResponses.decodeRequest(
      parsedBody(JSON.stringify(json), json),
      new Request("http://l/"),
    );
    expect(messages[1]?.parts).toMatchObject([
      { type: "tool-call", id: "c1", seal },
      { type: "tool-call", id: "c2", seal: { ...seal, value: "bGF0ZQ" } },
      { type: "text", text: "Done.", seal: { ...seal, value: "dHh0" } },
    ]);
  });

  it("shows a hidden thought as a reasoning item without a summary", () => {
    const seal = { protocol: "anthropic", provider: "a", value: "aGlk", redacted: true };
    const written = write([
      { type: "reasoning-start", index: 0 },
      { type: "seal", index: 0, seal },
      { type: "block-end", index: 0 },
      stop,
    ]);
    expect(outputOf(written)).toMatchObject([
      { type: "reasoning", summary: [], encrypted_content: "px1.anthropic~redacted.a.aGlk" },
    ]);
  });

  it("writes pictures as pictures the model made, and cites pages in the text they belong to", () => {
    const written = write([
      { type: "media", mediaType: "image/webp", source: { data: "UklG" } },
      { type: "text-start", index: 0 },
      { type: "text-delta", index: 0, delta: "Late." },
      { type: "block-end", index: 0 },
      { type: "source", url: "https://trams.test", title: "Trams" },
      stop,
    ]);
    expect(outputOf(written)).toMatchObject([
      { type: "image_generation_call", result: "UklG", output_format: "webp", status: "completed" },
      {
        content: [
          {
            annotations: [
              { type: "url_citation", url: "https://trams.test", title: "Trams", start_index: 0, end_index: 5 },
            ],
          },
        ],
      },
    ]);
    expect(written.losses).toEqual([]);
  });

  it("names what it cannot show", () => {
    const written = write([
      { type: "tool-start", index: 0, id: "s", name: "search", hosted: true },
      { type: "tool-delta", index: 0, delta: "{}" },
      { type: "block-end", index: 0 },
      { type: "opaque", protocol: "anthropic", value: {} },
      { type: "media", mediaType: "audio/wav", source: { data: "UklG" } },
      { type: "source", title: "no address" },
      { type: "finish", reason: "pause" },
    ]);
    expect(written.losses).toEqual([
      "the hosted tool call search",
      "a block of anthropic",
      "audio/wav",
      "a source without an address",
      "that the turn is only paused",
    ]);
    expect(outputOf(written)).toEqual([]);
  });

  it("repeats the request, and writes a call of a tool for free text as such", () => {
    const json: JsonObject = {
      model: "m",
      instructions: "Be brief.",
      input: "x",
      temperature: 0,
      metadata: { a: "b" },
      reasoning: { effort: "low" },
      tools: [{ type: "custom", name: "fare", format: { type: "text" } }],
      include: ["reasoning.encrypted_content"],
    };
    const request = openaiResponses.decodeRequest(parsedBody(JSON.stringify(json), json), new Request("http://l/"));
    const written = write([...tool(0, "c1", '{"inp', 'ut":"*** Begin"}'), stop], request);
    expect(written.body()).toMatchObject({
      instructions: "Be brief.",
      temperature: 0,
      top_p: 1,
      metadata: { a: "b" },
      reasoning: { effort: "low", summary: null },
      text: { format: { type: "text" } },
      tools: json["tools"],
      tool_choice: "auto",
      output: [{ type: "custom_tool_call", call_id: "c1", name: "fare", input: "*** Begin" }],
    });
    expect(written.body()).not.toHaveProperty("include");
    expect(types(written.events)).toContain("custom_tool_call_input.done");
  });

  it("names a call's tool by the namespace the client has declared it in", () => {
    const declared = [{ type: "function", name: "fare" }];
    const json: JsonObject = {
      model: "m",
      input: [{ type: "additional_tools", role: "developer", tools: [{ type: "custom", name: "run" }] }],
      tools: [
        { type: "namespace", name: "tram", description: "", tools: declared },
        { type: "namespace", name: "functions", description: "", tools: [{ type: "custom", name: "note" }] },
      ],
    };
    const request = openaiResponses.decodeRequest(parsedBody(JSON.stringify(json), json), new Request("http://l/"));
    expect(request.tools?.map(({ name }) => name)).toEqual(["tram__fare", "note", "run"]);
    const calls = ["tram__fare", "note", "run", "unknown"].flatMap((name, index): StreamEvent[] => [
      { type: "tool-start", index, id: `c${index}`, name },
      { type: "tool-delta", index, delta: '{"input":"x"}' },
      { type: "block-end", index },
    ]);
    const written = write([...calls, stop], request);
    const [fare, note, run, unknown] = outputOf(written);
    expect(fare).toMatchObject({ type: "function_call", namespace: "tram", name: "fare", arguments: '{"input":"x"}' });
    expect(note).toMatchObject({ type: "custom_tool_call", namespace: "functions", name: "note", input: "x" });
    expect(run).toMatchObject({ type: "custom_tool_call", name: "run", input: "x" });
    expect(run).not.toHaveProperty("namespace");
    expect(unknown).toMatchObject({ type: "function_call", name: "unknown" });
    const added = written.events.filter(({ type }) => type === "response.output_item.added");
    expect(added.map(({ item }) => (item as JsonObject)["namespace"])).toEqual([
      "tram",
      "functions",
      undefined,
      undefined,
    ]);
  });

  it("keeps the namespace of an upstream's own call, whose name says both for everybody else", () => {
    const item = { id: "fc_1", type: "function_call", namespace: "tram", name: "fare", call_id: "c1" };
    const events = read([
      { type: "response.output_item.added", output_index: 0, item: { ...item, arguments: "" } },
      { type: "response.output_item.done", output_index: 0, item: { ...item, arguments: "{}" } },
      { type: "response.completed", response: { id: "resp_1", status: "completed", output: [] } },
    ]);
    expect(events.find(({ type }) => type === "tool-start")).toMatchObject({ id: "c1", name: "tram__fare" });
    expect(outputOf(write(events))).toMatchObject([{ ...item, arguments: "{}" }]);
  });

  it("names a call once whose namespace is the tool itself, as of tools a search has found", () => {
    const item = { type: "function_call", id: "fc_1", namespace: "fare", name: "fare", call_id: "c1", arguments: "{}" };
    const events = read([
      { type: "response.output_item.done", output_index: 0, item },
      { type: "response.completed", response: { id: "resp_1", status: "completed", output: [item] } },
    ]);
    expect(events.find(({ type }) => type === "tool-start")).toMatchObject({ name: "fare" });
    expect(outputOf(write(events))).toMatchObject([item]);
  });

  it("gives each of several calls an id of its own where the upstream gave them one", () => {
    const calls = [0, 1].flatMap((index): StreamEvent[] => [
      { type: "tool-start", index, id: "same", name: "fare" },
      { type: "block-end", index },
    ]);
    const output = outputOf(write([...calls, { type: "finish", reason: "tool-calls" }]));
    expect(output).toMatchObject([{ call_id: "same" }, { call_id: "same_2" }]);
  });

  it("B15 ends with both events that say a stream has failed", () => {
    const error = new ProxyError({ kind: "overloaded", message: "Too many riders.", status: 503 });
    const written = write([...text(0, "Half"), { type: "error", error }]);
    expect(written.events.slice(-2)).toMatchObject([
      { type: "error", message: "Too many riders.", error: { type: "server_error" } },
      {
        type: "response.failed",
        response: { id: "resp_req7f", status: "failed", error: { message: "Too many riders." } },
      },
    ]);
    expect(() => written.body()).toThrow(error);
    const rendered = { error, status: 503, code: "overloaded", message: "Too many riders.", requestId: "r-1" };
    const last = openaiResponses.encodeStreamError(rendered);
    expect(last.map(({ event }) => event)).toEqual(["error", "response.failed"]);
  });
});

describe("OpenAI's own client", () => {
  const client = (messages: readonly Sse[]): OpenAI =>
    new OpenAI({
      apiKey: "k",
      maxRetries: 0,
      fetch: async () =>
        new Response(messages.map(encodeFrame).join(""), { headers: { "content-type": "text/event-stream" } }),
    });

  it("puts the whole answer together", async () => {
    const written = write([
      { type: "reasoning-start", index: 0 },
      { type: "reasoning-delta", index: 0, delta: "Hm." },
      { type: "block-end", index: 0 },
      ...text(1, "A ", "B"),
      ...tool(2, "c1", "{}"),
      usage,
      { type: "finish", reason: "tool-calls" },
    ]);
    const final = await client(written.messages).responses.stream({ model: "m", input: "x" }).finalResponse();
    expect(final.output_text).toBe("A B");
    expect(final.output.map(({ type }) => type)).toEqual(["reasoning", "message", "function_call"]);
    expect(final.usage?.total_tokens).toBe(12);
  });

  it("B15 raises what went wrong", async () => {
    const error = new ProxyError({ kind: "upstream", message: "The tram broke down." });
    const { messages } = write([...text(0, "Half"), { type: "error", error }]);
    const reading = client(messages).responses.stream({ model: "m", input: "x" }).finalResponse();
    await expect(reading).rejects.toThrow("The tram broke down.");
  });
});

describe("an answer of an upstream of this protocol", () => {
  const decoded = (name: string) => {
    const answer = folder();
    const fixture = streams.find((stream) => stream.name === name)!;
    const messages = fixture.text.split("\n").flatMap((line) => (line.startsWith("data:") ? [line.slice(5)] : []));
    read(messages.map((message) => JSON.parse(message) as JsonObject)).forEach((event) => answer.event(event));
    return answer.answer();
  };

  it("has calls, their reason to end, and text in between", () => {
    expect(decoded("parallel-tools")).toMatchObject({
      parts: [
        { type: "text", text: "Looking." },
        { type: "tool-call", id: "call_one", name: "tram_times", input: '{"stop":"Elm"}' },
        { type: "tool-call", id: "call_two", name: "fare", input: '{"zone":2}' },
      ],
      finish: { reason: "tool-calls" },
    });
  });

  it("F3 has its reasoning with the seal, hidden reasoning as such, and nothing for reasoning that says nothing", () => {
    expect(decoded("reasoning").parts).toMatchObject([
      { type: "reasoning", text: "Check the timetable." },
      { type: "reasoning", text: "Then the fare.", seal: { protocol: "openai-responses", value: "gAAAAsealed-one" } },
      { type: "text", text: "At nine." },
    ]);
    expect(decoded("silent-reasoning").parts).toMatchObject([
      { type: "reasoning", text: "", seal: { value: "gAAAAsealed-two", redacted: true } },
      { type: "text", text: "Yes." },
    ]);
    expect(decoded("raw-reasoning").parts[0]).toMatchObject({ type: "reasoning", text: "First think." });
  });

  it("F9 ends a refusal, a filtered and a cut answer for their reasons", () => {
    expect(decoded("refusal")).toMatchObject({ parts: [{ refusal: true }], finish: { reason: "content-filter" } });
    expect(decoded("content-filter").finish?.reason).toBe("content-filter");
    expect(decoded("length").finish).toMatchObject({ reason: "length", raw: "max_output_tokens" });
  });

  it("has the pages it cites and the pictures it made, and keeps what only its protocol knows", () => {
    expect(decoded("web-search")).toMatchObject({
      parts: [
        { type: "opaque", protocol: "openai-responses" },
        { type: "text", text: "No strike today." },
      ],
      sources: [{ url: "https://trams.test/news", title: "Tram news" }, {}],
      usage: { input: 300, cacheRead: 200, output: 20 },
    });
    expect(decoded("picture").parts[0]).toMatchObject({ type: "media", mediaType: "image/webp" });
    expect(decoded("custom-tool").parts).toMatchObject([{ type: "opaque" }]);
  });

  it("reads items nobody announced and those only the end lists", () => {
    expect(decoded("unannounced").parts).toMatchObject([
      { type: "tool-call", id: "call_n", input: '{"zone":1}' },
      { type: "text", text: "Only at the end." },
    ]);
  });

  it("B19 begins once, however often that is said", () => {
    expect(decoded("twice-begun").parts).toMatchObject([{ type: "text", text: "Once." }]);
  });

  it("reads pieces of text whose item was never announced", () => {
    const delta = { type: "response.output_text.delta", output_index: 0, content_index: 0, delta: "Hi" };
    const events = read([
      delta,
      { type: "response.completed", response: { id: "r", status: "completed", output: [] } },
    ]);
    expect(events.map(({ type }) => type)).toEqual(["start", "text-start", "text-delta", "block-end", "finish"]);
  });

  it.each([
    ["no JSON", "{oops"],
    ["no object", "[1]"],
    ["no type", "{}"],
    ["an item that is none", '{"type":"response.output_item.done","item":7}'],
    ["a piece that is none", '{"type":"response.output_text.delta","output_index":"x","delta":5}'],
    ["an unknown event", '{"type":"response.tram.arrived","line":4}'],
  ])("B10 passes over a message that is %s, and an end without one is an error", (_title, data) => {
    const events: StreamEvent[] = [];
    const decoder = openaiResponses.decoder();
    decoder.message({ data }, (event) => events.push(event));
    expect(events.filter(({ type }) => type === "error")).toEqual([]);
    decoder.end((event) => events.push(event));
    expect(events.at(-1)?.type).toBe("error");
  });

  it("is an error when the whole of it says so", () => {
    const bodies: JsonObject[] = [{ error: { message: "x" } }, { status: "failed", output: [] }, { detail: "x" }];
    for (const body of bodies) {
      const events: StreamEvent[] = [];
      openaiResponses.decoder().body(body, (event) => events.push(event));
      expect(events.map(({ type }) => type)).toEqual(["error"]);
    }
  });
});
