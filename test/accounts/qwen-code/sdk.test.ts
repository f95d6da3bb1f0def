/** The official clients in front of an account of Qwen Code. */
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  anthropicCallsTools,
  googleCallsTools,
  openaiAnswers,
  openaiCallsTools,
  quotaEndsAndReturns,
  type Scene,
  signIn,
} from "../_chat-sdk.ts";
import { quickContext, testPerson } from "../oauth/_person.ts";
import { lab, type QwenLab } from "./_lab.ts";
import { greeting, refusals, thought } from "./_qwen.ts";

let it: QwenLab;
let scene: Scene;

beforeAll(async () => {
  it = await lab({ accounts: () => [], listen: true, retry: { shortWait: 0 }, qwen: { discover: true } });
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

test("openai is told when the quota is used up, and gets answers after its reset", () =>
  expect(
    quotaEndsAndReturns(scene, {
      exhaust: () => void it.qwen.modes.refuse.set("new@example.com", refusals.quota({ "retry-after": "1" })),
      restore: () => it.qwen.modes.refuse.clear(),
      asked: () => it.qwen.asked.length,
    }),
  ).resolves.toBeUndefined());
