/** What the official clients do with any provider of chat that has accounts: from the login to the reset of a quota. */
import Anthropic from "@anthropic-ai/sdk";
import { type CallableTool, GoogleGenAI } from "@google/genai";
import OpenAI, { RateLimitError } from "openai";
import { expect } from "vitest";
import type { AccountKind, LoginPerson } from "waygate";
import { type ChatLab, clientKey } from "./_chat-lab.ts";

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

/** Signs in while the proxy runs, which finds the account by itself. */
export async function signIn({ store, credentials }: ChatLab, kind: AccountKind, person: LoginPerson): Promise<void> {
  await store.save(kind, await kind.login(person));
  await credentials(1);
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

/** `exhaust` lets the account be refused with a reset in a second, `restore` lets it answer again. */
export async function quotaEndsAndReturns(
  scene: Scene,
  fake: { exhaust(): void; restore(): void; asked(): number },
): Promise<void> {
  const client = openaiClient(scene);
  const ask = (): Promise<OpenAI.ChatCompletion> =>
    client.chat.completions.create({ model: scene.model, messages: [{ role: "user", content: "hello" }] });
  fake.exhaust();
  const refused: unknown = await ask().catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(RateLimitError);
  const asked = fake.asked();
  await expect(ask()).rejects.toBeInstanceOf(RateLimitError);
  expect(fake.asked()).toBe(asked);
  fake.restore();
  await new Promise((resolve) => setTimeout(resolve, 1200));
  expect((await ask()).choices[0]?.message.content).toBe(scene.greeting);
}
