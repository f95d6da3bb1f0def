import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { answer, type AnswerInit, chunk, errorInside, models } from "../../src/testing/answer.ts";
import { bigFrame, comment, namedEvent, stream } from "../../src/testing/event-stream.ts";
import { cut, divide, encoded, manyHeaders, split, withHeaders } from "../../src/testing/reply-changes.ts";
import { gate, status, type Step } from "../../src/testing/script.ts";
import { allEvents, readEvents, textOfEvents } from "../../src/testing/sse-client.ts";
import { createUpstream, type Upstream } from "../../src/testing/upstream.ts";

let upstream: Upstream;
beforeAll(async () => {
  upstream = await createUpstream();
});
afterAll(() => upstream.close());

const ask = (step: Step, body: object = {}): Promise<Response> => {
  upstream.reply(step);
  return fetch(`${upstream.url}/chat/completions`, { method: "POST", body: JSON.stringify({ model: "m", ...body }) });
};
const text = async (step: Step, body?: object): Promise<string> => (await ask(step, body)).text();
const events = async (init: AnswerInit, body: object = {}): Promise<unknown[]> =>
  (await allEvents(await ask(answer(init), { stream: true, ...body }))).map((event) => event.json ?? event.data);

describe("answer", () => {
  it("has the same text, reasoning and tool calls in both forms", async () => {
    const tools = [
      { name: "look", arguments: { at: "x y" } },
      { id: "call_9", name: "stop" },
    ];
    const init = { text: "one two three", reasoning: "think twice", tools };
    const whole = (await (await ask(answer(init))).json()) as { choices: { message: object; finish_reason: string }[] };
    expect(whole.choices[0]).toMatchObject({
      finish_reason: "tool_calls",
      message: {
        content: "one two three",
        reasoning_content: "think twice",
        tool_calls: [
          { id: "call_0", type: "function", function: { name: "look", arguments: '{"at":"x y"}' } },
          { id: "call_9", function: { name: "stop", arguments: "{}" } },
        ],
      },
    });
    const read = await allEvents(await ask(answer(init), { stream: true }));
    expect(textOfEvents(read)).toBe("one two three");
    const choices = read.flatMap(
      (event) => (event.json?.["choices"] ?? []) as { delta: Record<string, unknown>; finish_reason: string | null }[],
    );
    expect(choices.map((choice) => choice.delta["reasoning_content"] ?? "").join("")).toBe("think twice");
    const calls = choices.flatMap(
      (choice) =>
        (choice.delta["tool_calls"] ?? []) as { index: number; id?: string; function: { arguments: string } }[],
    );
    expect(
      calls
        .filter((call) => call.index === 0)
        .map((call) => call.function.arguments)
        .join(""),
    ).toBe('{"at":"x y"}');
    expect(calls.map((call) => call.id)).toEqual(["call_0", undefined, undefined, "call_9", undefined, undefined]);
    expect(choices.at(-1)).toMatchObject({ delta: {}, finish_reason: "tool_calls" });
    expect(read.at(-1)?.data).toBe("[DONE]");
  });

  it("sends a usage chunk only when it is asked for", async () => {
    const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 };
    const asked = await events({ usage }, { stream_options: { include_usage: true } });
    expect(asked.at(-2)).toMatchObject({ choices: [], usage });
    expect(asked[0]).toMatchObject({ usage: null });
    const unasked = await events({ usage });
    expect(JSON.stringify(unasked)).not.toContain("usage");
    expect(await (await ask(answer({ usage }))).json()).toMatchObject({ usage });
  });

  it.each([
    ["choices", [{ choices: [{ finish_reason: "stop" }], usage: { total_tokens: 12 } }]],
    ["x_groq", [{ choices: [{ finish_reason: "stop" }], x_groq: { usage: { total_tokens: 12 } } }]],
    [
      "twice",
      [
        { choices: [{ finish_reason: "stop" }], usage: { total_tokens: 12 } },
        { choices: [], usage: { total_tokens: 12 } },
      ],
    ],
  ] as const)("puts usage where the variant %s has it", async (usageIn, last) => {
    expect((await events({ usageIn })).slice(-1 - last.length, -1)).toMatchObject(last);
  });

  it("leaves out what upstreams leave out", async () => {
    expect(JSON.stringify(await events({ finish: null }))).not.toContain('"stop"');
    expect(await (await ask(answer({ usageIn: "none" }))).json()).not.toHaveProperty("usage");
    expect(await (await ask(answer({ text: "" }))).json()).toMatchObject({ choices: [{ message: { content: null } }] });
  });

  it("puts reasoning where the variant has it", async () => {
    const details = await events({ reasoning: ["a"], reasoningIn: "reasoning_details" });
    expect(details[1]).toMatchObject({
      choices: [{ delta: { reasoning_details: [{ type: "reasoning.text", text: "a" }] } }],
    });
    const think = await allEvents(
      await ask(answer({ reasoning: "hm", reasoningIn: "think", text: "yes" }), { stream: true }),
    );
    expect(textOfEvents(think)).toBe("<think>\nhm\n</think>\n\nyes");
  });

  it("answers in the other form when told to", async () => {
    const json = await ask(answer({ as: "json" }), { stream: true });
    expect([json.headers.get("content-type"), await json.json()]).toMatchObject([
      "application/json",
      { object: "chat.completion" },
    ]);
    const sse = await ask(answer({ as: "sse" }));
    expect([sse.headers.get("content-type"), await sse.text()]).toEqual([
      "text/event-stream",
      expect.stringContaining("[DONE]"),
    ]);
  });

  it("carries errors inside a 200", async () => {
    const error = { message: "quota", code: 429 };
    expect(await (await ask(errorInside(error))).json()).toEqual({ error });
    expect(await text(errorInside(error), { stream: true })).toBe(`data: ${JSON.stringify({ error })}\n\n`);
    const late = await events({ text: "some", error });
    expect(late.at(-1)).toEqual({ error });
    expect(late.at(-2)).toMatchObject({ choices: [{ delta: { content: "some" } }] });
  });

  it("lists models in four shapes", async () => {
    expect(await (await ask(models(["a"]))).json()).toMatchObject({ object: "list", data: [{ id: "a" }] });
    expect(await (await ask(models(["a"], "array"))).json()).toMatchObject([{ id: "a" }]);
    expect(await (await ask(models(["a"], "strings"))).json()).toEqual(["a"]);
    expect(await (await ask(models(["a"], "models"))).json()).toEqual({ models: [{ name: "a" }] });
  });
});

