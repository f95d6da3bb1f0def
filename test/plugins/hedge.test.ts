import { describe, expect, it } from "vitest";
import { definePlugin, type PluginInput } from "waygate";
import { cooldown } from "waygate/plugins/cooldown";
import { hedge, type HedgeOptions } from "waygate/plugins/hedge";
import { wholeAnswer } from "waygate/plugins/whole-answer";
import {
  allEvents,
  answer,
  chunk,
  gate,
  later,
  pause,
  scripted,
  silence,
  status,
  type Step,
  stream,
  textOfEvents,
} from "waygate/testing";
import { createTimes } from "../../plugins/hedge/times.ts";
import { bench, type BenchOptions, type VirtualBench, virtualBench, watcher } from "../rules/_streams.ts";

const asked = { model: "lab/m", stream: true };
const after = (ms: number, text: string): Step => later(answer({ text }), pause(ms));

interface Labbed extends VirtualBench {
  readonly keys: string[];
  readonly told: ReturnType<typeof watcher>["told"];
  readonly cleaned: number[];
  /** Asks once and lets time pass; the text that came. */
  ask(body?: object, init?: RequestInit): Promise<string>;
}

async function lab(
  byKey: { readonly [key: string]: Step },
  options: HedgeOptions = { max: 1000 },
  { plugins = [], ...more }: BenchOptions = {},
): Promise<Labbed> {
  const keys: string[] = [];
  const watch = watcher();
  const made = await virtualBench(
    scripted((request) => {
      keys.push(request.key!);
      return byKey[request.key!]!;
    }),
    { server: { keepAlive: 0 }, ...more, plugins: [hedge(options), watch.plugin, ...plugins] },
  );
  return {
    ...made,
    keys,
    told: watch.told,
    cleaned: watch.cleaned,
    async ask(body = asked, init = {}) {
      const reading = made.proxy
        .chat(body as typeof asked, init)
        .then(async (response) => textOfEvents(await allEvents(response)));
      for (let step = 0; step < 300; step++) await made.clock.advance(100);
      return reading;
    },
  };
}

const inFlight = ({ proxy }: Labbed): number =>
  proxy.records
    .at(-1)!
    .ctx.attempts.reduce((sum, { credential }) => sum + proxy.app.credentials.inFlight(credential.id), 0);

