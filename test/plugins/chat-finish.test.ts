import { describe, expect, test } from "vitest";
import type { Rewriter, Sse } from "waygate";
import { chainRewriters, finishRewriter, thinkRewriter } from "waygate/plugins/openai-compatible";

type Json = { readonly [name: string]: unknown };

const usage = { total_tokens: 3 };
const choice = (delta: Json, finish_reason: string | null = null, index = 0): Json => ({ index, delta, finish_reason });
const chunk = (choices: readonly Json[], more: Json = {}): string => JSON.stringify({ id: "c", choices, ...more });
const calls = (index: number, fields: Json): Json => ({ tool_calls: [{ index, ...fields }] });

/** What comes out for these messages, parsed where it is JSON; then what the end of the stream leaves. */
function through(rewriter: Rewriter, messages: readonly string[]): readonly unknown[] {
  const read = ({ data }: Sse): unknown => (data === "[DONE]" ? data : JSON.parse(data));
  const out = messages.flatMap((data) => {
    const changed = rewriter.message({ data });
    return changed === undefined ? [] : [changed as Sse | readonly Sse[]].flat();
  });
  const rest = rewriter.end?.();
  return [...out, ...(rest ? [rest] : [])].map(read);
}

describe("finishes", () => {
  const text = chunk([choice({ content: "hi" })]);
  const stop = chunk([choice({}, "stop")]);
  const finished = { id: "c", choices: [choice({}, "stop")] };

  test("wait for usage, which joins them", () => {
    const messages = [text, stop, chunk([], { usage }), "[DONE]"];
    expect(through(finishRewriter(), messages)).toEqual([JSON.parse(text), { ...finished, usage }, "[DONE]"]);
  });

  test.each([
    ["in the chunk itself", [chunk([choice({}, "stop")], { usage }), "[DONE]"], [{ ...finished, usage }, "[DONE]"]],
    ["with a repeated finish", [stop, chunk([choice({}, "stop")], { usage })], [{ ...finished, usage }]],
    ["never", [stop, "[DONE]"], [finished, "[DONE]"]],
    ["never, and no [DONE]", [stop], [finished]],
    [
      "empty",
      [stop, chunk([], { usage: {} }), "{}", "[DONE]"],
      [{ id: "c", choices: [], usage: {} }, finished, "[DONE]"],
    ],
  ])("usage %s", (_, messages, out) => expect(through(finishRewriter(), messages)).toEqual(out));

  test("of several choices go out together, behind what the others still say", () => {
    const late = chunk([choice({ content: "b" }, null, 1)]);
    const messages = [stop, late, chunk([choice({}, "length", 1)]), chunk([], { usage })];
    expect(through(finishRewriter(), messages)).toEqual([
      JSON.parse(late),
      { id: "c", choices: [choice({}, "stop"), choice({}, "length", 1)], usage },
    ]);
  });

  test("say tool_calls where there were some, and only there", () => {
    const call = chunk([choice(calls(0, { id: "a", function: { name: "f", arguments: "" } }))]);
    const out = through(finishRewriter(), [call, stop]);
    expect(out).toEqual([JSON.parse(call), { id: "c", choices: [choice({}, "tool_calls")] }]);
    expect(through(finishRewriter(), [call, chunk([choice({}, "length")])]).at(-1)).toMatchObject({
      choices: [{ finish_reason: "length" }],
    });
  });

  test("text and what is no JSON pass as they came", () => {
    const rewriter = finishRewriter();
    for (const data of [text, '{"finish_reason":"', '{"error":{"message":"tool_calls"}}', "<html>"]) {
      const message = { data };
      expect(rewriter.message(message)).toBe(message);
    }
  });
});

describe("a tool that nobody asked for", () => {
  const dummy = [
    chunk([
      choice({
        role: "assistant",
        content: null,
        ...calls(0, { id: "d", function: { name: "dummy", arguments: "" } }),
      }),
    ]),
    chunk([choice(calls(0, { function: { arguments: "{}" } }))]),
  ];
  const finish = chunk([choice({}, "tool_calls")]);

  test("is swallowed with all its pieces, and the answer has stopped", () => {
    expect(through(finishRewriter({ swallow: "dummy" }), [...dummy, finish])).toEqual([
      { id: "c", choices: [choice({ role: "assistant", content: null })] },
      { id: "c", choices: [choice({}, "stop")] },
    ]);
  });

  test("leaves the others beside it", () => {
    const other = chunk([choice(calls(1, { id: "o", function: { name: "real", arguments: "{}" } }))]);
    const out = through(finishRewriter({ swallow: "dummy" }), [...dummy, other, finish]);
    expect(out.slice(1)).toEqual([JSON.parse(other), JSON.parse(finish)]);
  });

  test("is swallowed in whole answers, too", () => {
    const made = (name: string): Json => ({ id: name, function: { name, arguments: "{}" } });
    const body = (
      names: readonly string[],
      finish_reason: string,
      more: Json = { tool_calls: names.map(made) },
    ): string => JSON.stringify({ choices: [{ index: 0, message: { content: null, ...more }, finish_reason }] });
    const { body: change } = finishRewriter({ swallow: "dummy" });
    expect(change!(body(["dummy"], "tool_calls"))).toBe(body([], "stop", {}));
    expect(change!(body(["dummy", "real"], "stop"))).toBe(body(["real"], "tool_calls"));
    expect(finishRewriter().body!(body(["real"], "stop"))).toBe(body(["real"], "tool_calls"));
    for (const same of [body(["real"], "tool_calls"), "no JSON tool_calls", body([], "stop", {})])
      expect(change!(same)).toBe(same);
  });
});

describe("several rewriters", () => {
  test("each sees what those before it let through, at the end as well", () => {
    const chain = (): Rewriter => chainRewriters([thinkRewriter(), finishRewriter()]);
    const open = chunk([choice({ content: "<think>so" })]);
    const half = chunk([choice({ content: "</th" }, null, 1)]);
    const out = through(chain(), [open, half, chunk([choice({}, "stop")])]);
    // One choice has finished, of the other a part was held back because it could have become a tag.
    expect(out).toEqual([
      { id: "c", choices: [choice({ reasoning_content: "so" })] },
      { id: "c", choices: [choice({ content: "</th" }, null, 1), choice({}, "stop")] },
    ]);
    const whole = JSON.stringify({
      choices: [
        {
          message: { content: "<think>so</think>hi", tool_calls: [{ id: "a", function: { name: "f" } }] },
          finish_reason: "stop",
        },
      ],
    });
    expect(JSON.parse(chain().body!(whole))).toMatchObject({
      choices: [{ message: { content: "hi", reasoning_content: "so" }, finish_reason: "tool_calls" }],
    });
  });

  test("what the first drops none sees, and none is no change", () => {
    const seen: string[] = [];
    const first: Rewriter = { message: (message) => (message.data === "drop" ? undefined : [message, message]) };
    const second: Rewriter = {
      message(message) {
        seen.push(message.data);
        return message;
      },
    };
    const chain = chainRewriters([first, second]);
    expect([chain.message({ data: "drop" }), chain.message({ data: "a" }), chain.end!()]).toEqual([
      undefined,
      [{ data: "a" }, { data: "a" }],
      undefined,
    ]);
    expect([seen, chain.body!("x")]).toEqual([["a", "a"], "x"]);
    const message = { data: "a" };
    expect(chainRewriters([]).message(message)).toBe(message);
  });
});
