/** Groq and tools: calls it could not read, and tools that only the history of a conversation knows. */
import { describe, expect, onTestFinished, test } from "vitest";
import type { JsonObject } from "waygate";
import { cooldown } from "waygate/plugins/cooldown";
import { groq, type GroqOptions } from "waygate/plugins/groq";
import {
  allEvents,
  answer,
  chunk,
  createTestProxy,
  type ScriptRequest,
  status,
  type Step,
  stream,
  type TestProxy,
  textOfEvents,
  type Upstream,
} from "waygate/testing";
import { readCalls } from "../../../plugins/groq/failed-generation.ts";
import { groq as fake } from "./fakes/fast.ts";
import { createFake } from "./fakes/fake.ts";

interface Bench {
  readonly proxy: TestProxy;
  readonly upstream: Upstream;
}

async function bench(options: Partial<GroqOptions> = {}): Promise<Bench> {
  const upstream = await createFake(fake);
  const plugin = groq({ baseURL: upstream.url, keys: ["one", "two"], discover: false, ...options });
  const proxy = await createTestProxy({ plugins: [plugin, cooldown()] });
  onTestFinished(async () => {
    await proxy.close();
    await upstream.close();
  });
  return { proxy, upstream };
}

const tools = ["get_weather", "list"].map((name) => ({
  type: "function",
  function: { name, parameters: { type: "object" } },
}));
const asked = { model: "groq/m", tools };
const failed = (written: string): JsonObject => ({
  error: {
    message: "Failed to call a function. Please adjust your prompt. See 'failed_generation' for more details.",
    type: "invalid_request_error",
    code: "tool_use_failed",
    failed_generation: written,
  },
});
const refused = (written: string): Step => status(400, failed(written));
const broken = (written: string, before: readonly object[] = []): Step =>
  stream([...before, failed(written)], { noDone: true });
const oslo = '<function=get_weather>{"city":"Oslo"}</function>';
const nonsense = "<function=get_weather>{city: Oslo";

interface Choice {
  readonly message: { readonly content: unknown; readonly tool_calls?: readonly { readonly id: string }[] };
  readonly finish_reason: string;
}
interface Delta {
  readonly delta: {
    readonly tool_calls?: readonly { readonly function: { readonly name?: string; readonly arguments: string } }[];
  };
}
const choiceOf = async (response: Response): Promise<Choice> =>
  ((await response.json()) as { readonly choices: readonly [Choice] }).choices[0];

