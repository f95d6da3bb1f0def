/**
 * Rule C3: places, clean-ups and records are given back exactly once on every way out. Each way is taken while another
 * stream holds a place of the same key: given back twice, that place would be gone too.
 */
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { definePlugin, defineProvider, type PluginHooks, type PluginInput } from "waygate";
import { answer, chunk, cut, drop, gate, readEvents, silence, status, type Step, stream } from "waygate/testing";
import { internalsOf } from "../../src/proxy.ts";
import { bench, readToEnd, throughEvents } from "./_streams.ts";

interface Way {
  readonly name: string;
  readonly step?: Step;
  readonly hooks?: PluginHooks;
  readonly plugins?: () => readonly PluginInput[];
  /** Leaves after the first event, or at once when nothing comes. */
  readonly leaves?: true;
  readonly end: "complete" | "client-aborted" | "upstream-failed" | "refused";
}

const boom = (): never => {
  throw new Error("boom");
};
const begun = [chunk({ role: "assistant", content: "" }), chunk({ content: "a" })];
const fine = answer({ text: "fine" });
const events = (): readonly PluginInput[] => [throughEvents()];

const streamed: readonly Way[] = [
  { name: "a complete stream", step: fine, end: "complete" },
  { name: "a complete stream of events", step: fine, plugins: events, end: "complete" },
  { name: "a stream that is cut", step: stream(begun, { noDone: true }), end: "upstream-failed" },
  {
    name: "a stream with an error",
    step: stream([...begun, { error: { message: "x" } }], { noDone: true }),
    end: "upstream-failed",
  },
  { name: "a client that leaves a stream", step: stream([...begun, gate()]), leaves: true, end: "client-aborted" },
  { name: "an event hook that throws at once", hooks: { event: boom }, step: fine, end: "upstream-failed" },
  {
    name: "an event hook that throws after content",
    hooks: { event: (event) => (event.type === "text-delta" && event.delta === "b" ? boom() : event) },
    step: stream([...begun, chunk({ content: "b" })]),
    end: "upstream-failed",
  },
  {
    name: "an event hook that throws at the finish",
    hooks: { event: (event) => (event.type === "finish" ? boom() : event) },
    step: stream([...begun, chunk({}, { finish: "stop" })]),
    end: "upstream-failed",
  },
  {
    name: "an event hook that throws at the end of a stream without a terminator",
    hooks: { event: (event) => (event.type === "finish" ? boom() : event) },
    step: stream([...begun, chunk({}, { finish: "stop" })], { noDone: true }),
    end: "upstream-failed",
  },
];

const both: readonly Way[] = [
  { name: "an answer", step: fine, end: "complete" },
  { name: "a refusal of the upstream", step: status(400, { error: { message: "no" } }), end: "upstream-failed" },
  { name: "a failing upstream", step: status(500, { error: { message: "no" } }), end: "upstream-failed" },
  { name: "a dropped connection", step: drop(), end: "upstream-failed" },
  { name: "half an answer", step: cut(answer({ as: "json" }), 20, "complete"), end: "upstream-failed" },
  { name: "a client that leaves before the headers", step: silence(), leaves: true, end: "client-aborted" },
  { name: "a transform hook that throws", hooks: { transform: boom }, end: "upstream-failed" },
  { name: "a call hook that throws before", hooks: { call: boom }, end: "upstream-failed" },
  {
    name: "a call hook that throws after",
    hooks: { call: async (_attempt, next) => (await next(), boom()) },
    step: fine,
    end: "upstream-failed",
  },
  {
    name: "a call hook that answers itself",
    hooks: { call: () => Promise.resolve(Response.json({ choices: [] })) },
    end: "complete",
  },
  {
    name: "a call hook that calls twice",
    hooks: { call: async (_attempt, next) => (await next(), next()) },
    step: fine,
    end: "upstream-failed",
  },
  { name: "a fail hook that throws", hooks: { fail: boom }, step: status(500, {}), end: "upstream-failed" },
  {
    name: "a fail hook that stops",
    hooks: { fail: () => ({ then: "stop" }) },
    step: status(500, {}),
    end: "upstream-failed",
  },
  { name: "a record hook that throws", hooks: { record: boom }, step: fine, end: "complete" },
  { name: "an event hook that throws", hooks: { event: boom }, step: fine, end: "upstream-failed" },
  {
    name: "a clean-up that throws",
    hooks: { transform: (attempt) => attempt.defer(boom) },
    step: fine,
    end: "complete",
  },
  { name: "a selectKey hook that throws", hooks: { selectKey: boom }, end: "refused" },
  { name: "a filter that throws", hooks: { filter: boom }, end: "refused" },
];

const cases = [
  ...streamed.map((way) => ({ ...way, stream: true })),
  ...both.flatMap((way) => [true, false].map((asked) => ({ ...way, stream: asked }))),
];

