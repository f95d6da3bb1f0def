/** The official clients in front of an account of iFlow. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { status } from "waygate/testing";
import {
  anthropicCallsTools,
  clientTalks,
  googleCallsTools,
  openaiAnswers,
  openaiCallsTools,
  quotaEndsAndReturns,
  type QuotaStage,
  type Scene,
  signIn,
} from "../_chat-sdk.ts";
import { forwardClock } from "../_clock.ts";
import { clients } from "../_talks.ts";
import { greeting, listOf, thought } from "./_iflow.ts";
import { lab, type IflowLab, visitor } from "./_lab.ts";

const clock = forwardClock();
let it: IflowLab;
let scene: Scene;

beforeAll(async () => {
  it = await lab({
    accounts: (iflow) => [iflow.signedIn("old@example.com")],
    listen: true,
    runtime: { clock },
    retry: { queueWait: 0 },
  });
  it.iflow.modes.now = () => clock.now();
  scene = { it, model: "iflow/glm-4.6", greeting, thought };
  await signIn(it, it.kind, visitor());
});
afterAll(() => it[Symbol.asyncDispose]());

test("openai lists models, and gets answers whole and as streams, with thoughts", () =>
  expect(openaiAnswers(scene)).resolves.toBeUndefined());

test.each([false, true])("openai calls tools over several turns (streamed: %s)", (stream) =>
  expect(openaiCallsTools(scene, stream)).resolves.toBeUndefined(),
);

test.each([false, true])("@anthropic-ai/sdk thinks and calls tools (streamed: %s)", async (stream) => {
  await anthropicCallsTools(scene, stream);
  const { json } = it.iflow.asked.at(-1)!;
  expect(json["chat_template_kwargs"]).toEqual({ enable_thinking: true, clear_thinking: false });
  // The thoughts before a call go back with it.
  expect(listOf(json["messages"])[1]).toMatchObject({ role: "assistant", reasoning_content: thought });
});

test("@google/genai streams and calls tools", () => expect(googleCallsTools(scene)).resolves.toBeUndefined());

describe.each(clients)("$name", (client) => {
  test("lists models, chats, thinks and calls tools", () =>
    expect(clientTalks(scene, client)).resolves.toBeUndefined());

  test("hears when the quota is full again where all accounts have used it up, and is served then", () => {
    const { refuse } = it.iflow.modes;
    const words = { message: "Your quota is exhausted", success: false };
    const stage: QuotaStage = {
      clock,
      accounts: ["old@example.com", "new@example.com"],
      exhaust: (account, seconds) => void refuse.set(account, status(429, words, { "retry-after": String(seconds) })),
      restore: (account) => void refuse.delete(account),
      asked: () => it.iflow.asked.length,
    };
    return expect(quotaEndsAndReturns(scene, client, stage)).resolves.toBeUndefined();
  });
});
