/** Official clients before a proxy with an account of Antigravity: from the login to a quota that is used up and full again. */
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI, type Content } from "@google/genai";
import OpenAI, { RateLimitError } from "openai";
import { describe, expect, test } from "vitest";
import { carry } from "waygate/plugins/carry";
import { quotaExhausted } from "../_google/failures.ts";
import type { Generated } from "../_google/google.ts";
import { callsTools, chunk, type Reply, says } from "../_google/replies.ts";
import { type Fields, isFields, listOf } from "../_google/types.ts";
import { city, clientKey, type Lab, lab } from "./_lab.ts";

/** A listening proxy whose one account has just signed in. */
async function signedIn(): Promise<Lab> {
  const it = await lab({
    accounts: {},
    login: true,
    listen: true,
    options: { toolGuards: { strict: false } },
    plugins: [carry()],
    retry: { queueWait: 0, shortWait: 0 },
  });
  it.google.always((asked) => conversation(it, asked));
  return it;
}

/** Calls the tool when there is one, and says what it gave. */
function conversation({ google }: Lab, { model, request }: Generated): Reply {
  const last = listOf(request["contents"]).at(-1);
  const answers = listOf(isFields(last) ? last["parts"] : []).filter(
    (part) => isFields(part) && part["functionResponse"],
  );
  if (answers.length > 0) return says(`The tool says ${answers.length} times: rain.`, "I see.");
  const [tools] = listOf(request["tools"]);
  if (!isFields(tools)) return says("Grüße 👋", "The user greets.");
  const [declared] = listOf(tools["functionDeclarations"]) as { name: string }[];
  const calls = ["Oslo", "Bergen"].map((name, at) => ({ id: `c${at}`, name: declared!.name, args: { city: name } }));
  const signature = google.sign(model);
  return /claude/.test(model) ? claudeCalls(calls, signature) : callsTools(calls, signature);
}

function claudeCalls(calls: readonly Fields[], signature: string): Reply {
  return {
    chunks: [
      chunk([{ text: "I should call it.", thought: true }]),
      chunk([{ text: "", thought: true, thoughtSignature: signature }]),
      ...calls.map((functionCall) => chunk([{ functionCall }])),
      chunk([{ text: "" }], "OTHER", {
        usageMetadata: { promptTokenCount: 5, candidatesTokenCount: 9, totalTokenCount: 14 },
      }),
    ],
  };
}

/** Nothing that the service would have refused had to be put right. */
function wasRefused({ proxy }: Lab): boolean {
  return proxy.records.some(({ ctx }) => ctx.attempts.length > 1);
}

const models = ["antigravity/gemini-3-flash", "antigravity/gemini-pro-agent", "antigravity/claude-opus-4.6"] as const;
const words = "The tool says 2 times: rain.";

describe.each(models)("the OpenAI client with %s", (model) => {
  const client = ({ proxy }: Lab): OpenAI =>
    new OpenAI({ baseURL: `${proxy.url}/v1`, apiKey: clientKey, maxRetries: 0 });
  const tools: OpenAI.ChatCompletionTool[] = [
    {
      type: "function",
      function: { name: "get_weather", description: "Weather.", parameters: { ...city, additionalProperties: false } },
    },
  ];

  test("lists models, chats, streams and calls tools over several turns", async () => {
    await using it = await signedIn();
    const openai = client(it);
    const listed = (await openai.models.list()).data.map(({ id }) => id);
    expect(listed).toContain("antigravity/claude-sonnet-4-6");

    const whole = await openai.chat.completions.create({ model, messages: [{ role: "user", content: "hello" }] });
    expect(whole.choices[0]?.message.content).toBe("Grüße 👋");

    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: "user", content: "weather?" }];
    const stream = openai.chat.completions.stream({ model, messages, tools, reasoning_effort: "low" });
    const { choices } = await stream.finalChatCompletion();
    const calls = choices[0]?.message.tool_calls ?? [];
    expect(choices[0]?.finish_reason).toBe("tool_calls");
    expect(calls.map((call) => (call.type === "function" ? call.function : undefined))).toMatchObject([
      { name: "get_weather", arguments: '{"city":"Oslo"}' },
      { name: "get_weather", arguments: '{"city":"Bergen"}' },
    ]);

    messages.push({ role: "assistant", tool_calls: calls });
    for (const { id } of calls) messages.push({ role: "tool", tool_call_id: id, content: "rain" });
    const second = await openai.chat.completions.create({ model, messages, tools, reasoning_effort: "low" });
    expect(second.choices[0]?.message.content).toBe(words);
    expect(wasRefused(it)).toBe(false);

    messages.push({ role: "assistant", content: words }, { role: "user", content: "and tomorrow?" });
    const third = await openai.chat.completions.create({ model, messages, tools });
    expect(third.choices[0]?.finish_reason).toBe("tool_calls");
    expect(it.google.generated.every(({ method }) => method === "streamGenerateContent")).toBe(true);
  });

  test("is told of a quota that is used up, and served again when it is full", async () => {
    await using it = await signedIn();
    const openai = client(it);
    const ask = () => openai.chat.completions.create({ model, messages: [{ role: "user", content: "hello" }] });
    it.google.reply(quotaExhausted(1, model));
    await expect(ask()).rejects.toThrow(RateLimitError);
    await expect(ask()).rejects.toThrow(RateLimitError);
    expect(it.google.generated).toHaveLength(1);
    await expect.poll(it.rests, { timeout: 5000 }).toEqual([]);
    expect((await ask()).choices[0]?.message.content).toBe("Grüße 👋");
  });
});

