import { describe, expect, test } from "vitest";
import { anonymousCredential, type Json, jsonBody, type JsonObject, type Provider } from "waygate";
import { echo } from "waygate/plugins/echo";
import { fakeApp, fakeAttempt, fakeContext, noon } from "./_fakes.ts";

interface Chunk {
  readonly id: string;
  readonly choices: readonly {
    readonly delta: { role?: string; content?: string; tool_calls?: { function: { arguments: string } }[] };
    readonly finish_reason: string | null;
  }[];
  readonly usage?: JsonObject | null;
}

interface Whole {
  readonly id: string;
  readonly created: number;
  readonly choices: readonly {
    readonly message: {
      content: string | null;
      tool_calls?: { id: string; function: { name: string; arguments: string } }[];
    };
    readonly finish_reason: string;
  }[];
  readonly usage: JsonObject;
}

async function ask(body: JsonObject, signal?: AbortSignal): Promise<Response> {
  const provider: Provider = echo().providers![0] as Provider;
  const app = fakeApp({ providers: [provider] });
  const candidate = { provider, model: "echo", credential: anonymousCredential("echo"), position: 0 };
  const wire = { url: "/chat/completions", method: "POST", headers: {}, body: jsonBody(body) };
  return provider.call!(wire, fakeAttempt(candidate, fakeContext(app), { wire, ...(signal && { signal }) }));
}

const whole = async (body: JsonObject): Promise<Whole> => (await (await ask(body)).json()) as Whole;
const messagesOf = async (body: JsonObject): Promise<string[]> =>
  (await (await ask({ ...body, stream: true })).text())
    .trimEnd()
    .split("\n\n")
    .map((frame) => frame.replace(/^data: /, ""));
const say = (content: string): JsonObject => ({ model: "echo", messages: [{ role: "user", content }] });
const tools = ["weather", "time"].map((name) => ({ type: "function", function: { name } }));

describe("a whole answer", () => {
  test("repeats the last user message", async () => {
    const messages = [
      { role: "user", content: "first" },
      { role: "assistant", content: "no" },
      { role: "user", content: "  the\n last " },
    ];
    const answer = await whole({ messages });
    expect(answer.choices[0]).toMatchObject({
      message: { role: "assistant", content: "  the\n last " },
      finish_reason: "stop",
    });
  });

  test("joins the text parts and ignores the others", async () => {
    const content: Json = [
      { type: "text", text: "a" },
      { type: "image_url", image_url: { url: "x" } },
      { type: "text", text: "b" },
    ];
    expect((await whole({ messages: [{ role: "user", content }] })).choices[0]!.message.content).toBe("a b");
  });

  test("is the same for the same request, and dated by the clock", async () => {
    const [one, two, other] = [await whole(say("a")), await whole(say("a")), await whole(say("b"))];
    expect(one).toEqual(two);
    expect(one.id).not.toBe(other.id);
    expect(one.created).toBe(noon / 1000);
  });

  test("counts words as tokens", async () => {
    const messages = [
      { role: "system", content: "be nice" },
      { role: "user", content: "one two three" },
    ];
    expect((await whole({ messages })).usage).toEqual({ prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 });
  });

  test.each<JsonObject>([{ max_tokens: 2 }, { max_completion_tokens: 2, max_tokens: 9 }])(
    "ends after the tokens of %j",
    async (limit) => {
      const { choices, usage } = await whole({ ...say("one two three"), ...limit });
      expect(choices[0]).toMatchObject({ message: { content: "one two " }, finish_reason: "length" });
      expect(usage).toMatchObject({ completion_tokens: 2 });
    },
  );

  test("is never empty", async () => {
    expect((await whole(say(""))).choices[0]!.message.content).toBe("echo");
    expect((await whole(say("   "))).choices[0]!.message.content).toBe("   ");
  });
});