describe("C3 what a request holds", () => {
  it.each(cases)("C3 is given back once after $name (stream: $stream)", async (way) => {
    const cleaned: string[] = [];
    const recorded: string[] = [];
    const only = (req: Request): boolean => req.headers.get("x-case") === "yes";
    const broken = definePlugin({ name: "broken", hooks: guarded(way.hooks ?? {}, only) });
    const keeper = definePlugin({
      name: "keeper",
      hooks: {
        transform(attempt) {
          attempt.defer(() => void cleaned.push(`${attempt.ctx.id} ${attempt.index}`));
          attempt.defer(() => Promise.resolve());
        },
        record: (outcome, ctx) => void recorded.push(`${ctx.id} ${outcome.end}`),
      },
    });
    const { proxy, upstream } = await bench({
      listen: true,
      plugins: [...(way.plugins?.() ?? []), keeper, broken],
      lab: { keys: ["k1"], concurrency: 2 },
      faults: /boom|twice/,
    });
    const { flights } = internalsOf(proxy.proxy).pipeline.pool;
    const id = proxy.app.credentials.list("lab")[0]!.id;
    const held = gate();
    const other = stream([...begun, held, chunk({}, { finish: "stop" })]);
    upstream.when((request) => request.body.includes("the other"), other);
    upstream.always(way.step ?? status(418, "nobody should ask"));

    const messages = [{ role: "user", content: "the other" }];
    const beside = await proxy.chat(
      { model: "lab/m", stream: true, messages },
      { headers: { "x-request-id": "other-1" } },
    );
    expect(flights.count(id)).toBe(1);

    const leaving = new AbortController();
    const sent = proxy.chat(
      { model: "lab/m", stream: way.stream },
      { headers: { "x-case": "yes", "x-request-id": "case-1" }, signal: leaving.signal },
    );
    if (way.leaves) {
      await upstream.received(2);
      if (way.end === "client-aborted" && way.name.includes("stream")) await readEvents(await sent).next();
      leaving.abort();
      await sent.catch(() => {});
    } else await readToEnd(await sent);

    const { outcome, ctx } = await proxy.recorded(1);
    expect([ctx.id, outcome.end]).toEqual(["case-1", way.end]);
    expect(flights.count(id)).toBe(1);
    for (let turns = 0; turns < 5; turns++) await turn();
    const mine = cleaned.filter((line) => line.startsWith("case-1"));
    expect(mine).toEqual(ctx.attempts.map((attempt) => `case-1 ${attempt.index}`));
    expect(recorded).toEqual([`case-1 ${way.end}`]);
    expect(ctx.attempts.every((attempt) => attempt.endedAt !== undefined)).toBe(true);

    held.open();
    await readToEnd(beside);
    await proxy.recorded(2);
    expect(flights.count(id)).toBe(0);
    expect(proxy.records).toHaveLength(2);
    expect(cleaned.filter((line) => line.startsWith("other-1"))).toEqual(["other-1 0"]);
  });

  it("C3 clean-ups run last in, first out, and one that throws stops no other", async () => {
    const order: number[] = [];
    const plugin = definePlugin({
      name: "deferring",
      hooks: {
        transform(attempt) {
          attempt.defer(() => void order.push(1));
          attempt.defer(() => Promise.reject(new Error("boom")));
          attempt.defer(async () => {
            await turn();
            order.push(2);
          });
        },
      },
    });
    const { proxy } = await bench({ plugins: [plugin], faults: /boom/ });
    await (await proxy.chat({ model: "lab/m" })).text();
    await proxy.recorded(1);
    expect(order).toEqual([2, 1]);
    expect(proxy.logged.join("\n")).toContain("boom");
  });

  it("C3 a provider's own call that throws, hangs or breaks gives its place back", async () => {
    const ends: string[] = [];
    const calls: (() => Promise<Response>)[] = [
      () => Promise.reject(new Error("boom")),
      () =>
        Promise.resolve(
          new Response(new ReadableStream({ pull: (controller) => controller.error(new Error("boom")) }), sse),
        ),
      () =>
        Promise.resolve(
          new Response(
            new ReadableStream({
              start(controller) {
                controller.enqueue(new TextEncoder().encode(`data: ${JSON.stringify(chunk({ content: "a" }))}\n\n`));
              },
              cancel: () => void ends.push("cancelled"),
            }),
            sse,
          ),
        ),
    ];
    for (const [index, call] of calls.entries()) {
      const own = defineProvider({
        name: "own",
        protocol: "openai-chat",
        models: ["m"],
        keyless: true,
        prepare: (wire) => wire,
        call,
      });
      const { proxy } = await bench({ plugins: [definePlugin({ name: "own", providers: [own] })], faults: /boom/ });
      const id = proxy.app.credentials.list("own")[0]!.id;
      const response = await proxy.chat({ model: "own/m", stream: true });
      if (index === 2) await response.body!.cancel();
      else await readToEnd(response);
      const { ctx } = await proxy.recorded(1);
      expect(ctx.attempts).toHaveLength(1);
      expect(internalsOf(proxy.proxy).pipeline.pool.flights.count(id)).toBe(0);
    }
    expect(ends).toEqual(["cancelled"]);
  });
});

const sse = { headers: { "content-type": "text/event-stream" } };

/** The hooks, for one request only. */
function guarded(hooks: PluginHooks, only: (req: Request) => boolean): PluginHooks {
  const entries = Object.entries(hooks).map(([name, handler]) => [
    name,
    { when: (ctx: { req: Request }) => only(ctx.req), handler },
  ]);
  return Object.fromEntries(entries) as PluginHooks;
}