describe.each(models)("the Anthropic client with %s", (model) => {
  test("streams thoughts, calls tools and goes on behind their results with what it thought", async () => {
    await using it = await signedIn();
    const client = new Anthropic({ baseURL: it.proxy.url, apiKey: null, authToken: clientKey, maxRetries: 0 });
    const tools: Anthropic.Tool[] = [
      { name: "get_weather", description: "Weather.", input_schema: city as unknown as Anthropic.Tool.InputSchema },
    ];
    const shared = { model, max_tokens: 8000, thinking: { type: "enabled", budget_tokens: 2048 }, tools } as const;
    const question: Anthropic.MessageParam = { role: "user", content: "weather?" };
    const first = await client.messages.stream({ ...shared, messages: [question] }).finalMessage();
    expect(first.content.map(({ type }) => type)).toEqual(["thinking", "tool_use", "tool_use"]);
    expect(first.stop_reason).toBe("tool_use");
    const results = first.content.flatMap((block): Anthropic.ToolResultBlockParam[] =>
      block.type === "tool_use" ? [{ type: "tool_result", tool_use_id: block.id, content: "rain" }] : [],
    );
    const messages: Anthropic.MessageParam[] = [
      question,
      { role: "assistant", content: first.content },
      { role: "user", content: results },
    ];
    const second = await client.messages.create({ ...shared, messages });
    expect(second.content.at(-1)).toMatchObject({ type: "text", text: words });
    expect(wasRefused(it)).toBe(false);
    if (model.includes("claude")) {
      const [, turn] = it.google.generated.at(-1)!.request["contents"] as { parts: Fields[] }[];
      expect(turn?.parts[0]).toEqual({
        text: "I should call it.",
        thought: true,
        thoughtSignature: expect.not.stringContaining("wgClaude"),
      });
    }
  });
});

describe.each(models)("Google's client with %s", (model) => {
  test("streams thoughts, calls tools and goes on with the signatures it got", async () => {
    await using it = await signedIn();
    const client = new GoogleGenAI({ apiKey: clientKey, httpOptions: { baseUrl: it.proxy.url } });
    const config = {
      thinkingConfig: { includeThoughts: true },
      tools: [{ functionDeclarations: [{ name: "get_weather", parametersJsonSchema: city }] }],
    };
    const contents: Content[] = [{ role: "user", parts: [{ text: "weather?" }] }];
    const first = await client.models.generateContent({ model, contents, config });
    const calls = first.functionCalls ?? [];
    expect(calls.map(({ name, args }) => [name, args])).toEqual([
      ["get_weather", { city: "Oslo" }],
      ["get_weather", { city: "Bergen" }],
    ]);
    contents.push(first.candidates![0]!.content!, {
      role: "user",
      parts: calls.map(({ id, name }) => ({
        functionResponse: { id: id!, name: name!, response: { output: "rain" } },
      })),
    });
    let text = "";
    for await (const each of await client.models.generateContentStream({ model, contents, config }))
      text += each.text ?? "";
    expect(text).toBe(words);
    expect(wasRefused(it)).toBe(false);
  });
});

test("google 14.18 google 14.19 a conversation may go from Claude to Gemini and back in the middle of calls", async () => {
  await using it = await signedIn();
  const client = new OpenAI({ baseURL: `${it.proxy.url}/v1`, apiKey: clientKey, maxRetries: 0 });
  const tools: OpenAI.ChatCompletionTool[] = [
    { type: "function", function: { name: "get_weather", parameters: { ...city } } },
  ];
  const [gemini, , claude] = models;
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
    expect(second.choices[0]?.message.content ?? second.choices[0]?.finish_reason).toMatch(/rain|tool_calls/);
  }
  expect(wasRefused(it)).toBe(false);
});
