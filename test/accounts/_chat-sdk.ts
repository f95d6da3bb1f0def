/** What the official clients do with any provider of chat that has accounts: from the login to the reset of a quota. */
import Anthropic from "@anthropic-ai/sdk";
import { type CallableTool, GoogleGenAI } from "@google/genai";
import OpenAI from "openai";
import { expect } from "vitest";
import type { AccountKind, LoginPerson } from "waygate";
import { type ChatLab, clientKey } from "./_chat-lab.ts";
import type { ForwardClock } from "./_clock.ts";
import type { Client } from "./_talks.ts";

export interface Scene {
  readonly it: ChatLab;
  /** With the provider's name in front. */
  readonly model: string;
  readonly greeting: string;
  readonly thought: string;
}

const schema = {
  type: "object" as const,
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
const weather = ({ city }: { readonly city: string }): string => `${city}: 21 degrees`;
/** What the fakes answer when the tool has been asked for Köln. */
const told = "The tool says: Köln: 21 degrees";

/** Signs in while the proxy runs, which finds the account by itself beside the one that is there. */
export async function signIn({ store, credentials }: ChatLab, kind: AccountKind, person: LoginPerson): Promise<void> {
  await store.save(kind, await kind.login(person));
  await credentials(2);
}

export function openaiClient({ it }: Scene): OpenAI {
  return new OpenAI({ baseURL: `${it.proxy.url}/v1`, apiKey: clientKey, maxRetries: 0 });
}

export async function openaiAnswers(scene: Scene): Promise<void> {
  const client = openaiClient(scene);
  const { model, greeting, thought } = scene;
  expect((await client.models.list()).data.map(({ id }) => id)).toContain(model);
  const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: "user", content: "hello" }];
  const whole = await client.chat.completions.create({ model, messages });
  expect(whole.choices[0]).toMatchObject({
    finish_reason: "stop",
    message: { content: greeting, reasoning_content: expect.stringContaining(thought.trim()) },
  });
  expect(whole.usage).toMatchObject({ prompt_tokens: 9, completion_tokens: 3 });
  let text = "";
  let thoughts = "";
  let total = 0;
  const stream = await client.chat.completions.create({
    model,
    messages,
    stream: true,
    stream_options: { include_usage: true },
  });
  for await (const { choices, usage } of stream) {
    const delta = choices[0]?.delta as { readonly content?: string; readonly reasoning_content?: string } | undefined;
    text += delta?.content ?? "";
    thoughts += delta?.reasoning_content ?? "";
    total = usage?.total_tokens ?? total;
  }
  expect([text, thoughts.trim(), total]).toEqual([greeting, thought.trim(), 12]);
}

export async function openaiCallsTools(scene: Scene, stream: boolean): Promise<void> {
  const runner = openaiClient(scene).chat.completions.runTools({
    model: scene.model,
    messages: [{ role: "user", content: "hello" }],
    stream: stream as false,
    tools: [
      {
        type: "function",
        function: {
          name: "get_weather",
          description: "Tells the weather.",
          parameters: schema,
          strict: true,
          parse: (json: string) => JSON.parse(json) as { city: string },
          function: weather,
        },
      },
    ],
  });
  expect(await runner.finalContent()).toBe(told);
}

export async function anthropicCallsTools({ it, model, thought }: Scene, stream: boolean): Promise<void> {
  const client = new Anthropic({ baseURL: it.proxy.url, apiKey: null, authToken: clientKey, maxRetries: 0 });
  const base = { model, max_tokens: 4000, thinking: { type: "enabled" as const, budget_tokens: 2000 } };
  const messages: Anthropic.MessageParam[] = [{ role: "user", content: "hello" }];
  const ask = (more: Partial<Anthropic.MessageCreateParamsNonStreaming> = {}): Promise<Anthropic.Message> => {
    const body = { ...base, messages, ...more };
    return stream ? client.messages.stream(body).finalMessage() : client.messages.create(body);
  };
  const plain = await ask();
  const thinking = plain.content.flatMap((block) => (block.type === "thinking" ? [block.thinking] : []));
  expect(thinking.join("").trim()).toBe(thought.trim());
  const tools: Anthropic.Tool[] = [{ name: "get_weather", description: "Tells the weather.", input_schema: schema }];
  const first = await ask({ tools });
  expect(first.stop_reason).toBe("tool_use");
  messages.push({ role: "assistant", content: first.content });
  messages.push({
    role: "user",
    content: first.content.flatMap((block): Anthropic.ToolResultBlockParam[] =>
      block.type === "tool_use"
        ? [{ type: "tool_result", tool_use_id: block.id, content: weather(block.input as { city: string }) }]
        : [],
    ),
  });
  const second = await ask({ tools });
  expect(second.content.flatMap((block) => (block.type === "text" ? [block.text] : [])).join("")).toBe(told);
}