describe("a late first candidate", () => {
  it("is joined by a second one, and the first to answer does; the loser is closed and blamed for nothing", async () => {
    const bed = await lab({ k1: after(20_000, "slow"), k2: after(500, "quick") }, undefined, { plugins: [cooldown()] });
    expect(await bed.ask()).toBe("quick");
    expect(bed.keys).toEqual(["k1", "k2"]);
    const { outcome, ctx } = bed.proxy.records[0]!;
    expect(outcome).toMatchObject({ end: "complete", status: 200 });
    expect(outcome.firstByteAt! - outcome.startedAt).toBe(1500);
    const [lost, won] = ctx.attempts;
    expect(outcome.answeredBy).toBe(won);
    expect(won).toMatchObject({ index: 1, error: undefined, committed: true });
    expect(lost).toMatchObject({ index: 0, committed: false, error: { kind: "aborted" }, usage: undefined });
    expect(lost!.endedAt! - lost!.startedAt).toBe(1500);
    expect(lost!.signal.aborted).toBe(true);
    expect(bed.told).toEqual([]);
    expect(bed.cleaned.toSorted()).toEqual([0, 1]);
    expect(inFlight(bed)).toBe(0);
    expect(await (await bed.proxy.fetch("/health")).json()).toMatchObject({ keys: { active: 2 } });
  });

  it("wins when it answers first all the same", async () => {
    const bed = await lab({ k1: after(1500, "first"), k2: after(5000, "second") });
    expect(await bed.ask()).toBe("first");
    expect(bed.keys).toEqual(["k1", "k2"]);
    const { outcome, ctx } = bed.proxy.records[0]!;
    expect(outcome.answeredBy?.index).toBe(0);
    expect(ctx.attempts.at(-1)).toBe(outcome.answeredBy);
    expect(ctx.attempts.find(({ index }) => index === 1)).toMatchObject({ error: { kind: "aborted" } });
    expect(inFlight(bed)).toBe(0);
  });

  it("is not joined while it is in time, or has begun", async () => {
    const bed = await lab({ k1: after(900, "in time"), k2: after(0, "never") });
    expect(await bed.ask()).toBe("in time");
    const begun = stream([chunk({ content: "a" }), pause(10_000), chunk({}, { finish: "stop" })]);
    const other = await lab({ k1: begun, k2: after(0, "never") });
    expect(await other.ask()).toBe("a");
    const held = await lab({ k1: begun, k2: after(0, "never") }, undefined, { plugins: [wholeAnswer()] });
    expect(await held.ask()).toBe("a");
    expect([...bed.keys, ...other.keys, ...held.keys]).toEqual(["k1", "k1", "k1"]);
  });

  it("that fails leaves the other alone to answer, and counts as any failure", async () => {
    const bed = await lab({ k1: later(status(401), pause(2000)), k2: after(5000, "second") }, undefined, {
      plugins: [cooldown()],
    });
    expect(await bed.ask()).toBe("second");
    expect(bed.keys).toEqual(["k1", "k2"]);
    expect(bed.told.map(({ error, attempt }) => [error.kind, attempt.index])).toEqual([["credential_invalid", 0]]);
    expect(inFlight(bed)).toBe(0);
  });

  it("goes on when the second one fails", async () => {
    const bed = await lab({ k1: after(5000, "first"), k2: later(status(503), pause(100)) });
    expect(await bed.ask()).toBe("first");
    expect(bed.keys).toEqual(["k1", "k2"]);
    expect(bed.told.map(({ attempt }) => attempt.index)).toEqual([1]);
    expect(bed.proxy.records[0]!.outcome.answeredBy?.index).toBe(0);
  });

  it("and a second that fails too are followed by those who are left, neither of them again", async () => {
    const bed = await lab(
      { k1: later(status(401), pause(3000)), k2: later(status(401), pause(100)), k3: answer({ text: "third" }) },
      undefined,
      { lab: { keys: ["k1", "k2", "k3"] } },
    );
    expect(await bed.ask()).toBe("third");
    expect(bed.keys).toEqual(["k1", "k2", "k3"]);
    expect(bed.told.map(({ attempt }) => attempt.index)).toEqual([1, 0]);
    expect(inFlight(bed)).toBe(0);
  });

  it.each([
    ["the second", { k1: later(status(503), pause(5000)), k2: later(status(400), pause(100)) }],
    ["the first", { k1: later(status(400), pause(2000)), k2: later(status(503), pause(5000)) }],
  ])("is the last to be waited for when %s has found the request itself at fault", async (_name, upstream) => {
    const bed = await lab({ ...upstream, k3: answer({ text: "never" }) }, undefined, {
      lab: { keys: ["k1", "k2", "k3"] },
    });
    const pending = bed.proxy.chat(asked);
    for (let step = 0; step < 60; step++) await bed.clock.advance(100);
    expect((await pending).status).toBe(400);
    expect(bed.keys).toEqual(["k1", "k2"]);
    expect(bed.proxy.records[0]!.outcome).toMatchObject({ status: 400, error: { kind: "invalid_request" } });
    expect(inFlight(bed)).toBe(0);
  });

  it("stays alone where there is nobody else, or nothing left of retry.attempts", async () => {
    const alone = await lab({ k1: after(3000, "alone") }, undefined, { lab: { keys: ["k1"] } });
    expect(await alone.ask()).toBe("alone");
    const last = await lab({ k1: after(3000, "last"), k2: answer() }, undefined, { retry: { attempts: 1 } });
    expect(await last.ask()).toBe("last");
    expect([...alone.keys, ...last.keys]).toEqual(["k1", "k1"]);
  });

  it("takes a place for the second one and gives both back: a key without one is not asked", async () => {
    const bed = await lab(
      { k1: after(3000, "one"), k2: after(10_000, "two") },
      { max: 1000 },
      {
        lab: { keys: ["k1", "k2"], concurrency: 1 },
      },
    );
    const both = [bed.proxy.chat(asked), bed.proxy.chat(asked)];
    for (let step = 0; step < 300; step++) await bed.clock.advance(100);
    const texts = await Promise.all(both.map(async (one) => textOfEvents(await allEvents(await one))));
    // Each had its own key, so neither found a free one beside it before the first had answered.
    expect(texts.toSorted()).toEqual(["one", "two"]);
    expect(bed.keys).toEqual(["k1", "k2"]);
  });
});

it("A15 C1 a client that leaves closes both, and neither is blamed", async () => {
  const bed = await lab({ k1: silence(), k2: silence() }, undefined, { plugins: [cooldown()] });
  const leaving = new AbortController();
  const asking = bed.proxy.chat(asked, { signal: leaving.signal });
  await bed.clock.advance(2000);
  leaving.abort();
  await asking;
  const { outcome, ctx } = await bed.proxy.recorded(1);
  expect(outcome).toMatchObject({ end: "client-aborted", status: 499 });
  expect(ctx.attempts.map(({ error }) => error?.kind)).toEqual(["aborted", "aborted"]);
  expect(bed.told).toEqual([]);
  expect(inFlight(bed)).toBe(0);
  expect(bed.cleaned.toSorted()).toEqual([0, 1]);
  expect(bed.clock.pending).toBe(0);
});

it("two answers of one instant are one answer", async () => {
  const bed = await lab({ k1: after(2000, "same"), k2: after(1000, "same") });
  expect(await bed.ask()).toBe("same");
  expect(bed.proxy.records).toHaveLength(1);
  const { ctx } = bed.proxy.records[0]!;
  expect(ctx.attempts.filter(({ committed }) => committed)).toHaveLength(1);
  expect(inFlight(bed)).toBe(0);
});

