import { describe, expect, test } from "vitest";
import type { JsonObject } from "waygate";
import { chunk, emptyReply, says, thoughtOnly, withoutEnd } from "../_google/replies.ts";
import { city, known, lab, tool } from "./_lab.ts";

const two = { "a@example.com": known, "b@example.com": known };

/** Who was asked, by the part before the @. */
function asked({ google }: { google: { generated: readonly { email: string; host: string }[] } }): readonly string[] {
  return google.generated.map(({ email, host }) => `${email.split("@")[0]} ${host}`);
}

describe("google 14.14 a client of an old version", () => {
  const words = "This version of Antigravity is no longer supported. Please update to the latest version.";

  test.each([false, true])("is an error that says what to raise (streamed: %s)", async (stream) => {
    await using it = await lab({ accounts: two });
    it.google.always({ chunks: [chunk([{ text: words }]), chunk([{ text: "" }], "STOP")] });
    const { status, text } = await it.ask({ stream });
    expect(status).toBe(502);
    expect(text).toContain("ANTIGRAVITY_VERSION");
    expect(asked(it)).toEqual(["a daily"]);
    expect(it.rests()).toEqual([]);
  });

  test("may be quoted in an answer that says more", async () => {
    await using it = await lab();
    const long = `"${words}" means that ${"it is old. ".repeat(30)}`;
    it.google.reply({ chunks: [chunk([{ text: `"${words}"` }]), chunk([{ text: long }], "STOP")] });
    const { status, json: answer } = await it.ask();
    expect([status, answer.choices[0].message.content]).toEqual([200, `"${words}"${long}`]);
  });

  test("may be quoted before a call of a tool, whose text is not lost in a stream", async () => {
    await using it = await lab();
    const call = { functionCall: { id: "c", name: "gemini3_a", args: { city: "x" } } };
    it.google.reply({ chunks: [chunk([{ text: words }]), chunk([call]), chunk([{ text: "" }], "STOP")] });
    const { status, text } = await it.ask({ stream: true, tools: [tool("a", city)] });
    expect(status).toBe(200);
    expect(text).toContain(words);
    expect(text).toContain('"name":"a"');
  });

  test("is gone around where an alias names another model", async () => {
    await using it = await lab({
      models: { best: ["antigravity/gemini-3.7-flash-high", "antigravity/claude-sonnet-4-6"] },
    });
    it.google.always(({ model }) =>
      /gemini/.test(model)
        ? { chunks: [chunk([{ text: "This model is not available on this version." }], "STOP")] }
        : says("Hello"),
    );
    const { status, text } = await it.ask({ model: "best" });
    expect([status, text]).toEqual([200, expect.stringContaining("Hello")]);
  });
});

describe("google 14.23 an empty answer", () => {
  test.each([
    ["without parts", emptyReply],
    ["of thoughts alone", thoughtOnly],
    ["with an empty text", { chunks: [chunk([{ text: "" }], "STOP")] }],
  ])("%s is asked for again", async (_, reply) => {
    await using it = await lab();
    it.google.reply(reply, reply);
    expect((await it.ask()).status).toBe(200);
    expect(it.google.generated).toHaveLength(3);
    expect(it.rests()).toEqual([]);
  });

  test("that stays empty is a failure", async () => {
    await using it = await lab();
    it.google.always(emptyReply);
    const { status, text } = await it.ask({ stream: true });
    expect([status, text]).toEqual([502, expect.stringContaining("empty answer")]);
  });
});

test("google 14.24 an answer that ends without a reason is broken off, and asked for again while nobody has it", async () => {
  await using it = await lab({ accounts: two });
  it.google.reply(withoutEnd);
  const { status, text } = await it.ask();
  expect([status, text]).toEqual([200, expect.stringContaining("Hello from the fake.")]);
});

test.each(["crlf", "bytes", "lines", "no-last-newline"] as const)(
  "google 14.24 a stream is read whole: %s",
  async (wire) => {
    await using it = await lab();
    const words = "Grüße 👋 \u2028 über\u0085alles";
    it.google.reply({ ...says(words), wire });
    const { json: answer } = await it.ask();
    expect(answer.choices[0].message.content).toBe(words);
  },
);

test("google 14.39 a prompt that is blocked ends as an answer that was filtered", async () => {
  await using it = await lab();
  const blocked: JsonObject = {
    promptFeedback: { blockReason: "PROHIBITED_CONTENT" },
    usageMetadata: { promptTokenCount: 2 },
  };
  it.google.always({ chunks: [blocked] });
  const { status, json: answer } = await it.ask();
  expect([status, answer.choices[0].finish_reason]).toEqual([200, "content_filter"]);
  expect(it.google.generated).toHaveLength(1);
});
