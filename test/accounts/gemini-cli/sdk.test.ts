/** The official clients in front of accounts of Gemini CLI: from the login to the reset of a quota. */
import Anthropic from "@anthropic-ai/sdk";
import { type CallableTool, GoogleGenAI } from "@google/genai";
import OpenAI from "openai";
import { carry } from "waygate/plugins/carry";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { forwardClock } from "../_clock.ts";
import { callsBack, conversation, namesOf } from "../_google/conversation.ts";
import { callsTools, chats, listsModels, quotaEndsAndReturns, type Scene, twoSignIn } from "../_google/story.ts";
import { clients } from "../_talks.ts";
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
  await it.credentials(1);
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

describe.each(clients)("$name", (client) => {
  const clock = forwardClock();
  let own: Lab;
  let scene: Scene;
  beforeAll(async () => {
    own = await lab({
      accounts: {},
      listen: true,
      runtime: { clock },
      retry: { queueWait: 0 },
      cli: { discover: true },
      plugins: [carry()],
      before: twoSignIn,
    });
    scene = { it: own, clock, client, model };
  });
  afterAll(() => own[Symbol.asyncDispose]());

  test("lists the models", () => expect(listsModels(scene, [model])).resolves.toBeUndefined());

  test("chats in streams and in whole answers, with thoughts", () => expect(chats(scene)).resolves.toBeUndefined());

  test("calls tools in several turns and steps, and each signature comes back where it belongs", () =>
    expect(callsTools(scene)).resolves.toBeUndefined());

  test("hears when the quota is full again where all accounts have used it up, and is served then", () =>
    expect(quotaEndsAndReturns(scene)).resolves.toBeUndefined());
});

describe("the openai client", () => {
  let client: OpenAI;
  beforeAll(() => {
    client = new OpenAI({ baseURL: `${it.proxy.url}/v1`, apiKey: clientKey, maxRetries: 0 });
  });
  const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: "user", content: "hello" }];
  const tools: OpenAI.ChatCompletionTool[] = [
    { type: "function", function: { name: "get_weather", description: "Tells the weather.", parameters: schema } },
  ];

  test("gets the counts of an answer", async () => {
    const { usage } = await client.chat.completions.create({ model, messages });
    expect(usage).toMatchObject({ prompt_tokens: 8, completion_tokens: 24, total_tokens: 32 });
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
});

describe("the anthropic client", () => {
  let client: Anthropic;
  beforeAll(() => {
    client = new Anthropic({ baseURL: it.proxy.url, apiKey: null, authToken: clientKey, maxRetries: 0 });
  });
  const tools: Anthropic.Tool[] = [{ name: "get_weather", description: "Tells the weather.", input_schema: schema }];

  test.each([false, true])(
    "google 14.28 thinks, calls tools over several turns and brings the signature back (streamed: %s)",
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
});