describe("stream", () => {
  it("frames texts, objects, named events, comments and bytes", async () => {
    const frames = [
      "{broken",
      { a: 1 },
      namedEvent("ping", { b: 2 }),
      comment("PROCESSING"),
      Buffer.from("id: 7\n"),
      "two\nlines",
    ];
    expect(await text(stream(frames))).toBe(
      'data: {broken\n\ndata: {"a":1}\n\nevent: ping\ndata: {"b":2}\n\n: PROCESSING\n\nid: 7\ndata: two\ndata: lines\n\ndata: [DONE]\n\n',
    );
  });

  it.each([
    [{ noDone: true }, "data: x\n\n"],
    [{ tail: "data: after\n\n" }, "data: x\n\ndata: [DONE]\n\ndata: after\n\n"],
    [{ crlf: true, noSpace: true }, "data:x\r\n\r\ndata:[DONE]\r\n\r\n"],
    [{ comments: "on", noDone: true }, ": on\n\ndata: x\n\n"],
  ])("can be framed as %j", async (options, expected) => {
    expect(await text(stream(["x"], options))).toBe(expected);
  });

  it("holds the rest back at a gate, with everything before it delivered", async () => {
    const held = gate();
    const reading = readEvents(await ask(stream([{ n: 1 }, held, { n: 2 }])));
    expect((await reading.next()).value).toMatchObject({ json: { n: 1 } });
    await held.reached;
    held.open();
    expect((await reading.next()).value).toMatchObject({ json: { n: 2 } });
    expect((await reading.next()).value).toMatchObject({ data: "[DONE]" });
    expect((await reading.next()).done).toBe(true);
  });

  it("waits between frames when a delay is given", async () => {
    const [first, second] = await allEvents(await ask(stream(["a"], { delay: 30 })));
    expect(second!.at - first!.at).toBeGreaterThan(20);
  });

  it("makes events of any size", async () => {
    const [event] = await allEvents(await ask(stream([bigFrame(3_000_000)])));
    expect(event!.data.length).toBeGreaterThan(3_000_000);
  });

  it("builds chunks by hand", () => {
    expect(chunk({ content: "x" }, { finish: "stop" })).toMatchObject({
      choices: [{ delta: { content: "x" }, finish_reason: "stop" }],
    });
  });
});

