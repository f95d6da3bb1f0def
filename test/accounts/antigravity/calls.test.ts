import { describe, expect, it as each, test } from "vitest";
import { callIn } from "../../../plugins/antigravity/malformed.ts";
import { looseObject } from "../../../plugins/antigravity/loose-json.ts";
import { callsTools, type Chunk, chunk, malformedCall, type Reply } from "../_google/replies.ts";
import { city, lab, tool } from "./_lab.ts";

/** The fake refuses closed objects, once. */
const open = { options: { toolGuards: { strict: false } } };
const tools = [tool("get_weather", city), tool("now")];

function broken(finishMessage: string, finishReason = "MALFORMED_FUNCTION_CALL"): Reply {
  const candidate = { content: {}, finishReason, finishMessage };
  const last: Chunk = { candidates: [candidate], modelVersion: "m", responseId: "r" };
  return { chunks: [chunk([{ text: "", thoughtSignature: "RmFrZQ==" }]), last] };
}

describe("objects that are nearly JSON", () => {
  each.each([
    ["{city: 'Oslo',}", { city: "Oslo" }],
    ['{"a": [1, -2.5e3, true, None,], b: {c: null}}', { a: [1, -2500, true, null], b: { c: null } }],
    ["{a: 'it\\'s', b: \"x\\ny\", c: '\\u00e9'}", { a: "it's", b: "x\ny", c: "é" }],
    ["{}", {}],
  ])("%s", (text, wanted) => {
    expect(looseObject(text)).toEqual(wanted);
  });

  each.each(["{a: }", "{a: 'b}", "{a 1}", "[1]", "{a: 1} b", "{a: b}", "", `${"{a:".repeat(200)}1${"}".repeat(200)}`])(
    "%s is none",
    (text) => {
      expect(looseObject(text)).toBeUndefined();
    },
  );

  test("are found behind the name of the function", () => {
    expect(callIn("Malformed function call: call:default_api:get_weather{city: 'Oslo',}")).toEqual({
      name: "get_weather",
      args: { city: "Oslo" },
    });
    expect(callIn("call:now{}")).toEqual({ name: "now", args: {} });
    expect(callIn('print(default_api.get_weather(city="Oslo"))')).toBeUndefined();
  });
});

describe("google 14.21 a call that could not be read", () => {
  test.each([false, true])("is put right where it can be (streamed: %s)", async (stream) => {
    await using it = await lab(open);
    it.google.reply(broken("Malformed function call: call:default_api:gemini3_get_weather{city: 'Oslo',}"));
    const { status, text } = await it.ask({ tools, stream });
    expect(status).toBe(200);
    expect(text).toMatch(/"name":"get_weather"/);
    expect(text).toContain('{\\"city\\":\\"Oslo\\"}');
    expect(text).toMatch(/"finish_reason":\s?"tool_calls"/);
    expect(it.google.generated).toHaveLength(1);
  });

  test("google 14.22 is shown to the model with the schema, and asked for again, in a stream as well", async () => {
    await using it = await lab(open);
    it.google.reply(broken('print(default_api.gemini3_get_weather(city="Oslo"))'));
    const { status, text } = await it.ask({ tools, stream: true });
    expect([status, text]).toEqual([200, expect.stringContaining("fake.")]);
    const contents = it.sent["contents"] as unknown as { role: string; parts: { text: string }[] }[];
    expect(contents.map(({ role }) => role)).toEqual(["user", "model", "user"]);
    expect(contents[1]?.parts[0]?.text).toContain("print(");
    expect(contents[2]?.parts[0]?.text).toContain('"name":"gemini3_get_weather"');
    expect(contents[2]?.parts[0]?.text).not.toContain("gemini3_now");
  });

  test("google 14.22 is an error in the end, and no empty answer", async () => {
    await using it = await lab(open);
    it.google.always(malformedCall);
    const { status, text } = await it.ask({ tools, stream: true });
    expect([status, text]).toEqual([502, expect.stringContaining("MALFORMED_FUNCTION_CALL")]);
    expect(it.google.generated).toHaveLength(3);
    expect(it.rests()).toEqual([]);
  });

  test("of a tool that does not exist is asked for once more", async () => {
    await using it = await lab(open);
    it.google.always(broken("Unexpected tool call: call:gemini3_other{}", "UNEXPECTED_TOOL_CALL"));
    expect((await it.ask({ tools })).status).toBe(502);
    expect(it.google.generated).toHaveLength(2);
  });

  test("after thoughts that the client has seen ends the stream with an error, or goes through when it is put right", async () => {
    await using it = await lab(open);
    const thought = chunk([{ text: "I think.", thought: true }]);
    it.google.reply({ chunks: [thought, ...malformedCall.chunks] });
    const failed = await it.ask({ tools, stream: true });
    expect(failed.status).toBe(200);
    expect(failed.text).toContain('"error"');
    it.google.reply({ chunks: [thought, ...broken("call:gemini3_now{_confirm: 'yes'}").chunks] });
    const { text } = await it.ask({ tools, stream: true });
    expect(text).toContain('"arguments":"{}"');
  });
});

