/** The official clients, each holding a conversation the way its own users do. */
import Anthropic, { RateLimitError as AnthropicLimit } from "@anthropic-ai/sdk";
import { ApiError, type Chat, GoogleGenAI, type PartListUnion } from "@google/genai";
import OpenAI, { RateLimitError as OpenAILimit } from "openai";
import { clientKey } from "./_chat-lab.ts";

/** What a model has said in one answer. */
export interface Said {
  readonly thoughts: string;
  readonly text: string;
  readonly calls: readonly { readonly name: string; readonly args: unknown }[];
}

export interface Talk {
  /** By the client's own call. */
  models(): Promise<readonly string[]>;
  /** Says this; the answer comes as a stream unless it is wanted whole. */
  say(words: string, how?: How): Promise<Said>;
  /** Gives what each call of the latest answer has come to. */
  give(result: (args: unknown) => string, how?: How): Promise<Said>;
}

export interface How {
  readonly whole?: boolean;
}

export interface Client {
  readonly name: string;
  /** `tools`: with a tool `get_weather` of one city. */
  talk(url: string, model: string, options?: { readonly tools?: boolean }): Talk;
  /** True for the client's own error of a limit. */
  isLimit(error: unknown): boolean;
  /** Seconds until the client may ask again, where its error tells them. */
  wait(error: unknown): number | undefined;
}

const schema = { type: "object" as const, properties: { city: { type: "string" } }, required: ["city"] };
const tool = { name: "get_weather", description: "Tells the weather." };

const openai: Client = {
  name: "openai",
  talk(url, model, { tools: hasTools = false } = {}) {
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: clientKey, maxRetries: 0 });
    const messages: OpenAI.ChatCompletionMessageParam[] = [];
    const tools: OpenAI.ChatCompletionTool[] = [{ type: "function", function: { ...tool, parameters: schema } }];
    let calls: readonly OpenAI.ChatCompletionMessageFunctionToolCall[] = [];
    const ask = async ({ whole = false }: How = {}): Promise<Said> => {
      const body = { model, messages, reasoning_effort: "low" as const, ...(hasTools && { tools }) };
      let thoughts = "";
      let message: OpenAI.ChatCompletionMessage;
      if (whole) message = (await client.chat.completions.create(body)).choices[0]!.message;
      else {
        const stream = client.chat.completions.stream(body);
        stream.on("chunk", ({ choices }) => (thoughts += thoughtsOf(choices[0]?.delta)));
        message = (await stream.finalChatCompletion()).choices[0]!.message;
      }
      messages.push(message);
      calls = (message.tool_calls ?? []).filter((call) => call.type === "function");
      return {
        thoughts: thoughts || thoughtsOf(message),
        text: message.content ?? "",
        calls: calls.map(({ function: { name, arguments: args } }) => ({ name, args: JSON.parse(args) as unknown })),
      };
    };
    return {
      models: async () => (await Array.fromAsync(client.models.list())).map(({ id }) => id),
      say(words, how) {
        messages.push({ role: "user", content: words });
        return ask(how);
      },
      give(result, how) {
        for (const { id, function: called } of calls)
          messages.push({ role: "tool", tool_call_id: id, content: result(JSON.parse(called.arguments)) });
        return ask(how);
      },
    };
  },
  isLimit: (error) => error instanceof OpenAILimit,
  wait: (error) => (error instanceof OpenAILimit ? secondsIn(error.headers) : undefined),
};

/** A field that other services have and this client does not know. */
function thoughtsOf(message: object | undefined): string {
  return (message as { readonly reasoning_content?: string } | undefined)?.reasoning_content ?? "";
}

function secondsIn(headers: Headers | undefined): number | undefined {
  const text = headers?.get("retry-after");
  return text === null || text === undefined ? undefined : Number(text);
}

const anthropic: Client = {
  name: "@anthropic-ai/sdk",
  talk(url, model, { tools: hasTools = false } = {}) {
    const client = new Anthropic({ baseURL: url, apiKey: null, authToken: clientKey, maxRetries: 0 });
    const messages: Anthropic.MessageParam[] = [];
    const tools: Anthropic.Tool[] = [{ ...tool, input_schema: schema }];
    let calls: readonly Anthropic.ToolUseBlock[] = [];
    const ask = async ({ whole = false }: How = {}): Promise<Said> => {
      const thinking = { type: "enabled", budget_tokens: 2048 } as const;
      const body = { model, messages, max_tokens: 8000, thinking, ...(hasTools && { tools }) };
      const { content } = whole
        ? await client.messages.create(body)
        : await client.messages.stream(body).finalMessage();
      messages.push({ role: "assistant", content });
      calls = content.filter((block) => block.type === "tool_use");
      return {
        thoughts: content.flatMap((block) => (block.type === "thinking" ? [block.thinking] : [])).join(""),
        text: content.flatMap((block) => (block.type === "text" ? [block.text] : [])).join(""),
        calls: calls.map(({ name, input }) => ({ name, args: input })),
      };
    };
    return {
      models: async () => (await Array.fromAsync(client.models.list())).map(({ id }) => id),
      say(words, how) {
        messages.push({ role: "user", content: words });
        return ask(how);
      },
      give(result, how) {
        const content = calls.map(({ id, input }) => ({
          type: "tool_result" as const,
          tool_use_id: id,
          content: result(input),
        }));
        messages.push({ role: "user", content });
        return ask(how);
      },
    };
  },
  isLimit: (error) => error instanceof AnthropicLimit,
  wait: (error) => (error instanceof AnthropicLimit ? secondsIn(error.headers) : undefined),
};

const google: Client = {
  name: "@google/genai",
  talk(url, model, { tools: hasTools = false } = {}) {
    const client = new GoogleGenAI({ apiKey: clientKey, httpOptions: { baseUrl: url } });
    const tools = [{ functionDeclarations: [{ ...tool, parametersJsonSchema: schema }] }];
    // The client keeps the history itself, signatures and all.
    const chat: Chat = client.chats.create({
      model,
      config: { thinkingConfig: { includeThoughts: true }, ...(hasTools && { tools }) },
    });
    let calls: readonly { readonly id?: string; readonly name?: string; readonly args?: object }[] = [];
    const ask = async (message: PartListUnion, { whole = false }: How = {}): Promise<Said> => {
      const answers = whole
        ? [await chat.sendMessage({ message })]
        : await Array.fromAsync(await chat.sendMessageStream({ message }));
      const parts = answers.flatMap(({ candidates }) => candidates?.[0]?.content?.parts ?? []);
      const words = (isThought: boolean): string =>
        parts.map(({ thought, text = "" }) => ((thought === true) === isThought ? text : "")).join("");
      calls = parts.flatMap(({ functionCall }) => (functionCall ? [functionCall] : []));
      return {
        thoughts: words(true),
        text: words(false),
        calls: calls.map(({ name = "", args }) => ({ name, args })),
      };
    };
    return {
      models: async () =>
        (await Array.fromAsync(await client.models.list())).map(({ name = "" }) => name.replace(/^models\//, "")),
      say: (words, how) => ask(words, how),
      give: (result, how) =>
        ask(
          calls.map(({ id = "", name = "", args }) => ({
            functionResponse: { id, name, response: { output: result(args) } },
          })),
          how,
        ),
    };
  },
  isLimit: (error) => error instanceof ApiError && error.status === 429,
  wait: (error) => (error instanceof ApiError ? Number(/"retryDelay":\s*"(\d+)/.exec(error.message)?.[1]) : undefined),
};

export const clients: readonly Client[] = [openai, anthropic, google];