describe("report 44: a call that Groq could not read", () => {
  test("report 44: becomes the call it was meant to be, with nothing asked again and nothing resting", async () => {
    const { proxy, upstream } = await bench();
    upstream.reply(refused(`I look it up.\n${oslo}`));
    const choice = await choiceOf(await proxy.chat(asked));
    expect(choice).toEqual({
      index: 0,
      message: {
        role: "assistant",
        content: "I look it up.",
        tool_calls: [
          {
            id: expect.stringMatching(/^call_\w{24}$/) as string,
            type: "function",
            function: { name: "get_weather", arguments: '{"city":"Oslo"}' },
          },
        ],
      },
      finish_reason: "tool_calls",
    });
    expect(upstream.requests).toHaveLength(1);
    expect(proxy.app.credentials.rests()).toEqual([]);
    expect((await proxy.recorded(1)).outcome).toMatchObject({ status: 200, end: "complete", finish: "tool-calls" });
    upstream.reply(refused(oslo));
    const [again] = (await choiceOf(await proxy.chat(asked))).message.tool_calls!;
    expect(again!.id).not.toBe(choice.message.tool_calls![0]!.id);
  });

  test.each([
    ["before the headers of a stream", refused(oslo), ""],
    ["inside a stream", broken(oslo, [chunk({ role: "assistant", content: "" })]), ""],
    ["inside a stream, behind its first words", broken(oslo, [chunk({ content: "So:" })]), "So:"],
  ])("report 44: %s is the same", async (_, step, text) => {
    const { proxy, upstream } = await bench();
    upstream.reply(step);
    const response = await proxy.chat({ ...asked, stream: true });
    expect(response.status).toBe(200);
    const events = await allEvents(response);
    expect(textOfEvents(events)).toBe(text);
    expect(events.at(-1)?.data).toBe("[DONE]");
    const all = events.map(({ data }) => data).join("");
    const calls = events.flatMap(
      ({ json }) => (json?.["choices"] as unknown as readonly Delta[])?.[0]?.delta.tool_calls ?? [],
    );
    expect(calls.map((call) => call.function.name ?? "").join("")).toBe("get_weather");
    expect(calls.map((call) => call.function.arguments).join("")).toBe('{"city":"Oslo"}');
    expect(all).toContain('"finish_reason":"tool_calls"');
    expect(all).not.toContain('"error"');
    expect(upstream.requests).toHaveLength(1);
  });

  test("report 44: reaches a client of another protocol as a call too", async () => {
    const { proxy, upstream } = await bench();
    upstream.reply(refused(oslo));
    const response = await proxy.fetch("/v1/messages", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        model: "groq/m",
        max_tokens: 99,
        messages: [{ role: "user", content: "hi" }],
        tools: [{ name: "get_weather", input_schema: { type: "object" } }],
      }),
    });
    expect(await response.json()).toMatchObject({
      content: [{ type: "tool_use", name: "get_weather", input: { city: "Oslo" } }],
      stop_reason: "tool_use",
    });
  });

  test.each([
    ["of half a call", nonsense],
    ["of a tool that nobody has offered", '<function=rm>{"path":"/"}</function>'],
    ["of words only", "I cannot do that."],
  ])("report 44: %s is asked for once more at the same key, cooler, and nothing rests", async (_, written) => {
    for (const isStream of [false, true]) {
      const { proxy, upstream } = await bench();
      upstream.reply(isStream ? broken(written) : refused(written), answer({ text: "ok" }));
      const response = await proxy.chat({ ...asked, temperature: 0.8, stream: isStream });
      expect([response.status, await response.text()]).toEqual([200, expect.stringContaining("ok")]);
      expect(upstream.requests.map(({ key }) => key)).toEqual(["one", "one"]);
      expect(upstream.requests.map(({ json }) => json["temperature"])).toEqual([0.8, 0.4]);
      expect(proxy.app.credentials.rests()).toEqual([]);
    }
  });

  test("report 44: that is not read the second time either is the client's to hear of", async () => {
    const { proxy, upstream } = await bench();
    upstream.always(refused(nonsense));
    const response = await proxy.chat(asked);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: "tool_use_failed" } });
    expect(upstream.requests.map(({ key }) => key)).toEqual(["one", "one"]);
    expect(proxy.app.credentials.rests()).toEqual([]);
  });

  test("report 44: behind a call that was read is no second one", async () => {
    const { proxy, upstream } = await bench();
    const call = { index: 0, id: "c1", type: "function", function: { name: "list", arguments: "{}" } };
    upstream.reply(broken(oslo, [chunk({ tool_calls: [call] })]));
    const events = await allEvents(await proxy.chat({ ...asked, stream: true }));
    expect(events.at(-1)?.json).toHaveProperty("error");
    expect(events.map(({ data }) => data).join("")).not.toContain("Oslo");
  });

  test("report 44: is left as it is where that is switched off, and other refusals are in any case", async () => {
    const off = await bench({ repairCalls: false });
    off.upstream.always(refused(oslo));
    expect((await off.proxy.chat(asked)).status).toBe(400);
    expect(off.upstream.requests).toHaveLength(1);
    const on = await bench();
    on.upstream.always(
      status(400, { error: { message: "bad temperature", code: "invalid", failed_generation: oslo } }),
    );
    const response = await on.proxy.chat(asked);
    expect([response.status, await response.text()]).toEqual([400, expect.stringContaining("bad temperature")]);
    expect(on.upstream.requests).toHaveLength(1);
  });

  test("who asks without tools gets the bytes of the answer", async () => {
    const { proxy, upstream } = await bench();
    upstream.always(answer({ text: "tool_use_failed" }));
    for (const [more, path] of [
      [{}, "bytes"],
      [{ tools }, "messages"],
    ] as const) {
      const before = proxy.records.length;
      const response = await proxy.chat({ model: "groq/m", stream: true, ...more });
      expect(textOfEvents(await allEvents(response))).toBe("tool_use_failed");
      expect((await proxy.recorded(before + 1)).outcome.path).toBe(path);
    }
  });
});