it("an answer in JSON to a stream is raced as well", async () => {
  const bed = await lab({ k1: after(9000, "slow"), k2: later(answer({ text: "whole", as: "json" }), pause(10)) });
  expect(await bed.ask()).toBe("whole");
  expect(bed.proxy.records).toHaveLength(1);
  expect(bed.proxy.records[0]!.outcome).toMatchObject({ end: "complete", path: "events" });
});

describe("who is asked twice", () => {
  const twice = async (
    body: object,
    headers: { [name: string]: string } = {},
    options?: HedgeOptions,
  ): Promise<boolean> => {
    const bed = await lab({ k1: after(3000, "a"), k2: answer() }, { max: 1000, ...options });
    await bed.ask({ ...asked, ...body }, { headers });
    return bed.keys.length === 2;
  };
  const tool = { type: "function", function: { name: "look", parameters: { type: "object" } } };

  it("not what does more than generate: tools that the provider runs, idempotency keys", async () => {
    expect(await twice({})).toBe(true);
    expect(await twice({ tools: [tool] })).toBe(true);
    expect(await twice({ tools: [{ type: "web_search_preview" }] })).toBe(false);
    expect(await twice({}, { "idempotency-key": "1" })).toBe(false);
  });

  it("not whole answers, and no models that are not named", async () => {
    const bed = await lab({ k1: after(3000, "a"), k2: answer() });
    const asking = bed.proxy.chat({ model: "lab/m" });
    await bed.clock.advance(5000);
    expect((await asking).status).toBe(200);
    expect(bed.keys).toEqual(["k1"]);
    expect(await twice({}, {}, { models: ["other/*"] })).toBe(false);
    expect(await twice({}, {}, { models: ["lab/*"] })).toBe(true);
  });

  it("not more than the share of the requests that may be", async () => {
    const bed = await lab({ k1: after(3000, "a"), k2: after(3000, "b") }, { max: 1000, share: 0.25 });
    for (let request = 0; request < 8; request++) await bed.ask();
    const seconds = bed.proxy.records.map(({ ctx }) => ctx.attempts.length - 1);
    // One is to be had from the start, then one for every four requests.
    expect(seconds).toEqual([1, 0, 0, 1, 0, 0, 0, 1]);
  });
});

it("late is what is later than the percentile of a model, between min and max", async () => {
  let slow = 0;
  const quick =
    (ms: number): Step =>
    () =>
      after(slow > 0 ? slow : ms, "x");
  const bed = await lab({ k1: quick(200), k2: quick(200) }, { min: 300, max: 5000, samples: 5, share: 1 });
  for (let request = 0; request < 5; request++) await bed.ask();
  slow = 20_000;
  const startedAt = bed.clock.now();
  const asking = bed.proxy.chat(asked);
  await bed.clock.advance(299);
  expect(bed.keys).toHaveLength(6);
  await bed.clock.advance(1);
  expect(bed.keys).toHaveLength(7);
  await bed.clock.advance(30_000);
  await (await asking).text();
  expect(bed.proxy.records.at(-1)!.ctx.attempts[0]!.startedAt).toBeGreaterThanOrEqual(startedAt);
});

it("limits count both as sent", async () => {
  const sent: (boolean | undefined)[] = [];
  const counting: PluginInput = definePlugin({
    name: "counting",
    setup: (app) =>
      app.credentials.addGate({
        name: "counting",
        reserve: () => ({ settle: (end) => void sent.push(end.sent) }),
      }),
  });
  const bed = await lab({ k1: after(9000, "slow"), k2: after(100, "quick") }, undefined, { plugins: [counting] });
  await bed.ask();
  expect(sent).toEqual([true, true]);
});

it("over sockets the loser's connection is closed at once", async () => {
  const { proxy, upstream } = await bench({ listen: true, plugins: [hedge({ min: 10, max: 20 })] });
  upstream.when({ key: "k1" }, later(answer(), gate()));
  upstream.when({ key: "k2" }, answer({ text: "second" }));
  expect(textOfEvents(await allEvents(await proxy.chat(asked)))).toBe("second");
  expect(await upstream.requests[0]!.closed).toBe("client");
  expect(upstream.requests.map(({ key }) => key)).toEqual(["k1", "k2"]);
});

it("options out of range are refused at start", () => {
  for (const wrong of [{ percentile: 2 }, { share: -1 }, { min: 5, max: 1 }]) {
    expect(() => hedge(wrong).setup?.(undefined as never)).toThrow(/hedge\(\)/);
  }
});

it("a percentile is known from enough times, of the latest ones", () => {
  const times = createTimes();
  for (let time = 1; time <= 10; time++) times.add(time);
  expect(times.percentile(0.9, 11)).toBeUndefined();
  expect(times.percentile(0.9, 10)).toBe(9);
  expect(times.percentile(1, 10)).toBe(10);
  for (let time = 0; time < 300; time++) times.add(1000);
  expect(times.percentile(0.5, 10)).toBe(1000);
  expect(times.percentile(0, 10)).toBe(1000);
});
