import { describe, expect, it } from "vitest";
import { continuation, type ContinuationOptions } from "waygate/plugins/continuation";
import { cooldown } from "waygate/plugins/cooldown";
import { wholeAnswer } from "waygate/plugins/whole-answer";
import {
  allEvents,
  answer,
  chunk,
  cut,
  gate,
  later,
  pause,
  type ReadEvent,
  scripted,
  status,
  type Step,
  stream,
  textOfEvents,
} from "waygate/testing";
import { mixed } from "../pipeline/_mixed.ts";
import { bench, type Bench, type BenchOptions, readToEnd, virtualBench, watcher } from "../rules/_streams.ts";
import { wires } from "../sdk/_upstreams.ts";
import { change } from "../../src/testing/reply-changes.ts";
import type { ProtocolId } from "../sdk/wire/types.ts";

const said = "The quick brown fox jumps over";
const asked = { model: "lab/m", stream: true };
const begun = (...texts: readonly string[]): object[] => [
  chunk({ role: "assistant", content: "" }),
  ...texts.map((content) => chunk({ content })),
];
const lost = (...frames: readonly object[]): Step => cut(stream(frames, { noDone: true }), Infinity, "destroy");
const rest = (...texts: readonly string[]): Step =>
  stream([...begun(...texts), chunk({}, { finish: "stop", usage: { prompt_tokens: 20, completion_tokens: 4 } })]);

interface Result {
  readonly text: string;
  readonly events: readonly ReadEvent[];
  readonly bed: Bench;
}

async function ask(
  first: Step,
  second: Step,
  { options, body = {}, ...more }: BenchOptions & { options?: Partial<ContinuationOptions>; body?: object } = {},
): Promise<Result> {
  const plugins = [continuation({ models: { "lab/*": "prefix" }, ...options }), ...(more.plugins ?? [])];
  const bed = await bench({ listen: true, ...more, plugins });
  bed.upstream.when({ key: "k1" }, first);
  bed.upstream.when({ key: "k2" }, second);
  const events = await allEvents(await bed.proxy.chat({ ...asked, ...body }));
  return { events, text: textOfEvents(events), bed };
}

const bodies = ({ bed }: Result): { [field: string]: unknown }[] =>
  bed.upstream.requests.map(({ json }) => ({ ...json }));

describe("a stream that is cut", () => {
  it("B3 is gone on with by the next key, which is given the text so far", async () => {
    const watch = watcher();
    const result = await ask(lost(...begun(said)), rest(" the lazy", " dog."), { plugins: [watch.plugin, cooldown()] });
    expect(result.text).toBe("The quick brown fox jumps over the lazy dog.");
    expect(bodies(result)[1]!["messages"]).toEqual([
      { role: "user", content: "hello" },
      { role: "assistant", content: said, prefix: true },
    ]);
    const { events, bed } = result;
    expect(events.at(-1)?.data).toBe("[DONE]");
    expect(events.filter(({ json }) => JSON.stringify(json ?? {}).includes('"role":"assistant"'))).toHaveLength(1);
    expect(new Set(events.flatMap(({ json }) => (json ? [json["id"]] : []))).size).toBe(1);
    const { outcome, ctx } = await bed.proxy.recorded(1);
    expect(outcome).toMatchObject({ end: "complete", status: 200, finish: "stop" });
    expect(ctx.attempts).toMatchObject([
      { error: { kind: "network" }, committed: true, soFar: undefined },
      { error: undefined, committed: true, soFar: said },
    ]);
    expect(outcome.answeredBy).toBe(ctx.attempts[1]);
    expect(watch.told.map(({ attempt, committed }) => [attempt.index, committed])).toEqual([[0, true]]);
    expect(watch.cleaned).toEqual([0, 1]);
    expect(outcome.bytes).toBe(events.reduce((sum, { frame }) => sum + Buffer.byteLength(frame), 0));
  });

  it.each([
    [
      "an error inside",
      stream([...begun(said), { error: { message: "the worker died", code: 500 } }], { noDone: true }),
    ],
    ["an end without a finish", stream(begun(said), { noDone: true })],
  ] as const)("B3 by %s is gone on with as well", async (_name, step) => {
    expect((await ask(step, rest(" the dog"))).text).toBe(`${said} the dog`);
  });

  it("B3 is gone on with where the second one fails before it has said anything, by a third", async () => {
    const result = await ask(lost(...begun(said)), lost(...begun()), {
      lab: { keys: ["k1", "k2", "k3"] },
    });
    expect(result.text).toBe(`${said}ok`);
    expect(result.bed.upstream.requests.map(({ key }) => key)).toEqual(["k1", "k2", "k3"]);
    expect(result.events.at(-1)?.data).toBe("[DONE]");
  });

  it("B3 may be cut more than once, up to `times`", async () => {
    const both = { lab: { keys: ["k1", "k2", "k3"] } };
    const twice = await ask(lost(...begun(said)), lost(...begun(" the")), both);
    expect(twice.text).toBe(`${said} theok`);
    expect(bodies(twice)[2]!["messages"]).toContainEqual({ role: "assistant", content: `${said} the`, prefix: true });
    const once = await ask(lost(...begun(said)), lost(...begun(" the")), { ...both, options: { times: 1 } });
    expect(once.text).toBe(`${said} the`);
    expect(once.events.at(-1)?.json).toHaveProperty("error");
    expect((await once.bed.proxy.recorded(1)).outcome.end).toBe("upstream-failed");
  });

  it("B3 what was used is the sum of all attempts, in the answer and in the record", async () => {
    const counted = chunk({ content: said }, { usage: { prompt_tokens: 9, completion_tokens: 6 } });
    const result = await ask(lost(...begun(), counted), rest(" it"), {
      body: { stream_options: { include_usage: true } },
    });
    const { outcome, ctx } = await result.bed.proxy.recorded(1);
    expect(outcome.usage).toMatchObject({ input: 29, output: 10 });
    expect(ctx.attempts.map(({ usage }) => usage?.input)).toEqual([9, 20]);
    const usages = result.events.flatMap(({ json }) => (json?.["usage"] ? [json["usage"]] : []));
    expect(usages.at(-1)).toMatchObject({ prompt_tokens: 29, completion_tokens: 10, total_tokens: 39 });
  });

  it("B3 is told why it broke where nobody can go on", async () => {
    const result = await ask(lost(...begun(said)), status(400, { error: { message: "no prefix here" } }));
    expect(result.text).toBe(said);
    expect(result.events.at(-1)?.json).toMatchObject({ error: { code: "upstream_error" } });
    expect(JSON.stringify(result.events.at(-1)?.json)).not.toContain("no prefix here");
    const { outcome, ctx } = await result.bed.proxy.recorded(1);
    expect(outcome).toMatchObject({ end: "upstream-failed", error: { kind: "network" } });
    expect(ctx.attempts).toHaveLength(2);
  });

  it("B3 a client that leaves while somebody is sought who goes on ends it all", async () => {
    const { proxy, upstream } = await bench({ listen: true, plugins: [continuation({ models: { "lab/*": "turn" } })] });
    const cutting = gate();
    upstream.when({ key: "k1" }, lost(...begun(said), cutting));
    upstream.when({ key: "k2" }, stream([gate()]));
    const leaving = new AbortController();
    const response = await proxy.chat(asked, { signal: leaving.signal });
    await response.body!.getReader().read();
    cutting.open();
    await upstream.received(2);
    leaving.abort();
    const { outcome } = await proxy.recorded(1);
    expect(outcome.end).toBe("client-aborted");
    expect(await upstream.requests[1]!.closed).toBe("client");
    for (const { ctx } of proxy.records)
      for (const { credential } of ctx.attempts) expect(proxy.app.credentials.inFlight(credential.id)).toBe(0);
  });
});

