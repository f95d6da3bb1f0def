/** The official openai client's chat completions before upstreams of other protocols. */
import OpenAI, { APIUserAbortError, AuthenticationError, BadRequestError, NotFoundError, RateLimitError } from "openai";
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

const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: "user", content: "hello" }];

describe.each(["anthropic", "gemini", "openai-responses"] as const)("chat completions over %s", (protocol) => {
  let lab: Lab;
  let client: OpenAI;
  let model: string;

  beforeAll(async () => {
    lab = await createLab();
    model = lab.station(protocol).model;
    client = new OpenAI({ baseURL: `${lab.proxy.url}/v1`, apiKey: key, maxRetries: 0 });
  });
  afterAll(() => lab.close());

  it("stream reasoning, text and usage", async () => {
    const stream = await client.chat.completions.create({
      model,
      messages,
      stream: true,
      reasoning_effort: "low",
      stream_options: { include_usage: true },
    });
    let text = "";
    let thoughts = "";
    let usage: OpenAI.CompletionUsage | undefined;
    let finish: string | undefined;
    for await (const { choices, usage: counts } of stream) {
      const delta = choices[0]?.delta as { content?: string | null; reasoning_content?: string } | undefined;
      text += delta?.content ?? "";
      thoughts += delta?.reasoning_content ?? "";
      finish = choices[0]?.finish_reason ?? finish;
      usage = counts ?? usage;
    }
    expect([thoughts, text, finish]).toEqual([thought, greeting, "stop"]);
    expect(usage).toMatchObject({
      prompt_tokens: counted.input,
      completion_tokens: counted.output,
      total_tokens: counted.input + counted.output,
      prompt_tokens_details: { cached_tokens: counted.cached },
      completion_tokens_details: { reasoning_tokens: counted.reasoning },
    });
  });

  it("come whole, too", async () => {
    const { choices, usage } = await client.chat.completions.create({ model, messages });
    expect(choices[0]).toMatchObject({
      finish_reason: "stop",
      message: { role: "assistant", content: greeting, reasoning_content: thought },
    });
    expect(usage?.total_tokens).toBe(counted.input + counted.output);
  });

  it.each([false, true])("go through the client's tool runner (streamed: %s)", async (stream) => {
    const given: unknown[] = [];
    const tool = {
      type: "function" as const,
      function: {
        name: weatherCall.name,
        description: "Tells the weather.",
        parameters: weatherSchema as object,
        parse: (text: string) => JSON.parse(text) as object,
        function: (input: object) => {
          given.push(input);
          return weather;
        },
      },
    };
    const ask = { model, messages, tools: [tool] };
    const runner = stream
      ? client.chat.completions.runTools({ ...ask, stream: true })
      : client.chat.completions.runTools(ask);
    expect(await runner.finalContent()).toContain(weather);
    expect(given).toEqual([weatherCall.args]);
    expect(lab.station(protocol).results).toEqual([
      expect.objectContaining({ text: expect.stringContaining(weather) }),
    ]);
  });

  it("are parsed where structured output was asked for", async () => {
    const station = lab.station(protocol);
    station.says({ text: JSON.stringify(place) });
    const { choices } = await client.chat.completions.parse({
      model,
      messages,
      response_format: { type: "json_schema", json_schema: { name: "place", strict: true, schema: placeSchema } },
    });
    expect(choices[0]?.message.parsed).toEqual(place);
    expect(station.latest.body).toContain('"degrees"');
  });

  it("raise the client's errors", async () => {
    const station = lab.station(protocol);
    const create = (of: OpenAI, wanted: object = {}): Promise<unknown> =>
      of.chat.completions.create({ model, messages, ...wanted });
    await expect(create(client.withOptions({ apiKey: "wrong" }))).rejects.toBeInstanceOf(AuthenticationError);
    await expect(create(client, { model: "nobody/m" })).rejects.toBeInstanceOf(NotFoundError);
    await expect(create(client, { messages: "none" })).rejects.toBeInstanceOf(BadRequestError);
    station.refuses(400, "temperature is too high");
    await expect(create(client)).rejects.toMatchObject({
      status: 400,
      type: "invalid_request_error",
      message: expect.stringContaining("temperature is too high"),
    });
    station.refuses(429, "slow down", { "retry-after": "20" });
    await expect(create(client)).rejects.toBeInstanceOf(RateLimitError);
  });

  it("are broken off upstream when the client aborts", async () => {
    const { upstream } = lab.station(protocol);
    upstream.reply(later(wires[protocol].says({ text: greeting }), gate()));
    const sent = upstream.received(upstream.requests.length + 1);
    const leave = new AbortController();
    const options = { signal: leave.signal };
    const pending = client.chat.completions.create({ model, messages, stream: true }, options).catch((error) => error);
    const request = await sent;
    leave.abort();
    expect(await pending).toBeInstanceOf(APIUserAbortError);
    expect(await request.closed).toBe("client");
  });

  it("work in process", async () => {
    const { fetch } = lab.proxy.proxy;
    const inside = new OpenAI({ baseURL: "http://waygate.local/v1", apiKey: key, fetch });
    const runner = inside.chat.completions.stream({ model, messages });
    expect(await runner.finalContent()).toBe(greeting);
  });
});
