/** The official clients in front of accounts of Gemini CLI: from the login to the reset of a quota. */
import Anthropic from "@anthropic-ai/sdk";
import { type CallableTool, GoogleGenAI } from "@google/genai";
import OpenAI, { RateLimitError } from "openai";
import { carry } from "waygate/plugins/carry";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { quotaExhausted } from "../_google/failures.ts";
import { callsBack, conversation, greeting, namesOf, thought } from "./_conversation.ts";
import { clientKey, lab, type Lab, visitor } from "./_lab.ts";

const model = "gemini_cli/gemini-3-pro-preview";
const schema = { type: "object" as const, properties: { city: { type: "string" } }, required: ["city"] };
const weather = (args: { readonly city: string }): string => `${args.city}: 21 degrees`;
const told = "The tools say: Köln: 21 degrees, Oslo: 21 degrees";

let it: Lab;

beforeAll(async () => {
  it = await lab({ accounts: {}, listen: true, retry: { shortWait: 0 }, cli: { discover: true }, plugins: [carry()] });
  it.google.always(conversation(it.google));
  it.google.control.mode = "new";
  await it.store.save(it.kind, await it.kind.login(visitor()));
  // The proxy runs already, and finds the account by itself.
  for (let turn = 0; turn < 1000 && it.proxy.app.credentials.list("gemini_cli").length === 0; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
});
afterAll(() => it[Symbol.asyncDispose]());

/** Of the latest request: the first call of a step is signed, its sibling is not, and names are those that were declared. */
function expectSigned(): void {
  const { request } = it.google.generated.at(-1)!;
  const [name] = namesOf(request);
  expect(callsBack(request)).toEqual([
    { name, signature: expect.stringMatching(/^Z2VtaW5p/) },
    { name, signature: undefined },
  ]);
  expect(name).toBe("gemini3_get_weather");
}

describe("the openai client", () => {
  let client: OpenAI;
  beforeAll(() => {
    client = new OpenAI({ baseURL: `${it.proxy.url}/v1`, apiKey: clientKey, maxRetries: 0 });
  });
  const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: "user", content: "hello" }];
  const tools: OpenAI.ChatCompletionTool[] = [
    { type: "function", function: { name: "get_weather", description: "Tells the weather.", parameters: schema } },
  ];

  test("lists the models", async () => {
    const ids = (await client.models.list()).data.map(({ id }) => id);
    expect(ids).toContain(model);
  });

  test("gets an answer whole, with its thoughts", async () => {
    const { choices, usage } = await client.chat.completions.create({ model, messages });
    expect(choices[0]).toMatchObject({
      finish_reason: "stop",
      message: { content: greeting, reasoning_content: thought },
    });
    expect(usage).toMatchObject({ prompt_tokens: 8, completion_tokens: 24, total_tokens: 32 });
  });

  test("gets an answer as a stream", async () => {
    let text = "";
    for await (const { choices } of await client.chat.completions.create({ model, messages, stream: true })) {
      text += choices[0]?.delta.content ?? "";
    }
    expect(text).toBe(greeting);
  });

  test.each([false, true])(
    "calls tools over several turns, with the signature brought back (streamed: %s)",
    async (stream) => {
      const runner = client.chat.completions.runTools({
        model,
        messages,
        stream: stream as false,
        tools: [
          {
            type: "function",
            function: {
              name: "get_weather",
              description: "Tells the weather.",
              parameters: schema,
              parse: (text: string) => JSON.parse(text) as { city: string },
              function: weather,
            },
          },
        ],
      });
      expect(await runner.finalContent()).toBe(told);
      expectSigned();
    },
  );

  test("google 14.19 14.20 may lose the signatures: what stands for one is put on the first call of a step only", async () => {
    const first = await client.chat.completions.create({ model, messages, tools });
    const calls = first.choices[0]!.message.tool_calls!;
    expect(calls).toHaveLength(2);
    // Other ids, too, so that nothing tells which calls they were.
    const plain = calls.map((_, at) => ({
      id: `mine_${at}`,
      type: "function" as const,
      function: { name: "get_weather", arguments: JSON.stringify({ city: at === 0 ? "Köln" : "Oslo" }) },
    }));
    const { choices } = await client.chat.completions.create({
      model,
      tools,
      messages: [
        ...messages,
        { role: "assistant", content: null, tool_calls: plain },
        ...plain.map(({ id }) => ({ role: "tool" as const, tool_call_id: id, content: id })),
      ],
    });
    expect(choices[0]?.message.content).toContain("The tools say");
    expect(callsBack(it.google.generated.at(-1)!.request).map(({ signature }) => signature)).toEqual([
      "skip_thought_signature_validator",
      undefined,
    ]);
  });

  test("google 14.42 gets an answer in the form of a schema", async () => {
    await client.chat.completions.create({
      model,
      messages,
      response_format: {
        type: "json_schema",
        json_schema: { name: "place", schema: { ...schema, additionalProperties: false }, strict: true },
      },
    });
    expect(it.google.generated.at(-1)?.request["generationConfig"]).toMatchObject({
      responseMimeType: "application/json",
      responseJsonSchema: { ...schema, additionalProperties: false },
    });
  });

  test("is told when the quota is used up, and gets answers again after its reset", async () => {
    it.google.reply(quotaExhausted(1, "gemini-3-pro-preview"));
    const refused = await client.chat.completions.create({ model, messages }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(RateLimitError);
    const asked = it.google.generated.length;
    await expect(client.chat.completions.create({ model, messages })).rejects.toThrow(/limit|quota/);
    expect(it.google.generated).toHaveLength(asked);
    await new Promise((resolve) => setTimeout(resolve, 1400));
    const { choices } = await client.chat.completions.create({ model, messages });
    expect(choices[0]?.message.content).toBe(greeting);
  });
});

