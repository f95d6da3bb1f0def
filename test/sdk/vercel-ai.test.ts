/** The Vercel AI SDK with its providers of every protocol before upstreams of other protocols. */
import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogle } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, generateText, jsonSchema, type LanguageModel, Output, stepCountIs, streamText, tool } from "ai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gate, later } from "waygate/testing";
import {
  createLab,
  greeting,
  key,
  type Lab,
  place,
  placeSchema,
  thought,
  weather,
  weatherCall,
  weatherSchema,
} from "./_lab.ts";
import { wires } from "./_upstreams.ts";
import { counted, type ProtocolId } from "./wire/types.ts";

type Fetch = typeof globalThis.fetch;
type Provider = (origin: string, apiKey: string, model: string, fetch?: Fetch) => LanguageModel;

const providers: { readonly [name: string]: { readonly make: Provider; readonly over: readonly ProtocolId[] } } = {
  "openai (responses)": {
    make: (origin, apiKey, model, fetch) => createOpenAI({ baseURL: `${origin}/v1`, apiKey, fetch })(model),
    over: ["anthropic", "gemini"],
  },
  "openai (chat)": {
    make: (origin, apiKey, model, fetch) => createOpenAI({ baseURL: `${origin}/v1`, apiKey, fetch }).chat(model),
    over: ["anthropic", "openai-responses"],
  },
  anthropic: {
    make: (origin, apiKey, model, fetch) => createAnthropic({ baseURL: `${origin}/v1`, apiKey, fetch })(model),
    over: ["openai-chat", "gemini"],
  },
  google: {
    // It puts `models/` before names without a slash only, which these are not.
    make: (origin, apiKey, model, fetch) => createGoogle({ baseURL: `${origin}/v1beta`, apiKey, fetch })(model),
    over: ["openai-responses", "anthropic"],
  },
  "openai-compatible": {
    make: (origin, apiKey, model, fetch) =>
      createOpenAICompatible({
        name: "waygate",
        baseURL: `${origin}/v1`,
        apiKey,
        fetch,
        includeUsage: true,
        supportsStructuredOutputs: true,
      })(model),
    over: ["gemini", "openai-responses"],
  },
};
const pairs = Object.entries(providers).flatMap(([name, { make, over }]) =>
  over.map((protocol) => ({ name, make, protocol })),
);

describe.each(pairs)("ai with $name over $protocol", ({ name, make, protocol }) => {
  let lab: Lab;
  let model: LanguageModel;

  beforeAll(async () => {
    lab = await createLab();
    model = make(lab.proxy.url, key, lab.station(protocol).model);
  });
  afterAll(() => lab.close());

  it("streams text and counts it", async () => {
    const result = streamText({ model, prompt: "hello", maxRetries: 0 });
    expect(await result.text).toBe(greeting);
    // Chat completions of OpenAI have no place for reasoning, and its provider does not look for one.
    if (name !== "openai (chat)") expect(await result.reasoningText).toBe(thought);
    expect(await result.finishReason).toBe("stop");
    expect(await result.usage).toMatchObject({ inputTokens: counted.input, outputTokens: counted.output });
  });

  it("runs a tool and goes on with its result", async () => {
    const given: unknown[] = [];
    const tools = {
      [weatherCall.name]: tool({
        description: "Tells the weather.",
        inputSchema: jsonSchema<object>(weatherSchema as object),
        execute(input) {
          given.push(input);
          return weather;
        },
      }),
    };
    const ask = { model, prompt: "weather?", tools, stopWhen: stepCountIs(3), maxRetries: 0 };
    expect((await generateText(ask)).text).toContain(weather);
    expect(await streamText(ask).text).toContain(weather);
    expect(given).toEqual([weatherCall.args, weatherCall.args]);
    expect(lab.station(protocol).results).toEqual([
      expect.objectContaining({ text: expect.stringContaining(weather) }),
    ]);
  });

  it("gets structured output", async () => {
    lab.station(protocol).says({ text: JSON.stringify(place) });
    const output = Output.object({ schema: jsonSchema(placeSchema as object) });
    const result = await generateText({ model, prompt: "hello", output, maxRetries: 0 });
    expect(result.output).toEqual(place);
  });

  it("raises errors with their status", async () => {
    const station = lab.station(protocol);
    const statusOf = async (asked: LanguageModel): Promise<unknown> => {
      const error = await generateText({ model: asked, prompt: "hello", maxRetries: 0 }).catch((raised) => raised);
      expect(APICallError.isInstance(error)).toBe(true);
      return (error as APICallError).statusCode;
    };
    expect(await statusOf(make(lab.proxy.url, "wrong", station.model))).toBe(401);
    expect(await statusOf(make(lab.proxy.url, key, "nobody/m"))).toBe(404);
    station.refuses(400, "temperature is too high");
    expect(await statusOf(model)).toBe(400);
    station.refuses(429, "slow down", { "retry-after": "20" });
    expect(await statusOf(model)).toBe(429);
  });

  it("an abort reaches the upstream", async () => {
    const { upstream } = lab.station(protocol);
    upstream.reply(later(wires[protocol].says({ text: greeting }), gate()));
    const sent = upstream.received(upstream.requests.length + 1);
    const leave = new AbortController();
    const asked = generateText({ model, prompt: "hello", maxRetries: 0, abortSignal: leave.signal }).catch((e) => e);
    const request = await sent;
    leave.abort();
    expect(await asked).toMatchObject({ name: "AbortError" });
    expect(await request.closed).toBe("client");
  });

  it("works in process", async () => {
    const inside = make("http://waygate.local", key, lab.station(protocol).model, lab.proxy.proxy.fetch as Fetch);
    expect((await generateText({ model: inside, prompt: "hello" })).text).toBe(greeting);
  });
});
