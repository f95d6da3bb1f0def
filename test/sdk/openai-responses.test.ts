/** The official openai client's Responses API before upstreams of other protocols. */
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

type Response = OpenAI.Responses.Response;

const include: OpenAI.Responses.ResponseIncludable[] = ["reasoning.encrypted_content"];
const tools: OpenAI.Responses.FunctionTool[] = [
  {
    type: "function",
    name: weatherCall.name,
    description: "Tells the weather.",
    parameters: weatherSchema,
    strict: false,
  },
];

function summaries({ output }: Response): readonly string[] {
  return output.flatMap((item) => (item.type === "reasoning" ? item.summary.map(({ text }) => text) : []));
}

describe.each(["anthropic", "gemini", "openai-chat"] as const)("responses over %s", (protocol) => {
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
    const stream = client.responses.stream({ model, input: "hello", reasoning: { effort: "low", summary: "auto" } });
    let text = "";
    stream.on("response.output_text.delta", ({ delta }) => (text += delta));
    const response = await stream.finalResponse();
    expect([text, response.output_text, response.status]).toEqual([greeting, greeting, "completed"]);
    expect(summaries(response)).toEqual([thought]);
    expect(response.usage).toMatchObject({
      input_tokens: counted.input,
      input_tokens_details: { cached_tokens: counted.cached },
      output_tokens: counted.output,
      output_tokens_details: { reasoning_tokens: counted.reasoning },
      total_tokens: counted.input + counted.output,
    });
  });

  it("come whole, too", async () => {
    const response = await client.responses.create({ model, input: "hello", instructions: "Be kind." });
    expect([response.output_text, response.status]).toEqual([greeting, "completed"]);
    expect(summaries(response)).toEqual([thought]);
    expect(lab.station(protocol).latest.body).toContain("Be kind.");
  });

  it.each([false, true])("call a tool and take its result (streamed: %s)", async (streamed) => {
    const ask = async (input: OpenAI.Responses.ResponseInput): Promise<Response> =>
      streamed
        ? client.responses.stream({ model, input, tools, store: false, include }).finalResponse()
        : client.responses.create({ model, input, tools, store: false, include });
    const input: OpenAI.Responses.ResponseInput = [{ role: "user", content: "weather?" }];
    const called = await ask(input);
    const call = called.output.find((item) => item.type === "function_call")!;
    expect([call.name, JSON.parse(call.arguments)]).toEqual([weatherCall.name, weatherCall.args]);
    input.push(...(called.output as OpenAI.Responses.ResponseInputItem[]), {
      type: "function_call_output",
      call_id: call.call_id,
      output: weather,
    });
    expect((await ask(input)).output_text).toContain(weather);
    expect(lab.station(protocol).results).toEqual([
      expect.objectContaining({ text: expect.stringContaining(weather) }),
    ]);
    expect(lab.station(protocol).sealed).toBe(true);
  });

  it("are parsed where structured output was asked for", async () => {
    const station = lab.station(protocol);
    station.says({ text: JSON.stringify(place) });
    const response = await client.responses.parse({
      model,
      input: "hello",
      text: { format: { type: "json_schema", name: "place", strict: true, schema: placeSchema } },
    });
    expect(response.output_parsed).toEqual(place);
    expect(station.latest.body).toContain('"degrees"');
  });

  it("raise the client's errors", async () => {
    const station = lab.station(protocol);
    const create = (of: OpenAI, wanted: object = {}): Promise<unknown> =>
      of.responses.create({ model, input: "hello", ...wanted });
    await expect(create(client.withOptions({ apiKey: "wrong" }))).rejects.toBeInstanceOf(AuthenticationError);
    await expect(create(client, { model: "nobody/m" })).rejects.toBeInstanceOf(NotFoundError);
    await expect(create(client, { input: 7 })).rejects.toBeInstanceOf(BadRequestError);
    const forgotten = create(client, { previous_response_id: "resp_nobody_knows" });
    await expect(forgotten).rejects.toBeInstanceOf(BadRequestError);
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
    const pending = client.responses.create({ model, input: "hello", stream: true }, options).catch((error) => error);
    const request = await sent;
    leave.abort();
    expect(await pending).toBeInstanceOf(APIUserAbortError);
    expect(await request.closed).toBe("client");
  });

  it("work in process", async () => {
    const { fetch } = lab.proxy.proxy;
    const inside = new OpenAI({ baseURL: "http://waygate.local/v1", apiKey: key, fetch });
    const { output_text } = await inside.responses.stream({ model, input: "hello" }).finalResponse();
    expect(output_text).toBe(greeting);
  });
});
