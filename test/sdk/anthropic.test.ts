/** Both generations of the official Anthropic client, before upstreams of other protocols. */
import Anthropic, {
  APIUserAbortError,
  AuthenticationError,
  BadRequestError,
  NotFoundError,
  RateLimitError,
} from "@anthropic-ai/sdk";
import { betaTool } from "@anthropic-ai/sdk/helpers/beta/json-schema";
import { jsonSchemaOutputFormat } from "@anthropic-ai/sdk/helpers/json-schema";
import AnthropicV0, { AuthenticationError as AuthenticationErrorV0 } from "anthropic-sdk-v0";
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

const question: Anthropic.MessageParam = { role: "user", content: "hello" };
const thinking = { type: "enabled", budget_tokens: 2048 } as const;
const max_tokens = 8000;

/** `thread` asks the server to keep the conversation; every turn then brings what is new in it only. */
describe("message threads of the Anthropic client", () => {
  let lab: Lab;
  let client: Anthropic;

  beforeAll(async () => {
    lab = await createLab();
    client = new Anthropic({ baseURL: lab.proxy.url, apiKey: null, authToken: key, maxRetries: 0 });
  });
  afterAll(() => lab.close());

  it("go on where they began, when the upstream keeps them", async () => {
    const station = lab.station("anthropic");
    const thread = client.beta.messages.thread({ model: station.model, max_tokens });
    const { id } = await thread.send(question);
    await thread.send({ role: "user", content: "and now?" });
    expect(station.latest.json).toMatchObject({
      thread: { type: "continue", previous_message_id: id },
      messages: [{ content: "and now?" }],
    });
  });

  it("are sent whole again, when the upstream speaks another protocol", async () => {
    const station = lab.station("openai-chat");
    const thread = client.beta.messages.thread({ model: station.model, max_tokens });
    await thread.send(question);
    await thread.send({ role: "user", content: "and now?" });
    expect(station.latest.json["messages"]).toMatchObject([
      { role: "user", content: "hello" },
      { role: "assistant", content: greeting },
      { role: "user", content: "and now?" },
    ]);
    expect(station.latest.body).not.toContain("thread");
  });

  it("that nobody knows are refused in the API's words", async () => {
    const asked = client.beta.messages.create({
      model: lab.station("anthropic").model,
      max_tokens,
      messages: [question],
      thread: { type: "continue", previous_message_id: "msg_nobody" },
    });
    const error = await asked.catch((raised: unknown) => raised);
    expect(error).toBeInstanceOf(NotFoundError);
    expect(error).toMatchObject({ error: { error: { details: { error_code: "thread_not_found" } } } });
  });
});

