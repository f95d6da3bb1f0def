/** Answers as the providers send them, over the whole proxy. */
import { describe, expect, onTestFinished, test } from "vitest";
import {
  allEvents,
  answer,
  chunk,
  comment,
  createTestProxy,
  raw,
  stream,
  textOfEvents,
  type TestProxy,
} from "waygate/testing";
import { type Row, rows } from "./fakes/all.ts";
import { createFake } from "./fakes/fake.ts";

interface Bench {
  readonly proxy: TestProxy;
  readonly upstream: Awaited<ReturnType<typeof createFake>>;
  readonly model: string;
}

async function bench(row: Row): Promise<Bench> {
  const upstream = await createFake(row.fake);
  const headers = { "user-agent": "codex/1" };
  const plugin = row.plugin({ baseURL: upstream.url, keys: ["one", "two"], headers, discover: false });
  const proxy = await createTestProxy({ plugins: [plugin], retry: { sameCredential: 0 } });
  onTestFinished(async () => {
    await proxy.close();
    await upstream.close();
  });
  return { proxy, upstream, model: `${row.id}/${row.model ?? "m"}` };
}

const named = (id: string): Row => rows.find((row) => row.id === id)!;

test.each(rows.map((row): [string, Row] => [row.id, row]))("%s: the usage is found where it is", async (_id, row) => {
  const { proxy, model } = await bench(row);
  await (await proxy.chat({ model })).text();
  await (await proxy.chat({ model, stream: true })).text();
  const { outcome: whole } = await proxy.recorded(1);
  const { outcome: streamed } = await proxy.recorded(2);
  expect([whole.usage, streamed.usage]).toMatchObject([
    { input: 9, output: 3 },
    { input: 9, output: 3 },
  ]);
});

describe("OpenRouter", () => {
  const failed = {
    id: "gen-1",
    error: { code: 502, message: "Provider disconnected" },
    choices: [{ index: 0, delta: { content: "" }, finish_reason: "error", native_finish_reason: "error" }],
  };

  test("an error before the first content is answered by the next key", async () => {
    const { proxy, upstream, model } = await bench(named("openrouter"));
    const opening = chunk({ role: "assistant", content: "" });
    upstream.reply(
      stream([comment("OPENROUTER PROCESSING"), opening, failed], { noDone: true }),
      answer({ text: "second" }),
    );
    const response = await proxy.chat({ model, stream: true });
    expect(textOfEvents(await allEvents(response))).toBe("second");
  });

  test("an error after it reaches the client as one", async () => {
    const { proxy, upstream, model } = await bench(named("openrouter"));
    upstream.reply(stream([chunk({ content: "fir" }), failed], { noDone: true }));
    const events = await allEvents(await proxy.chat({ model, stream: true }));
    expect(textOfEvents(events)).toBe("fir");
    expect(events.at(-1)?.json).toHaveProperty("error.message");
  });
});

describe("DeepSeek under load", () => {
  test("sends blank lines before a whole answer", async () => {
    const { proxy, upstream, model } = await bench(named("deepseek"));
    const body = `\n\n\n${JSON.stringify({ choices: [{ index: 0, message: { role: "assistant", content: "late" }, finish_reason: "stop" }] })}`;
    const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n`;
    upstream.reply(raw([head, body]));
    const response = await proxy.chat({ model });
    expect(await response.json()).toMatchObject({ choices: [{ message: { content: "late" } }] });
  });

  test("sends comments before a stream", async () => {
    const { proxy, upstream, model } = await bench(named("deepseek"));
    upstream.reply(stream([comment(), comment(), chunk({ content: "late" }), chunk({}, { finish: "stop" })]));
    expect(textOfEvents(await allEvents(await proxy.chat({ model, stream: true })))).toBe("late");
  });
});

test("Groq's reasoning and calls come through unchanged", async () => {
  const { proxy, upstream, model } = await bench(named("groq"));
  const tools = [{ id: "call_1", name: "f", arguments: { a: 1 } }];
  upstream.always(answer({ reasoning: "hm", reasoningIn: "reasoning", tools }));
  const response = (await (await proxy.chat({ model })).json()) as { choices: object[] };
  expect(response.choices[0]).toMatchObject({
    message: { reasoning: "hm", tool_calls: [{ id: "call_1", function: { name: "f", arguments: '{"a":1}' } }] },
    finish_reason: "tool_calls",
  });
});

test("who needs its answers rewritten says so", () => {
  const plugins = rows.map((row) => row.plugin({}).providers![0]! as { name: string; rewrite?: unknown });
  expect(plugins.filter(({ rewrite }) => typeof rewrite === "function").map(({ name }) => name)).toEqual([
    ...["groq", "mistral", "nvidia_nim", "chutes", "together", "huggingface", "puter", "ollama"],
  ]);
});