describe("the anthropic client", () => {
  let client: Anthropic;
  beforeAll(() => {
    client = new Anthropic({ baseURL: it.proxy.url, apiKey: null, authToken: clientKey, maxRetries: 0 });
  });
  const tools: Anthropic.Tool[] = [{ name: "get_weather", description: "Tells the weather.", input_schema: schema }];

  test.each([false, true])(
    "thinks, calls tools over several turns and brings the signature back (streamed: %s)",
    async (stream) => {
      const messages: Anthropic.MessageParam[] = [
        // google 14.28: marks for a cache are no part of the service's requests.
        { role: "user", content: [{ type: "text", text: "hello", cache_control: { type: "ephemeral" } }] },
      ];
      const ask = async (): Promise<Anthropic.Message> => {
        const body = {
          model,
          messages,
          tools,
          max_tokens: 4000,
          thinking: { type: "enabled" as const, budget_tokens: 2000 },
        };
        return stream ? client.messages.stream(body).finalMessage() : client.messages.create(body);
      };
      const first = await ask();
      expect(first.stop_reason).toBe("tool_use");
      messages.push({ role: "assistant", content: first.content });
      const results = first.content.flatMap((block): Anthropic.ToolResultBlockParam[] =>
        block.type === "tool_use"
          ? [{ type: "tool_result", tool_use_id: block.id, content: weather(block.input as { city: string }) }]
          : [],
      );
      messages.push({ role: "user", content: results });
      const second = await ask();
      const texts = second.content.flatMap((block) => (block.type === "text" ? [block.text] : []));
      expect(texts.join("")).toBe(told);
      expectSigned();
    },
  );

  test("counts tokens", async () => {
    const { input_tokens } = await client.messages.countTokens({
      model,
      messages: [{ role: "user", content: "one two" }],
    });
    expect(input_tokens).toBeGreaterThan(1);
  });
});

describe("the Google client", () => {
  test("calls tools over several turns, with names and signatures as its own", async () => {
    const client = new GoogleGenAI({ apiKey: clientKey, httpOptions: { baseUrl: it.proxy.url } });
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
    const { text } = await client.models.generateContent({ model, contents: "hello", config: { tools: [tool] } });
    expect(text).toBe(told);
    expectSigned();
  });

  test("gets a stream", async () => {
    const client = new GoogleGenAI({ apiKey: clientKey, httpOptions: { baseUrl: it.proxy.url } });
    let text = "";
    for await (const part of await client.models.generateContentStream({ model, contents: "hello" }))
      text += part.text ?? "";
    expect(text).toBe(greeting);
  });
});