it("B5 a client hears that its answer lives while somebody is sought who goes on", async () => {
  const { proxy, clock } = await virtualBench(
    scripted((request) => (request.key === "k1" ? lost(...begun(said)) : later(rest(" dog"), pause(50_000)))),
    { plugins: [continuation({ models: { "lab/*": "turn" } })] },
  );
  const reading = proxy.chat(asked).then(readToEnd);
  await clock.advance(60_000);
  const { text } = await reading;
  expect(text.split(": keep-alive\n\n").length).toBeGreaterThanOrEqual(3);
  expect(textOfEvents(await allEvents(new Response(text)))).toBe(`${said} dog`);
  expect(clock.pending).toBe(0);
});

describe("what the client has already", () => {
  it.each([
    ["all of the text", [said, " the dog"], " the dog"],
    ["all of it in pieces", ["The quick ", "brown fox", " jumps over the dog"], " the dog"],
    ["only its beginning", ["The quick", " cat"], "The quick cat"],
    ["nothing", [" the dog"], " the dog"],
  ] as const)("B3 %s is not said twice", async (_name, texts, fresh) => {
    expect((await ask(lost(...begun(said)), rest(...texts))).text).toBe(said + fresh);
  });

  it("B3 white space at its end is left off for the model and not doubled for the client", async () => {
    const result = await ask(lost(...begun(`${said} `)), rest(" the dog"));
    expect(result.text).toBe(`${said} the dog`);
    expect(bodies(result)[1]!["messages"]).toContainEqual({ role: "assistant", content: said, prefix: true });
    expect((await ask(lost(...begun(`${said}\n`)), rest("\n", "\nthe dog"))).text).toBe(`${said}\n\nthe dog`);
  });
});

