/** The official Google Gen AI client before upstreams of other protocols. */
import { ApiError, type CallableTool, type FunctionCall, GoogleGenAI } from "@google/genai";
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
import { counted } from "./wire/types.ts";

const declaration = {
  name: weatherCall.name,
  description: "Tells the weather.",
  parametersJsonSchema: weatherSchema,
};

describe.each(["openai-chat", "openai-responses", "anthropic"] as const)("the Google client over %s", (protocol) => {
  let lab: Lab;
  let client: GoogleGenAI;
  let model: string;

  beforeAll(async () => {
    lab = await createLab();
    model = lab.station(protocol).model;
    client = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: lab.proxy.url } });
  });
  afterAll(() => lab.close());

  it("streams thoughts, text and usage", async () => {
    const stream = await client.models.generateContentStream({
      model,
      contents: "hello",
      config: { thinkingConfig: { includeThoughts: true } },
    });
    let text = "";
    let thoughts = "";
    let usage;
    let finish;
    for await (const chunk of stream) {
      const [candidate] = chunk.candidates ?? [];
      for (const part of candidate?.content?.parts ?? []) {
        if (part.thought) thoughts += part.text ?? "";
        else text += part.text ?? "";
      }
      finish = candidate?.finishReason ?? finish;
      usage = chunk.usageMetadata ?? usage;
    }
    expect([thoughts, text, finish]).toEqual([thought, greeting, "STOP"]);
    expect(usage).toMatchObject({
      promptTokenCount: counted.input,
      cachedContentTokenCount: counted.cached,
      candidatesTokenCount: counted.output - counted.reasoning,
      thoughtsTokenCount: counted.reasoning,
      totalTokenCount: counted.input + counted.output,
    });
  });

  it("gets a whole answer", async () => {
    const config = { systemInstruction: "Be kind." };
    const answer = await client.models.generateContent({ model, contents: "hello", config });
    expect(answer.text).toBe(greeting);
    expect(lab.station(protocol).latest.body).toContain("Be kind.");
  });

  it("calls functions by itself", async () => {
    const given: unknown[] = [];
    const tool: CallableTool = {
      tool: async () => ({ functionDeclarations: [declaration] }),
      async callTool(calls: FunctionCall[]) {
        given.push(...calls.map(({ args }) => args));
        return calls.map(({ id, name }) => ({ functionResponse: { id, name, response: { output: weather } } }));
      },
    };
    const answer = await client.models.generateContent({ model, contents: "weather?", config: { tools: [tool] } });
    expect(given).toEqual([weatherCall.args]);
    expect(answer.text).toContain(weather);
  });

  it("calls a tool in a chat, streamed, and sends the result", async () => {
    const config = { tools: [{ functionDeclarations: [declaration] }] };
    const chat = client.chats.create({ model, config });
    const calls: FunctionCall[] = [];
    for await (const chunk of await chat.sendMessageStream({ message: "weather?" })) {
      calls.push(...(chunk.functionCalls ?? []));
    }
    expect(calls).toEqual([expect.objectContaining({ name: weatherCall.name, args: weatherCall.args })]);
    const { id, name } = calls[0]!;
    const functionResponse = { id, name, response: { output: weather } };
    const answer = await chat.sendMessage({ message: [{ functionResponse }] });
    expect(answer.text).toContain(weather);
    expect(lab.station(protocol).results).toEqual([
      expect.objectContaining({ text: expect.stringContaining(weather) }),
    ]);
    expect(lab.station(protocol).sealed).toBe(true);
  });

  it("gets structured output", async () => {
    const station = lab.station(protocol);
    station.says({ text: JSON.stringify(place) });
    const config = { responseMimeType: "application/json", responseJsonSchema: placeSchema };
    const answer = await client.models.generateContent({ model, contents: "hello", config });
    expect(JSON.parse(answer.text ?? "")).toEqual(place);
    expect(station.latest.body).toContain('"degrees"');
  });

  it("raises errors with their status", async () => {
    const station = lab.station(protocol);
    const ask = (of: GoogleGenAI, wanted: object = {}): Promise<unknown> =>
      of.models.generateContent({ model, contents: "hello", ...wanted });
    const refusal = async (asked: Promise<unknown>): Promise<unknown> => {
      const error = await asked.catch((raised: unknown) => raised);
      expect(error).toBeInstanceOf(ApiError);
      return (error as ApiError).status;
    };
    const stranger = new GoogleGenAI({ apiKey: "wrong", httpOptions: { baseUrl: lab.proxy.url } });
    expect(await refusal(ask(stranger))).toBe(401);
    expect(await refusal(ask(client, { model: "nobody/m" }))).toBe(404);
    expect(await refusal(ask(client, { contents: [{ role: "wizard", parts: [{ text: "hello" }] }] }))).toBe(400);
    station.refuses(400, "temperature is too high");
    const refused = ask(client);
    expect(await refusal(refused)).toBe(400);
    await expect(refused).rejects.toThrow("temperature is too high");
    station.refuses(429, "slow down", { "retry-after": "20" });
    expect(await refusal(ask(client))).toBe(429);
  });

  it("an abort reaches the upstream", async () => {
    const { upstream } = lab.station(protocol);
    upstream.reply(later(wires[protocol].says({ text: greeting }), gate()));
    const sent = upstream.received(upstream.requests.length + 1);
    const leave = new AbortController();
    const config = { abortSignal: leave.signal };
    const pending = client.models.generateContentStream({ model, contents: "hello", config }).catch((error) => error);
    const request = await sent;
    leave.abort();
    expect(await pending).toBeInstanceOf(Error);
    expect(await request.closed).toBe("client");
  });

  it("works in process", async () => {
    const { fetch } = lab.proxy.proxy;
    const inside = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: "http://waygate.local", fetch } });
    const answer = await inside.models.generateContent({ model, contents: "hello" });
    expect(answer.text).toBe(greeting);
  });
});