describe("changes of replies", () => {
  /** Sizes of the HTTP chunks on the wire. */
  const sizes = async (step: Step): Promise<number[]> => {
    upstream.reply(step);
    const socket = connect(Number(new URL(upstream.url).port), "127.0.0.1");
    socket.write("GET /v1/models HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
    let all = "";
    for await (const part of socket) all += String(part);
    const body = all.slice(all.indexOf("\r\n\r\n") + 4);
    return [...body.matchAll(/^([0-9a-f]+)\r\n/gm)].map((match) => Number.parseInt(match[1]!, 16)).filter(Boolean);
  };

  it("splits bodies so that each write arrives as a chunk of its own", async () => {
    expect(await sizes(split(status(200, "uvwxyz"), "byte"))).toEqual([1, 1, 1, 1, 1, 1]);
    expect(await sizes(split(status(200, "tuvwxyz"), [1, 2]))).toEqual([1, 2, 2, 2]);
    expect(await sizes(stream(["a", "bc"], { chunk: "whole" }))).toEqual([9 + 10 + 14]);
    expect(await sizes(stream(["a", "bc"]))).toEqual([9, 10, 14]);
  });

  it("gives every write a turn of its own, so that a reader in the same process sees pieces", async () => {
    let parts = 0;
    for await (const _ of (await ask(split(status(200, "x".repeat(60)), "byte"))).body!) parts++;
    expect(parts).toBeGreaterThan(20);
  });

  it("splits between waits only", () => {
    const held = gate();
    expect(divide([Buffer.from("ab"), Buffer.from("c"), held, Buffer.from("d")], 2)).toEqual([
      Buffer.from("ab"),
      Buffer.from("c"),
      held,
      Buffer.from("d"),
    ]);
    expect(() => divide([], 0)).toThrow(RangeError);
  });

  it.each(["gzip", "br"] as const)("compresses with %s, each piece readable at once", async (encoding) => {
    const response = await ask(encoded(answer({ text: "hello" }), encoding));
    expect(response.headers.get("content-encoding")).toBe(encoding);
    expect(await response.json()).toMatchObject({ choices: [{ message: { content: "hello" } }] });
    const held = gate();
    const reading = readEvents(await ask(encoded(stream([{ n: 1 }, held]), encoding)));
    expect((await reading.next()).value).toMatchObject({ json: { n: 1 } });
    held.open();
    expect((await reading.next()).value).toMatchObject({ data: "[DONE]" });
  });

  it("cuts in the middle of JSON and of a character", async () => {
    const json = await text(cut(answer({ text: "hello" }), "json", "complete"));
    expect(json).toMatch(/":$/);
    expect(() => JSON.parse(json) as unknown).toThrow(SyntaxError);
    const half = await (await ask(cut(answer({ text: "caf\u00e9 au lait" }), "code-point", "complete"))).arrayBuffer();
    expect(new Uint8Array(half).at(-1)).toBe(0xc3);
    expect(() => cut(status(200, "plain"), "code-point")).toThrow("outside ASCII");
    expect(() => cut(status(200, "plain"), "json")).toThrow("no JSON member");
  });

  it("ends a body early as if it were whole", async () => {
    expect(await text(cut(status(200, "abcdef"), 3, "complete"))).toBe("abc");
  });

  it("sets, replaces and removes headers", async () => {
    const changed = withHeaders(status(200, "x", { "x-a": "1" }), {
      "x-a": [],
      "x-b": ["2", "3"],
      "content-type": "text/weird",
    });
    const { headers } = await ask(changed);
    expect([headers.get("x-a"), headers.get("x-b"), headers.get("content-type")]).toEqual([null, "2, 3", "text/weird"]);
  });

  it("sends more headers than a reader takes", async () => {
    await expect(ask(withHeaders(answer(), manyHeaders(100, 400)))).rejects.toMatchObject({
      cause: { code: "UND_ERR_HEADERS_OVERFLOW" },
    });
  });
});

describe("readEvents", () => {
  it("yields comments when asked to", async () => {
    const frames = stream([comment("wait"), { n: 1 }], { noDone: true });
    const read = await allEvents(await ask(frames), { comments: true, now: () => 5 });
    expect(read).toMatchObject([
      { frame: ": wait\n\n", data: "", at: 5 },
      { json: { n: 1 }, at: 5 },
    ]);
  });

  it("refuses a stream that ends inside a frame", async () => {
    await expect(allEvents(await ask(stream(["a"], { tail: "data: b" })))).rejects.toThrow('inside a frame: "data: b"');
  });

  it("throws when the connection is cut", async () => {
    await expect(ask(cut(stream([{ n: 1 }]), 12)).then((response) => allEvents(response))).rejects.toThrow(
      "terminated",
    );
  });
});