describe("B3 an answer is not gone on with", () => {
  const refused = async (
    first: readonly object[],
    more: Parameters<typeof ask>[2] = {},
  ): Promise<{ asked: number; failed: boolean }> => {
    const { bed, events } = await ask(lost(...first), rest(" never"), more);
    return { asked: bed.upstream.requests.length, failed: events.at(-1)?.json?.["error"] !== undefined };
  };
  const call = { tool_calls: [{ index: 0, id: "c1", type: "function", function: { name: "f", arguments: "{" } }] };

  it.each([
    ["a tool call has begun", [...begun(said), chunk(call)], {}],
    ["it holds reasoning", [chunk({ reasoning_content: "hm" }), chunk({ content: said })], {}],
    ["it is white space", begun(" "), {}],
    ["the model is not named", begun(said), { options: { models: { "other/*": "turn" } } }],
    ["reasoning is asked for", begun(said), { body: { reasoning_effort: "high" } }],
    ["JSON is asked for", begun(said), { body: { response_format: { type: "json_object" } } }],
    [
      "the conversation ends with a beginning already",
      begun(said),
      {
        body: {
          messages: [
            { role: "user", content: "a" },
            { role: "assistant", content: "b" },
          ],
        },
      },
    ],
  ] as const)("B3 when %s", async (_name, first, more) => {
    expect(await refused(first, more as Parameters<typeof ask>[2])).toEqual({ asked: 1, failed: true });
  });
});

it("B3 a request without the plugin takes the byte path and is not gone on with", async () => {
  const { proxy, upstream } = await bench({ listen: true });
  upstream.reply(lost(...begun(said)), rest(" never"));
  const events = await allEvents(await proxy.chat(asked));
  expect(events.at(-1)?.json).toHaveProperty("error");
  expect((await proxy.recorded(1)).outcome.path).toBe("bytes");
});

it("B3 an answer above the limit of wholeAnswer() is gone on with from where it went live", async () => {
  const { text } = await ask(lost(...begun(said)), rest(" dog"), { plugins: [wholeAnswer({ limit: 100 })] });
  expect(text).toBe(`${said} dog`);
});

it("B3 a server that is told by the request is told so", async () => {
  const result = await ask(lost(...begun(said)), rest(" dog"), {
    options: { models: { "lab/*": "continue-final-message" } },
  });
  expect(bodies(result)[1]).toMatchObject({
    continue_final_message: true,
    add_generation_prompt: false,
    messages: [{ role: "user" }, { role: "assistant", content: said }],
  });
});

const clients = {
  "openai-chat": ["/v1/chat/completions", { messages: [{ role: "user", content: "hi" }], stream: true }],
  "openai-responses": ["/v1/responses", { input: "hi", stream: true }],
  anthropic: ["/v1/messages", { messages: [{ role: "user", content: "hi" }], max_tokens: 100, stream: true }],
  gemini: [
    "/v1beta/models/up/m:streamGenerateContent?alt=sse",
    { contents: [{ role: "user", parts: [{ text: "hi" }] }] },
  ],
} as const;
const upstreamsOf = ["openai-chat", "anthropic", "gemini"] as const;
const pairs = (Object.keys(clients) as ProtocolId[]).flatMap((client) =>
  upstreamsOf.map((up) => [client, up] as const),
);

it.each(pairs)("B3 a client of %s gets one answer of two from an upstream of %s", async (client, up) => {
  const { proxy, upstreams, sent } = await mixed(
    { up },
    { plugins: [continuation({ models: { "up/*": "turn" } })], keys: ["sk-1", "sk-2"] },
  );
  const whole = "First words, then others to the very end";
  upstreams["up"]!.when(
    { key: "sk-1" },
    cut(
      change(wires[up].says({ text: whole }), (reply) => {
        const at = reply.body.findIndex((piece) => Buffer.from(piece as Uint8Array).includes("words"));
        return { ...reply, body: reply.body.slice(0, at + 1) };
      }),
      Infinity,
      "destroy",
    ),
  );
  upstreams["up"]!.when({ key: "sk-2" }, wires[up].says({ text: " SECOND half" }));
  const [path, body] = clients[client];
  const response = await proxy.fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "up/m", ...body }),
  });
  const events = await allEvents(response);
  const last = sent("up") as unknown as { messages?: { role: string }[]; contents?: { role: string }[] };
  const turn = (last.messages ?? last.contents)!.at(-1)!;
  expect(turn.role).toBe(up === "gemini" ? "model" : "assistant");
  const all = events.map(({ data }) => data).join("\n");
  expect(all).toContain("SECOND");
  expect(all).not.toMatch(/"error":\s*\{/);
  const types = events.map(({ json, event }) => event ?? json?.["type"]);
  if (client === "anthropic") {
    for (const once of ["message_start", "content_block_start", "content_block_stop", "message_stop"])
      expect(types.filter((type) => type === once)).toHaveLength(1);
  }
  if (client === "openai-responses") {
    const done = events.find(({ event }) => event === "response.output_text.done")?.json?.["text"] as string;
    expect(done).toMatch(/^First .*SECOND half$/s);
    expect(types.filter((type) => type === "response.completed")).toHaveLength(1);
  }
  const { outcome, ctx } = await proxy.recorded(1);
  expect(outcome.end).toBe("complete");
  expect(ctx.attempts).toHaveLength(2);
});

it("B3 a whole answer in JSON goes on with a stream as well", async () => {
  const { text, events } = await ask(lost(...begun(said)), answer({ text: " and so on", as: "json" }));
  expect(text).toBe(`${said} and so on`);
  expect(events.at(-1)?.data).toBe("[DONE]");
});