describe("a streamed answer", () => {
  test("comes word by word: role, content, finish, end", async () => {
    const messages = await messagesOf(say("one  two\nthree"));
    expect(messages.at(-1)).toBe("[DONE]");
    const chunks = messages.slice(0, -1).map((message) => JSON.parse(message) as Chunk);
    expect(chunks[0]!.choices[0]!.delta.role).toBe("assistant");
    expect(chunks.map((chunk) => chunk.choices[0]!.delta.content ?? "").join("")).toBe("one  two\nthree");
    expect(chunks).toHaveLength(5);
    expect(chunks.map((chunk) => chunk.choices[0]!.finish_reason)).toEqual([null, null, null, null, "stop"]);
    expect(chunks.every((chunk) => !("usage" in chunk))).toBe(true);
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
  });

  test("says the usage in a chunk of its own when asked to", async () => {
    const messages = await messagesOf({ ...say("one"), stream_options: { include_usage: true } });
    const chunks = messages.slice(0, -1).map((message) => JSON.parse(message) as Chunk);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 2 } });
    expect(chunks.slice(0, -1).every((chunk) => !("usage" in chunk))).toBe(true);
  });

  test("streams the arguments of a tool call", async () => {
    const messages = await messagesOf({ ...say('call time {"zone": "UTC"}'), tools });
    const chunks = messages.slice(0, -1).map((message) => JSON.parse(message) as Chunk);
    const pieces = chunks.flatMap(({ choices }) => choices[0]!.delta.tool_calls ?? []);
    expect(pieces[0]).toMatchObject({ index: 0, type: "function", function: { name: "time" } });
    expect(pieces.map((piece) => piece.function.arguments).join("")).toBe('{"zone": "UTC"}');
    expect(chunks.at(-1)!.choices[0]!.finish_reason).toBe("tool_calls");
  });

  test("ends when the attempt is given up", async () => {
    const gone = new AbortController();
    const reader = (await ask({ ...say("a b c d e f"), stream: true }, gone.signal)).body!.getReader();
    await reader.read();
    gone.abort(new Error("the client left"));
    const drain = async (): Promise<void> => {
      while (!(await reader.read()).done);
    };
    await expect(drain()).rejects.toThrow("the client left");
  });
});

describe("a tool call", () => {
  test.each<[string, JsonObject, string | undefined]>([
    ["of the first tool when one is required", { ...say("hi"), tool_choice: "required" }, "weather"],
    [
      "of the tool demanded by name",
      { ...say("hi"), tool_choice: { type: "function", function: { name: "time" } } },
      "time",
    ],
    ["of the tool the text names", say("please call time now"), "time"],
    ["of the tool the text names when one is required", { ...say("call time"), tool_choice: "required" }, "time"],
    ["only of tools there are", say("call the police"), undefined],
    ["never when it is forbidden", { ...say("call time"), tool_choice: "none" }, undefined],
    [
      "not again when the result is there",
      {
        messages: [
          { role: "user", content: "call time" },
          { role: "tool", content: "it is 3, call time" },
        ],
      },
      undefined,
    ],
  ])("is made %s", async (_name, body, expected) => {
    const [choice] = (await whole({ ...body, tools })).choices;
    expect(choice!.message.tool_calls?.[0]?.function.name).toBe(expected);
    expect(choice!.finish_reason).toBe(expected === undefined ? "stop" : "tool_calls");
  });

  test.each([
    [
      'call weather with {"city": "Bern", "days": 12345678901234567890}',
      '{"city": "Bern", "days": 12345678901234567890}',
    ],
    ["call weather", "{}"],
    ["call weather {not json}", "{}"],
  ])("of %j has the arguments %j", async (text, expected) => {
    const [choice] = (await whole({ ...say(text), tools })).choices;
    expect(choice!.message.tool_calls![0]!.function.arguments).toBe(expected);
  });

  test("is followed by its result", async () => {
    const messages: Json = [
      { role: "user", content: "call time" },
      { role: "assistant", content: null },
      { role: "tool", tool_call_id: "x", content: "it is 3" },
    ];
    expect((await whole({ messages, tools })).choices[0]!.message.content).toBe("it is 3");
  });
});

test.each<[string, JsonObject]>([
  ["messages", {}],
  ["messages", { messages: "hi" }],
  ["tool_choice", { ...say("hi"), tools, tool_choice: { function: { name: "absent" } } }],
])("a request that cannot be answered is a 400 that names %s", async (param, body) => {
  const answer = await ask(body);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ error: { type: "invalid_request_error", param } });
});

test("a long message of blanks costs no more than another one", async () => {
  const started = performance.now();
  await whole(say(" ".repeat(300_000)));
  await whole(say(`${" ".repeat(300_000)}a${" ".repeat(300_000)}`));
  expect(performance.now() - started).toBeLessThan(5000);
});

test("the provider needs no key", () => {
  const plugin = echo();
  const app = fakeApp({ providers: plugin.providers as readonly Provider[] });
  void plugin.setup?.(app);
  expect(app.credentials.list("echo").map(({ id }) => id)).toEqual(["echo:anonymous"]);
});
