import { describe, expect, test } from "vitest";
import { answer, chunk, stream } from "waygate/testing";
import { lab } from "./_lab.ts";
import { call, greeting, thought } from "./_qwen.ts";

const usage = { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 };
const tools = [{ type: "function", function: { name: "get_weather", parameters: { type: "object" } } }];
const asked = { stream: true, stream_options: { include_usage: true } };

describe("streams", () => {
  test("reasoning comes out of its tags, however they are cut, and usage is in the chunk that finishes", async () => {
    await using it = await lab();
    const { chunks, text } = await it.ask(asked);
    const deltas = chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta));
    expect(deltas.map((delta) => delta["reasoning_content"] ?? "").join("")).toBe(`${thought}`);
    expect(deltas.map((delta) => delta["content"] ?? "").join("")).toBe(greeting);
    const last = chunks.at(-1)!;
    expect(last.choices[0]!.finish_reason).toBe("stop");
    expect(last.usage).toEqual(usage);
    expect(chunks.filter((each) => each.choices[0]?.finish_reason)).toHaveLength(1);
    expect(text.endsWith("data: [DONE]\n\n")).toBe(true);
  });

  test("an answer that calls tools finishes with tool_calls, whatever the service says", async () => {
    await using it = await lab();
    const { chunks } = await it.ask({ ...asked, tools });
    expect(chunks.at(-1)!.choices[0]!.finish_reason).toBe("tool_calls");
    const calls = chunks.flatMap(
      ({ choices }) => (choices[0]?.delta["tool_calls"] ?? []) as { function: { arguments: string } }[],
    );
    expect(JSON.parse(calls.map((each) => each.function.arguments).join(""))).toEqual(call.arguments);
  });

  test("a call of the tool that does nothing never reaches the client, and the answer has stopped (report 48)", async () => {
    await using it = await lab();
    const { chunks, text } = await it.ask({ ...asked, messages: [{ role: "user", content: "call the dummy" }] });
    expect(text).not.toMatch(/do_not_call_me|tool_calls/);
    expect(chunks.at(-1)).toMatchObject({ choices: [{ finish_reason: "stop" }], usage });
  });

  test("without usage, and without [DONE], the finish comes all the same", async () => {
    await using it = await lab();
    it.qwen.modes.says = answer({ text: "hi", usageIn: "none" });
    expect((await it.ask({ stream: true })).chunks.at(-1)!.choices[0]!.finish_reason).toBe("stop");
    it.qwen.modes.says = stream([chunk({ content: "hi" }), chunk({}, { finish: "length" })], { noDone: true });
    const { chunks, text } = await it.ask({ stream: true });
    expect(chunks.at(-1)!.choices[0]!.finish_reason).toBe("length");
    expect(text.endsWith("data: [DONE]\n\n")).toBe(true);
  });

  test("a stream that breaks before its finish is no answer", async () => {
    await using it = await lab({ retry: { sameCredential: 0 } });
    it.qwen.modes.says = stream([chunk({ role: "assistant" })], { noDone: true });
    expect((await it.ask({ stream: true })).status).toBe(502);
  });

  test("an error inside the stream, before any content, is one (report 3)", async () => {
    await using it = await lab({
      accounts: (qwen) => [qwen.signedIn("a@example.com"), qwen.signedIn("b@example.com")],
    });
    const error = { error: { code: "insufficient_quota", message: "Free allocated quota exceeded." } };
    let first = true;
    it.qwen.modes.says = () => {
      const reply = first ? stream([error], { noDone: true }) : answer({ text: "hi" });
      first = false;
      return reply;
    };
    const { status, chunks } = await it.ask({ stream: true });
    expect([status, chunks.at(-1)!.choices[0]!.finish_reason]).toEqual([200, "stop"]);
    expect(it.rests()).toHaveLength(1);
  });
});

describe("whole answers", () => {
  test("reasoning has its own field", async () => {
    await using it = await lab();
    const { json } = await it.ask();
    expect(json.choices[0]).toMatchObject({
      message: { content: greeting, reasoning_content: expect.stringContaining(thought.trim()) },
      finish_reason: "stop",
    });
    expect(json["usage"]).toEqual(usage);
  });

  test("calls finish with tool_calls, and those of the tool that does nothing are taken out", async () => {
    await using it = await lab();
    const called = await it.ask({ tools });
    expect(called.json.choices[0]).toMatchObject({
      message: { tool_calls: [{ id: "call_1", function: { name: "get_weather" } }] },
      finish_reason: "tool_calls",
    });
    const dummy = await it.ask({ messages: [{ role: "user", content: "call the dummy" }] });
    expect(dummy.json.choices[0].finish_reason).toBe("stop");
    expect(dummy.json.choices[0].message).not.toHaveProperty("tool_calls");
  });
});