test("google 14.27 a call in one chunk with a text, and as the last word, is not lost", async () => {
  await using it = await lab(open);
  const call = {
    functionCall: { id: "c1", name: "gemini3_get_weather", args: { city: "Oslo" } },
    thoughtSignature: it.google.sign("gemini"),
  };
  it.google.reply({ chunks: [chunk([{ text: "Let me look." }, call], "STOP")] });
  const { json } = await it.ask({ tools });
  expect(json.choices[0]).toMatchObject({
    finish_reason: "tool_calls",
    message: {
      content: "Let me look.",
      tool_calls: [{ id: "c1", function: { name: "get_weather", arguments: '{"city":"Oslo"}' } }],
    },
  });
});

test("arguments are repaired, and calls without arguments or ids get them", async () => {
  await using it = await lab(open);
  const list = { type: "object", properties: { cities: { type: "array", items: { type: "string" } } } };
  it.google.reply(
    callsTools(
      [
        { name: "gemini3_many", args: { cities: '["Oslo","Bergen"]' } },
        { name: "gemini3_now", args: { _confirm: "yes" } },
        { name: "gemini3_now" },
      ],
      it.google.sign("gemini"),
    ),
  );
  const { json } = await it.ask({ tools: [tool("many", list), tool("now")] });
  const calls = json.choices[0].message["tool_calls"] as { id: string; function: object }[];
  expect(calls.map((call) => call.function)).toEqual([
    { name: "many", arguments: '{"cities":["Oslo","Bergen"]}' },
    { name: "now", arguments: "{}" },
    { name: "now", arguments: "{}" },
  ]);
  expect(new Set(calls.map(({ id }) => id)).size).toBe(3);
});

test("ids that a model gives again are told apart, but for clients of Google's own protocol", async () => {
  await using it = await lab(open);
  const repeated = callsTools(
    ["Oslo", "Bergen"].map((name) => ({ id: "get_weather", name: "gemini3_get_weather", args: { city: name } })),
    it.google.sign("gemini"),
  );
  it.google.always(repeated);
  const called = [{ id: "get_weather", type: "function", function: { name: "get_weather", arguments: "{}" } }];
  const messages = [
    { role: "user", content: "Weather?" },
    { role: "assistant", content: null, tool_calls: called },
    { role: "tool", tool_call_id: "get_weather", content: "rain" },
  ];
  for (const stream of [false, true]) {
    const { text } = await it.ask({ tools, messages, stream });
    expect(text.match(/"id":"get_weather\w*"/g)).toEqual(['"id":"get_weather_2"', '"id":"get_weather_3"']);
  }
  const contents = [{ role: "user", parts: [{ text: "Hi" }] }];
  const own = await (await it.generate("gemini-3-flash", { contents })).text();
  expect(own.match(/"id":"get_weather\w*"/g)).toEqual(['"id":"get_weather"', '"id":"get_weather"']);
});

test("google 14.3 google 14.4 a history in disorder is put in order", async () => {
  await using it = await lab(open);
  const call = (id: string) => ({ id, type: "function", function: { name: "get_weather", arguments: "{}" } });
  for (const model of ["gemini-3-flash", "claude-sonnet-4-6"]) {
    const { status, text } = await it.ask({
      model: `antigravity/${model}`,
      tools,
      messages: [
        { role: "assistant", content: "Hello" },
        { role: "user", content: "Weather?" },
        { role: "assistant", content: null, tool_calls: [call("a"), call("b")] },
        { role: "tool", tool_call_id: "b", content: "rain" },
        { role: "user", content: "And?" },
        { role: "tool", tool_call_id: "gone", content: "snow" },
        { role: "assistant", content: "So" },
      ],
    });
    expect([status, text]).toEqual([200, expect.any(String)]);
  }
});
