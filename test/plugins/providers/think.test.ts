import { describe, expect, test } from "vitest";
import type { Rewriter } from "waygate";
import { createThinkSplitter, splitThink, type ThinkPiece, thinkRewriter } from "waygate/plugins/openai-compatible";
import type { Sse } from "waygate";
import { readThinking } from "../../../plugins/mistral/answers.ts";
import { refuseFakes } from "../../../plugins/puter/fakes.ts";

/** Neighbouring pieces of one kind joined: `r:` for reasoning, `t:` for text. */
function joined(pieces: readonly ThinkPiece[]): string[] {
  const found: string[] = [];
  for (const piece of pieces) {
    const kind = "reasoning" in piece ? "r:" : "t:";
    const text = "reasoning" in piece ? piece.reasoning : piece.text;
    if (found.at(-1)?.startsWith(kind)) found.push(found.pop()! + text);
    else found.push(kind + text);
  }
  return found;
}

function splitting(pieces: readonly string[]): string[] {
  const splitter = createThinkSplitter();
  return joined([...pieces.flatMap((piece) => [...splitter.push(piece)]), ...splitter.end()]);
}

const cases: readonly (readonly [string, string, readonly string[]])[] = [
  ["one block", "<think>why</think>because", ["r:why", "t:because"]],
  ["a block after text", "so <think>why</think> because", ["t:so ", "r:why", "t: because"]],
  ["two blocks", "<think>a</think>b<think>c</think>d", ["r:a", "t:b", "r:c", "t:d"]],
  ["no closing tag", "<think>a < b, </thin", ["r:a < b, </thin"]],
  ["no tag", "a < b <thin> <<think", ["t:a < b <thin> <<think"]],
  ["an empty block", "<think></think>x", ["t:x"]],
  ["one line break behind each tag", "<think>\n\na\n</think>\n\nb", ["r:\na\n", "t:\nb"]],
  ["a doubled bracket", "<<think>a<</think>b", ["t:<", "r:a<", "t:b"]],
  ["a closing tag that was never opened", "x</think>\ny", ["t:xy"]],
  ["a closing tag behind a block", "<think>a</think>b</think>c", ["r:a", "t:b</think>c"]],
  ["other case", "<Think>a</Think>", ["t:<Think>a</Think>"]],
  ["nothing", "", []],
];

describe("the splitter", () => {
  test.each(cases)("%s", (_name, text, expected) => {
    expect(splitting([text])).toEqual(expected);
  });

  test.each(cases)("%s, cut at every position and into single characters", (_name, text, expected) => {
    for (let at = 0; at <= text.length; at++) expect(splitting([text.slice(0, at), text.slice(at)])).toEqual(expected);
    expect(splitting([...text])).toEqual(expected);
  });

  test("holds back no more than could become a tag", () => {
    const splitter = createThinkSplitter();
    expect(splitter.push("a <thin")).toEqual([{ text: "a " }]);
    expect(splitter.push("g")).toEqual([{ text: "<thing" }]);
    expect(splitter.push("<think>b</")).toEqual([{ reasoning: "b" }]);
    expect(splitter.thinking()).toBe(true);
    expect(splitter.end()).toEqual([{ reasoning: "</" }]);
    expect(splitter.end()).toEqual([]);
  });
});

const chunk = (delta: object, more: object = {}, index = 0): Sse => ({
  data: JSON.stringify({ id: "c", choices: [{ index, delta, finish_reason: null, ...more }] }),
});
const done: Sse = { data: "[DONE]" };

/** What a rewriter makes of messages, as values. */
function rewritten(rewriter: Rewriter, messages: readonly Sse[]): unknown[] {
  const out = messages.flatMap((message) => rewriter.message(message) ?? []);
  const rest = rewriter.end?.();
  return [...out, ...(rest ? [rest] : [])].map(({ data }) =>
    data === "[DONE]" ? data : (JSON.parse(data) as unknown),
  );
}