describe.each(["openai-chat", "openai-responses", "gemini"] as const)("the Anthropic client over %s", (protocol) => {
  let lab: Lab;
  let client: Anthropic;
  let model: string;

  beforeAll(async () => {
    lab = await createLab();
    model = lab.station(protocol).model;
    client = new Anthropic({ baseURL: lab.proxy.url, apiKey: null, authToken: key, maxRetries: 0 });
  });
  afterAll(() => lab.close());

  it("streams thinking and text and counts them", async () => {
    const stream = client.messages.stream({ model, max_tokens, thinking, messages: [question] });
    let text = "";
    let thoughts = "";
    stream.on("text", (delta) => (text += delta));
    stream.on("thinking", (delta) => (thoughts += delta));
    const message = await stream.finalMessage();
    expect([thoughts, text]).toEqual([thought, greeting]);
    expect(message.content.map((block) => block.type)).toEqual(["thinking", "text"]);
    expect(message.stop_reason).toBe("end_turn");
    expect(message.usage).toMatchObject({
      input_tokens: counted.input - counted.cached,
      cache_read_input_tokens: counted.cached,
      output_tokens: counted.output,
    });
  });

  it("gets a whole answer", async () => {
    const message = await client.messages.create({ model, max_tokens, messages: [question] });
    expect(message).toMatchObject({ type: "message", role: "assistant", stop_reason: "end_turn" });
    expect(message.content.at(-1)).toMatchObject({ type: "text", text: greeting });
  });

  it("goes through its tool runner, streaming or not", async () => {
    for (const stream of [false, true]) {
      const given: unknown[] = [];
      const tool = betaTool({
        name: weatherCall.name,
        description: "Tells the weather.",
        inputSchema: weatherSchema,
        run(input) {
          given.push(input);
          return weather;
        },
      });
      const runner = client.beta.messages.toolRunner({
        model,
        max_tokens,
        thinking,
        stream,
        messages: [question],
        tools: [tool],
      });
      const last = await runner.runUntilDone();
      expect(given).toEqual([weatherCall.args]);
      expect(last.content.at(-1)).toMatchObject({ type: "text", text: expect.stringContaining(weather) });
      expect(lab.station(protocol).results).toHaveLength(1);
      expect(lab.station(protocol).sealed).toBe(true);
      expect(lab.station(protocol).latest.body).toContain('"hello"');
    }
  });

  it("parses structured output", async () => {
    lab.station(protocol).says({ text: JSON.stringify(place) });
    const format = jsonSchemaOutputFormat(placeSchema);
    const message = await client.messages.parse({
      model,
      max_tokens,
      messages: [question],
      output_config: { format },
    });
    expect(message.parsed_output).toEqual(place);
    expect(lab.station(protocol).latest.body).toContain('"degrees"');
  });

  it("raises its own errors", async () => {
    const station = lab.station(protocol);
    const ask = { model, max_tokens, messages: [question] };
    const stranger = client.withOptions({ authToken: "wrong" });
    await expect(stranger.messages.create(ask)).rejects.toBeInstanceOf(AuthenticationError);
    await expect(client.messages.create({ ...ask, model: "nobody/m" })).rejects.toBeInstanceOf(NotFoundError);
    station.refuses(400, "temperature is too high");
    const refused = client.messages.create(ask);
    await expect(refused).rejects.toMatchObject({
      status: 400,
      type: "invalid_request_error",
      message: expect.stringContaining("temperature is too high"),
    });
    station.refuses(429, "slow down", { "retry-after": "20" });
    await expect(client.messages.create(ask)).rejects.toBeInstanceOf(RateLimitError);
    const bad = { ...ask, messages: "none" as unknown as [] };
    await expect(client.messages.create(bad)).rejects.toBeInstanceOf(BadRequestError);
  });

  it("an abort reaches the upstream", async () => {
    const { upstream } = lab.station(protocol);
    upstream.reply(later(wires[protocol].says({ text: greeting }), gate()));
    const sent = upstream.received(upstream.requests.length + 1);
    const stream = client.messages.stream({ model, max_tokens, messages: [question] });
    const ended = stream.finalMessage().catch((error: unknown) => error);
    const request = await sent;
    stream.abort();
    expect(await ended).toBeInstanceOf(APIUserAbortError);
    expect(await request.closed).toBe("client");
  });

  it("its first generation streams, calls tools and works in process", async () => {
    const { fetch } = lab.proxy.proxy;
    const first = new AnthropicV0({ baseURL: "http://waygate.local", apiKey: key, maxRetries: 0, fetch });
    const tools = [{ name: weatherCall.name, input_schema: weatherSchema as unknown as AnthropicV0.Tool.InputSchema }];
    const ask = { model, max_tokens, thinking, tools };
    const called = await first.messages.stream({ ...ask, messages: [question] }).finalMessage();
    expect(called.stop_reason).toBe("tool_use");
    const call = called.content.find((block) => block.type === "tool_use")!;
    expect(call).toMatchObject({ name: weatherCall.name, input: weatherCall.args });
    const messages: AnthropicV0.MessageParam[] = [
      { role: "user", content: "hello" },
      { role: "assistant", content: called.content },
      { role: "user", content: [{ type: "tool_result", tool_use_id: call.id, content: weather }] },
    ];
    const last = await first.messages.create({ ...ask, messages });
    expect(last.content.at(-1)).toMatchObject({ type: "text", text: expect.stringContaining(weather) });
    const stranger = first.withOptions({ apiKey: "wrong" });
    await expect(stranger.messages.create({ ...ask, messages })).rejects.toBeInstanceOf(AuthenticationErrorV0);
  });
});
