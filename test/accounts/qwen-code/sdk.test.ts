/** The official clients in front of an account of Qwen Code. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
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
import { quickContext, testPerson } from "../oauth/_person.ts";
import { lab, type QwenLab } from "./_lab.ts";
import { greeting, refusals, thought } from "./_qwen.ts";

const clock = forwardClock();
let it: QwenLab;
let scene: Scene;

beforeAll(async () => {
  it = await lab({
    accounts: (qwen) => [qwen.signedIn("old@example.com")],
    listen: true,
    runtime: { clock },
    retry: { queueWait: 0 },
    qwen: { discover: true },
  });
  it.qwen.modes.slowDown = 429;
  scene = { it, model: "qwen_code/qwen3-coder-plus", greeting, thought };
  await signIn(it, it.kind, testPerson({ ...quickContext(), account: "new@example.com", browser: false }));
});
afterAll(() => it[Symbol.asyncDispose]());

test("the login has asked until it was agreed to", () => {
  const grant = "urn:ietf:params:oauth:grant-type:device_code";
  expect(it.qwen.grants).toEqual([grant, grant, grant, grant]);
});

test("openai lists models, and gets answers whole and as streams, with thoughts", () =>
  expect(openaiAnswers(scene)).resolves.toBeUndefined());

test.each([false, true])("openai calls tools over several turns (streamed: %s)", (stream) =>
  expect(openaiCallsTools(scene, stream)).resolves.toBeUndefined(),
);

test.each([false, true])("@anthropic-ai/sdk thinks and calls tools (streamed: %s)", (stream) =>
  expect(anthropicCallsTools(scene, stream)).resolves.toBeUndefined(),
);

test("@google/genai streams and calls tools", () => expect(googleCallsTools(scene)).resolves.toBeUndefined());

describe.each(clients)("$name", (client) => {
  test("lists models, chats, thinks and calls tools", () =>
    expect(clientTalks(scene, client)).resolves.toBeUndefined());

  test("hears when the quota is full again where all accounts have used it up, and is served then", () => {
    const { refuse } = it.qwen.modes;
    const stage: QuotaStage = {
      clock,
      accounts: ["old@example.com", "new@example.com"],
      exhaust: (account, seconds) => void refuse.set(account, refusals.quota({ "retry-after": String(seconds) })),
      restore: (account) => void refuse.delete(account),
      asked: () => it.qwen.asked.length,
    };
    return expect(quotaEndsAndReturns(scene, client, stage)).resolves.toBeUndefined();
  });
});