/** `[delta, finish]` of every choice, and what is no chunk as it is. */
function deltas(values: readonly unknown[]): unknown[] {
  return values.flatMap((value) => {
    const { choices } = value as { choices?: { delta: object; finish_reason: string | null; index: number }[] };
    return choices?.map(({ delta, finish_reason: finish }) => (finish === null ? delta : [delta, finish])) ?? [value];
  });
}

describe("a stream of chunks", () => {
  test("has its reasoning in a field of its own, in order", () => {
    const messages = [
      chunk({ role: "assistant", content: "" }),
      ...["so <th", "ink>\nwh", "y</thi", "nk>\nbe", "cause"].map((content) => chunk({ content })),
      chunk({}, { finish_reason: "stop" }),
      { data: '{"id":"c","choices":[],"usage":{"total_tokens":1}}' },
      done,
    ];
    const values = rewritten(thinkRewriter(), messages);
    expect(deltas(values.slice(0, -2))).toEqual([
      { role: "assistant", content: "" },
      { content: "so " },
      { reasoning_content: "wh" },
      { reasoning_content: "y" },
      { content: "be" },
      { content: "cause" },
      [{}, "stop"],
    ]);
    expect(values.slice(-2)).toEqual([{ id: "c", choices: [], usage: { total_tokens: 1 } }, "[DONE]"]);
  });

  test("without a tag is passed on as the very same messages", () => {
    const messages = [
      chunk({ role: "assistant" }),
      chunk({ content: "a > b" }),
      chunk({ content: "a < b" }),
      { data: "no JSON <" },
      done,
    ];
    const rewriter = thinkRewriter();
    expect(messages.map((message) => rewriter.message(message))).toEqual(messages);
    expect(messages.every((message) => rewriter.message(message) === message)).toBe(true);
  });

  test("with brackets written as escapes is read like any other", () => {
    const escaped = { data: chunk({ content: "<think>a</think>b" }).data.replaceAll("<", "\\u003c") };
    expect(deltas(rewritten(thinkRewriter(), [escaped]))).toEqual([{ reasoning_content: "a" }, { content: "b" }]);
  });

  test("keeps role, calls, finish and usage of a chunk it divides, each once and in its place", () => {
    const call = { index: 0, id: "x", function: { name: "f", arguments: "{}" } };
    const whole = {
      data: JSON.stringify({
        id: "c",
        choices: [
          {
            index: 0,
            delta: { role: "assistant", content: "<think>a</think>b", tool_calls: [call] },
            finish_reason: "tool_calls",
          },
        ],
        usage: { total_tokens: 1 },
      }),
    };
    const values = rewritten(thinkRewriter(), [whole]);
    expect(deltas(values)).toEqual([
      { role: "assistant", reasoning_content: "a" },
      [{ content: "b", tool_calls: [call] }, "tool_calls"],
    ]);
    expect(values.map((value) => (value as { usage?: object }).usage)).toEqual([undefined, { total_tokens: 1 }]);
  });

  test("gives what it held back before a tool call, a finish, the terminator or the end", () => {
    const call = { index: 0, function: { name: "f" } };
    const held = chunk({ content: "<think>a</thi" });
    expect(deltas(rewritten(thinkRewriter(), [held, chunk({ tool_calls: [call] })]))).toEqual([
      { reasoning_content: "a" },
      { reasoning_content: "</thi", tool_calls: [call] },
    ]);
    expect(deltas(rewritten(thinkRewriter(), [held, chunk({}, { finish_reason: "length" })]))).toEqual([
      { reasoning_content: "a" },
      [{ reasoning_content: "</thi" }, "length"],
    ]);
    const rest = [{ reasoning_content: "a" }, { reasoning_content: "</thi" }];
    expect(deltas(rewritten(thinkRewriter(), [held, done]))).toEqual([...rest, "[DONE]"]);
    expect(deltas(rewritten(thinkRewriter(), [held]))).toEqual(rest);
  });

  test("keeps the choices apart", () => {
    const messages = [
      chunk({ content: "<think>a" }, {}, 0),
      chunk({ content: "b" }, {}, 1),
      chunk({ content: "c</think>d" }, {}, 0),
    ];
    expect(deltas(rewritten(thinkRewriter(), messages))).toEqual([
      { reasoning_content: "a" },
      { content: "b" },
      { reasoning_content: "c" },
      { content: "d" },
    ]);
  });

  test("leaves reasoning that comes in a field of its own alone", () => {
    const messages = [chunk({ reasoning_content: "<think>x" }), chunk({ reasoning: "y", content: "<think>z</think>" })];
    expect(deltas(rewritten(thinkRewriter(), messages))).toEqual([
      { reasoning_content: "<think>x" },
      { reasoning_content: "z", reasoning: "y" },
    ]);
  });
});

