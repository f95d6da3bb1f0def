/** Official clients before a proxy with accounts of Antigravity: from the login to a quota that is used up and full again. */
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { carry } from "waygate/plugins/carry";
import { forwardClock } from "../_clock.ts";
import { conversation } from "../_google/conversation.ts";
import { callsTools, chats, listsModels, quotaEndsAndReturns, type Scene, twoSignIn } from "../_google/story.ts";
import { clients } from "../_talks.ts";
import { city, clientKey, type Lab, lab } from "./_lab.ts";

const models = ["gemini-3-flash", "gemini-pro-agent", "claude-opus-4.6"].map((id) => `antigravity/${id}`);
const combinations = clients.flatMap((client) => models.map((model) => ({ client, model })));

// What the service refuses of its own accord is tested elsewhere.
const options = { discover: true, toolGuards: { strict: false } };

describe.each(combinations)("$client.name with $model", ({ client, model }) => {
  const clock = forwardClock();
  let it: Lab;
  let scene: Scene;
  beforeAll(async () => {
    it = await lab({
      accounts: {},
      listen: true,
      runtime: { clock },
      options,
      plugins: [carry()],
      retry: { queueWait: 0 },
      before: twoSignIn,
    });
    scene = { it, clock, client, model };
  });
  afterAll(() => it[Symbol.asyncDispose]());

  test("lists the models that the accounts have", async () => {
    const listed = ["antigravity/gemini-pro-agent", "antigravity/claude-sonnet-4-6"];
    await expect.poll(() => it.proxy.app.models.listed("antigravity")).not.toContain("gemini-3.7-flash-high");
    await listsModels(scene, listed);
  });

  test("chats in streams and in whole answers, with thoughts", () => expect(chats(scene)).resolves.toBeUndefined());

  test("calls tools in several turns and steps, and each signature comes back where it belongs", () =>
    expect(callsTools(scene)).resolves.toBeUndefined());

  test("hears when the quota is full again where all accounts have used it up, and is served then", () =>
    expect(quotaEndsAndReturns(scene)).resolves.toBeUndefined());

  test("never needed the service's other method", () => {
    expect(it.google.generated.every(({ method }) => method === "streamGenerateContent")).toBe(true);
  });
});

test("google 14.18 google 14.19 a conversation may go from Claude to Gemini and back in the middle of calls", async () => {
  await using it = await lab({ options, listen: true, plugins: [carry()] });
  it.google.always(conversation(it.google));
  const client = new OpenAI({ baseURL: `${it.proxy.url}/v1`, apiKey: clientKey, maxRetries: 0 });
  const tools: OpenAI.ChatCompletionTool[] = [
    { type: "function", function: { name: "get_weather", parameters: { ...city } } },
  ];
  const [gemini = "", , claude = ""] = models;
  for (const [from, to] of [
    [claude, gemini],
    [gemini, claude],
  ] as const) {
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: "user", content: "weather?" }];
    const first = await client.chat.completions.create({ model: from, messages, tools });
    messages.push(first.choices[0]!.message);
    for (const { id } of first.choices[0]!.message.tool_calls!)
      messages.push({ role: "tool", tool_call_id: id, content: "rain" });
    const second = await client.chat.completions.create({ model: to, messages, tools });
    // A loop that was closed is a new turn, in which the tool is called again.
    expect(second.choices[0]?.message.content ?? second.choices[0]?.finish_reason).toMatch(
      /^(?:The tools say: rain, rain|tool_calls)$/,
    );
  }
  expect(it.google.refused).toEqual([]);
});