export async function googleCallsTools({ it, model, greeting }: Scene): Promise<void> {
  const client = new GoogleGenAI({ apiKey: clientKey, httpOptions: { baseUrl: it.proxy.url } });
  let text = "";
  for await (const part of await client.models.generateContentStream({ model, contents: "hello" }))
    text += part.text ?? "";
  expect(text).toBe(greeting);
  const tool: CallableTool = {
    tool: () =>
      Promise.resolve({
        functionDeclarations: [
          { name: "get_weather", description: "Tells the weather.", parametersJsonSchema: schema },
        ],
      }),
    callTool: (calls) =>
      Promise.resolve(
        calls.map(({ id, name, args }) => ({
          functionResponse: { id, name, response: { output: weather(args as { city: string }) } },
        })),
      ),
  };
  const answered = await client.models.generateContent({ model, contents: "hello", config: { tools: [tool] } });
  expect(answered.text).toContain("Köln: 21 degrees");
}

/** Lists, chats in a stream and whole, and calls the tool over two turns, by any of the clients. */
export async function clientTalks({ it, model, greeting, thought }: Scene, client: Client): Promise<void> {
  const talk = client.talk(it.proxy.url, model);
  expect(await talk.models()).toContain(model);
  for (const whole of [false, true]) {
    const { thoughts, ...said } = await talk.say("hello", { whole });
    expect([thoughts.trim(), said]).toEqual([thought.trim(), { text: greeting, calls: [] }]);
  }
  const caller = client.talk(it.proxy.url, model, { tools: true });
  for (const whole of [false, true]) {
    const { calls } = await caller.say("How is the weather?", { whole });
    expect(calls).toEqual([{ name: "get_weather", args: { city: "Köln" } }]);
    const { text } = await caller.give((args) => weather(args as { city: string }), { whole });
    expect(text).toContain("Köln: 21 degrees");
  }
}

const HOUR = 3_600_000;

/** What the fake of a provider does for the story of a quota. */
export interface QuotaStage {
  readonly clock: ForwardClock;
  /** Two accounts. */
  readonly accounts: readonly [string, string];
  /** Has the account be refused, with a reset in so many seconds. */
  exhaust(account: string, seconds: number): void;
  restore(account: string): void;
  /** Requests for answers so far. */
  asked(): number;
}

/** One account is out for two hours, the other for longer: the client hears of two hours, and then is served again. */
export async function quotaEndsAndReturns(
  { it, model, greeting }: Scene,
  client: Client,
  stage: QuotaStage,
): Promise<void> {
  const { clock, accounts, exhaust, restore, asked } = stage;
  const [first, second] = accounts;
  const ask = () => client.talk(it.proxy.url, model).say("hello");
  exhaust(first, 2 * 3600);
  exhaust(second, 30 * 3600);
  const before = asked();
  const refused: unknown = await ask().catch((error: unknown) => error);
  expect(client.isLimit(refused)).toBe(true);
  expect(client.wait(refused)).toBeGreaterThan(2 * 3600 - 10);
  expect(client.wait(refused)).toBeLessThan(2 * 3600 + 10);
  await expect(ask()).rejects.toSatisfy(client.isLimit);
  expect(asked()).toBe(before + 2);
  restore(first);
  clock.forward(2 * HOUR + 1000);
  expect((await ask()).text).toBe(greeting);
  expect(it.rests()).toEqual([expect.stringContaining(second)]);
  restore(second);
  clock.forward(28 * HOUR);
  expect((await ask()).text).toBe(greeting);
  expect(it.rests()).toEqual([]);
}