describe("a whole answer", () => {
  const body = (message: object): string =>
    JSON.stringify({ id: "c", choices: [{ index: 0, message, finish_reason: "stop" }] });

  test.each([
    ["<think>\nwhy\n</think>\n\nbecause", { content: "\nbecause", reasoning_content: "why\n" }],
    ["what came before</think>\nthe answer", { content: "the answer", reasoning_content: "what came before" }],
    ["<think></think>x", { content: "x" }],
  ])("%j", (content, expected) => {
    expect(JSON.parse(splitThink(body({ role: "assistant", content })))).toMatchObject({
      choices: [{ message: expected }],
    });
  });

  test.each([body({ content: "a < b" }), body({ content: null }), '{"error":"<think>"}', "<html>", ""])(
    "%j stays as it is",
    (text) => {
      expect(splitThink(text)).toBe(text);
    },
  );

  test("adds to reasoning that is there already", () => {
    const text = body({ content: "<think>b</think>c", reasoning_content: "a" });
    expect(splitThink(text)).toBe(body({ content: "c", reasoning_content: "ab" }));
  });
});

describe("Mistral's lists of parts", () => {
  const thinking = { type: "thinking", thinking: [{ type: "text", text: "hm" }] };

  test("become text and reasoning, in streams and whole", () => {
    expect(
      deltas(
        rewritten(readThinking(), [chunk({ content: [thinking] }), chunk({ content: [{ type: "text", text: "a" }] })]),
      ),
    ).toEqual([{ content: "", reasoning_content: "hm" }, { content: "a" }]);
    const whole = {
      choices: [
        {
          message: { role: "assistant", content: [thinking, { type: "text", text: "a" }] },
          finish_reason: "model_length",
        },
      ],
    };
    expect(JSON.parse(readThinking().body!(JSON.stringify(whole)))).toEqual({
      choices: [{ message: { role: "assistant", content: "a", reasoning_content: "hm" }, finish_reason: "length" }],
    });
  });

  test("and arguments of a call that are an object come as the text clients expect", () => {
    const call = (args: unknown): object => ({ tool_calls: [{ id: "a", function: { name: "f", arguments: args } }] });
    const whole = { choices: [{ message: call({ n: 1 }), finish_reason: "tool_calls" }] };
    const { choices } = JSON.parse(readThinking().body!(JSON.stringify(whole))) as typeof whole;
    expect(choices[0]!.message).toEqual(call('{"n":1}'));
  });

  test("are the only thing that is touched", () => {
    const message = chunk({ content: 'a "content": b' });
    expect(readThinking().message(message)).toBe(message);
    expect(readThinking().body!("no JSON")).toBe("no JSON");
  });
});

test("an answer of Puter's stand-in is an error", () => {
  const fake = '{"choices":[],"metadata":{"service_used":"fake-chat"}}';
  expect(rewritten(refuseFakes(), [{ data: fake }])).toMatchObject([{ error: { code: "fake_answer" } }]);
  expect(JSON.parse(refuseFakes().body!(fake))).toMatchObject({ error: { code: "fake_answer" } });
  const real = chunk({ content: "ok" });
  expect(refuseFakes().message(real)).toBe(real);
});
