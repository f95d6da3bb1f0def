import { describe, expect, test } from "vitest";
import {
  blockedPrompt,
  callsTools,
  chunk,
  emptyReply,
  malformedCall,
  outOfTokens,
  type Reply,
  says,
  thoughtOnly,
  unsafe,
  withoutEnd,
} from "../_google/replies.ts";
import { failure } from "../_google/types.ts";
import { lab } from "./_lab.ts";

const text = "Grüße 👋 — a line\u2028and another";

describe("answers are read however they come", () => {
  const wires: readonly NonNullable<Reply["wire"]>[] = ["usual", "crlf", "bytes", "lines", "no-last-newline"];
  test.each(wires)("google 14.24 as %s", async (wire) => {
    await using it = await lab();
    it.google.always({ ...says(text, "Hm."), wire });
    const whole = await it.ask();
    expect(whole.json.choices[0].message).toMatchObject({ content: text, reasoning_content: "Hm." });
    const streamed = await it.ask({ stream: true });
    const deltas = streamed.text.split("\n\n").flatMap((frame) => {
      const data = frame.replace(/^data: /, "");
      if (!data.startsWith("{")) return [];
      const [choice] = (JSON.parse(data) as { choices: { delta: { content?: string } }[] }).choices;
      return choice?.delta.content ?? [];
    });
    expect(deltas.join("")).toBe(text);
    expect(streamed.text).toContain("data: [DONE]");
  });

  test("google 14.24 an error inside a stream is a failure, and another account answers", async () => {
    await using it = await lab({ accounts: { "a@example.com": project, "b@example.com": project } });
    const inside = { error: { code: 503, status: "UNAVAILABLE", message: "The service is overloaded." } };
    it.google.reply({ chunks: [inside] });
    const { status, json } = await it.ask();
    expect([status, json.choices[0].message.content]).toEqual([200, "Hello from the fake."]);
  });

  test("google 14.24 a stream that ends before its end is told as broken", async () => {
    await using it = await lab({ retry: { attempts: 1 } });
    it.google.always(withoutEnd);
    expect((await it.ask()).status).toBe(502);
    const { text: frames } = await it.ask({ stream: true });
    expect(frames).toContain("ended the");
    expect(frames).not.toContain('"finish_reason":"stop"');
  });
});

const project = { _proxy_metadata: { project_id: "p", tier_full: "free-tier" } };

describe("what is no answer", () => {
  test("google 14.23 an empty answer is asked for again before anybody sees it", async () => {
    await using it = await lab();
    it.google.reply(emptyReply, emptyReply);
    const { status, json } = await it.ask({ stream: false });
    expect([status, json.choices[0].message.content, it.google.generated.length]).toEqual([
      200,
      "Hello from the fake.",
      3,
    ]);
    expect(it.rests()).toEqual([]);
  });

  test("google 14.23 an answer that stays empty is a failure and no empty success, and no account rests", async () => {
    await using it = await lab();
    it.google.always(emptyReply);
    const { status, text: body } = await it.ask();
    expect([status, body]).toEqual([502, expect.stringContaining("empty answer")]);
    expect([it.google.generated.length, it.rests()]).toEqual([3, []]);
  });

  test("thoughts alone are an empty answer where nobody has seen them yet", async () => {
    await using it = await lab();
    it.google.reply(thoughtOnly);
    const { json } = await it.ask();
    expect([json.choices[0].message.content, it.google.generated.length]).toEqual(["Hello from the fake.", 2]);
  });

  test("thoughts that use up the tokens are an answer that was cut off", async () => {
    await using it = await lab();
    it.google.reply(outOfTokens);
    const { status, json } = await it.ask();
    expect([status, json.choices[0].finish_reason, it.google.generated.length]).toEqual([200, "length", 1]);
  });

  test("google 14.22 14.21 a signature and a call that could not be read are asked for again, and never an empty success", async () => {
    await using it = await lab();
    it.google.reply(malformedCall);
    expect((await it.ask()).status).toBe(200);
    it.google.always(malformedCall);
    const { status, text: body } = await it.ask();
    expect([status, body]).toEqual([502, expect.stringContaining("MALFORMED_FUNCTION_CALL")]);
    const { text: frames, status: streamed } = await it.ask({ stream: true });
    expect([streamed, frames]).toEqual([502, expect.stringContaining("MALFORMED_FUNCTION_CALL")]);
  });

  test("google 14.39 a prompt that is blocked is told as that, once", async () => {
    await using it = await lab();
    it.google.reply(blockedPrompt);
    const { status, json } = await it.ask();
    expect([status, json.choices[0].finish_reason, it.google.generated.length]).toEqual([200, "content_filter", 1]);
  });

  test("an answer that is blocked is told as that, once", async () => {
    await using it = await lab();
    it.google.reply(unsafe);
    const { json } = await it.ask();
    expect([json.choices[0].finish_reason, it.google.generated.length]).toEqual(["content_filter", 1]);
  });
});

const weather = {
  type: "function",
  function: {
    name: "get_weather",
    description: "Current weather",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};

test("google 14.27 a call in one chunk with a text, and one in the chunk that ends the answer, are both there", async () => {
  await using it = await lab();
  const call = { functionCall: { name: "get_weather", args: { city: "Oslo" } } };
  it.google.reply(callsTools([{ name: "get_weather", args: { city: "Bergen" } }], undefined, { text: "Let me see." }), {
    chunks: [chunk([{ text: "Let me see." }, call], "STOP")],
  });
  for (const city of ["Bergen", "Oslo"]) {
    const { json } = await it.ask({ tools: [weather] });
    expect(json.choices[0]).toMatchObject({
      finish_reason: "tool_calls",
      message: {
        content: "Let me see.",
        tool_calls: [{ function: { name: "get_weather", arguments: JSON.stringify({ city }) } }],
      },
    });
  }
});

test("google 14.50 a level of thinking that is refused goes once more as a budget", async () => {
  await using it = await lab();
  it.google.reply(
    failure(
      400,
      "INVALID_ARGUMENT",
      "Unknown name \"thinkingLevel\" at 'request.generation_config.thinking_config': Cannot find field.",
    ),
  );
  const { status } = await it.ask({ model: "gemini_cli/gemini-3-pro-preview", reasoning_effort: "low" });
  const [first, second] = it.google.generated.map(
    ({ request }) => (request["generationConfig"] as { thinkingConfig: object }).thinkingConfig,
  );
  expect([status, first, second]).toEqual([
    200,
    { includeThoughts: true, thinkingLevel: "low" },
    { includeThoughts: true, thinkingBudget: expect.any(Number) },
  ]);
});