describe("what a model has written", () => {
  const names = new Set(["get_weather", "list"]);
  const weather = { name: "get_weather", arguments: '{"city":"Oslo"}' };

  test.each([
    ['<function=get_weather>{"city":"Oslo"}</function>', [weather]],
    ['<function=get_weather={"city": "Oslo"}</function>', [weather]],
    ['<function=get_weather{"city":"Oslo"}</function>', [weather]],
    ['<function=get_weather,{"city":"Oslo"}</function>', [weather]],
    ['<function=get_weather [{"city":"Oslo"}]</function>', [weather]],
    ['(function=get_weather>{"city":"Oslo"}</function>', [weather]],
    ["<function=list></function>", [{ name: "list", arguments: "{}" }]],
    ['<function=list>{}<function=get_weather>{"city":"Oslo"}', [{ name: "list", arguments: "{}" }, weather]],
    ['{"name":"get_weather","arguments":{"city":"Oslo"}}', [weather]],
    ['{"name":"get_weather","parameters":{"city":"Oslo"}}', [weather]],
    ['[{"name":"get_weather","arguments":"{\\"city\\":\\"Oslo\\"}"}]', [weather]],
    [
      '```\n{"tool_calls":[{"id":"p","type":"function","function":{"name":"get_weather"},"parameters":{"city":"Oslo"}}]}\n```',
      [weather],
    ],
    [
      '<tool_call>\n{"name":"list","arguments":{}}\n</tool_call><tool_call>{"name":"get_weather","arguments":{"city":"Oslo"}}</tool_call>',
      [{ name: "list", arguments: "{}" }, weather],
    ],
  ])("%j is read", (written, calls) => {
    expect(readCalls(written, names)).toEqual({ text: "", calls });
  });

  test.each([
    "",
    "no call at all",
    '{"city":"Oslo"}',
    '<function=get_weather>{"city":"Oslo"',
    '<function=get_weather>"Oslo"{"city":"Oslo"} or {"city":"Bergen"}</function>',
    "<function=other>{}</function>",
    "<function=list>{}</function><function=other>{}</function>",
    '{"name":"get_weather","arguments":"Oslo"}',
    '{"name":"list","arguments":{}} and {"a":1}',
  ])("%j is not guessed at", (written) => {
    expect(readCalls(written, names)).toBeUndefined();
  });

  test("that never ends takes no time", () => {
    const before = performance.now();
    for (const part of ["{", "[", "<function=list>", "<function=list>{", '{"a":"'])
      expect(readCalls(part.repeat(4000), new Set())).toBeUndefined();
    expect(performance.now() - before).toBeLessThan(1000);
  });
});

describe("report 45: tools that the history has called", () => {
  const past = { id: "c1", type: "function", function: { name: "search", arguments: "{}" } };
  const messages = [
    { role: "user", content: "hi" },
    { role: "assistant", content: "", tool_calls: [past, past] },
    { role: "tool", tool_call_id: "c1", content: "42" },
    { role: "user", content: "and?" },
  ];
  const sent = async (body: string, options: Partial<GroqOptions> = {}): Promise<ScriptRequest> => {
    const { proxy, upstream } = await bench(options);
    const response = await proxy.fetch("/v1/chat/completions", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    expect(`${response.status} ${await response.text()}`).toMatch(/^200 /);
    return upstream.requests[0]!;
  };
  const added = {
    type: "function",
    function: { name: "search", description: expect.any(String) as string, parameters: { type: "object" } },
  };

  test("report 45: are added behind the request's own, which stay as they were to the byte", async () => {
    const own =
      '{"type":"function","function":{"name":"f","parameters":{"type":"object","default":1.0,"n":12345678901234567890}}}';
    const { json, body } = await sent(`{"model":"groq/m","messages":${JSON.stringify(messages)},"tools":[${own}]}`);
    expect(body).toContain(`"tools":[${own},{`);
    expect(json["tools"]).toEqual([JSON.parse(own), added]);
    expect(json).not.toHaveProperty("tool_choice");
  });

  test("report 45: are there but not to be called where the request offers none", async () => {
    for (const more of ["", ',"tools":[],"tool_choice":"auto"']) {
      const { json } = await sent(`{"model":"groq/m","messages":${JSON.stringify(messages)}${more}}`);
      expect(json).toMatchObject({ tools: [added], tool_choice: "none" });
    }
  });

  test("report 45: are not added when they are in the list, when there are none, or when that is switched off", async () => {
    const search = JSON.stringify([{ type: "function", function: { name: "search" } }]);
    const text = `"messages":${JSON.stringify(messages)},"tools":${search}}`;
    expect((await sent(`{"model":"groq/m",${text}`)).body).toBe(`{"model":"m",${text}`);
    const plain = `"messages":[{"role":"user","content":"hi"}]}`;
    expect((await sent(`{"model":"groq/m",${plain}`)).body).toBe(`{"model":"m",${plain}`);
    expect(
      (await sent(JSON.stringify({ model: "groq/m", messages, tools }), { historyTools: false })).json["tools"],
    ).toEqual(tools);
  });

  test("a call of one of them is not taken for one of the request's", async () => {
    const { proxy, upstream } = await bench();
    upstream.reply(refused("<function=search>{}</function>"), answer({ text: "ok" }));
    expect((await proxy.chat({ ...asked, messages })).status).toBe(200);
    expect(upstream.requests).toHaveLength(2);
  });
});
