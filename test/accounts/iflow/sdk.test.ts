/** The official clients in front of an account of iFlow. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { status } from "waygate/testing";
import {
  anthropicCallsTools,
  googleCallsTools,
  openaiAnswers,
  openaiCallsTools,
  quotaEndsAndReturns,
  type Scene,
  signIn,
} from "../_chat-sdk.ts";
import { greeting, listOf, thought } from "./_iflow.ts";
import { lab, type IflowLab, visitor } from "./_lab.ts";

let it: IflowLab;
let scene: Scene;

beforeAll(async () => {
  it = await lab({ accounts: () => [], listen: true, retry: { shortWait: 0 } });
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

test("openai is told when the quota is used up, and gets answers after its reset", () =>
  expect(
    quotaEndsAndReturns(scene, {
      exhaust: () =>
        void it.iflow.modes.refuse.set(
          "new@example.com",
          status(429, { message: "Your quota is exhausted", success: false }, { "retry-after": "1" }),
        ),
      restore: () => it.iflow.modes.refuse.clear(),
      asked: () => it.iflow.asked.length,
    }),
  ).resolves.toBeUndefined());
