/** Waiting for a key that is busy or at a limit: bounded, in order, fair between clients, left by who goes away (C1). */
import { describe, expect, it } from "vitest";
import { definePlugin, type PluginInput } from "waygate";
import { concurrency } from "waygate/plugins/concurrency";
import { cooldown } from "waygate/plugins/cooldown";
import { limits } from "waygate/plugins/limits";
import { answer, later, pause, silence, status } from "waygate/testing";
import { inTurn, keyOf, type Lab, lab } from "./_lab.ts";

const one = { lab: ["a"] };

function clients(): PluginInput {
  return definePlugin({ name: "ids", hooks: { auth: ({ req }) => ({ id: req.headers.get("x-client") ?? "nobody" }) } });
}

/** Three requests in twenty seconds: soon enough to be worth waiting for. */
const soon = limits({ keys: { caps: [{ window: 20_000, requests: 3 }] } });

/** What comes in which order: names of requests, as they are answered. */
function many(bench: Lab, names: readonly string[], leaving?: AbortSignal) {
  const answered: string[] = [];
  const all = names.map(async (name) => {
    const response = await bench.proxy.chat(
      { model: "lab/m" },
      { headers: { "x-client": name[0]! }, ...(leaving && { signal: leaving }) },
    );
    await response.text();
    answered.push(response.status === 200 ? name : `${name} ${response.status}`);
  });
  return { answered, all };
}

async function until(bench: Lab, done: () => boolean): Promise<void> {
  for (let step = 0; !done() && step < 2000; step++) await bench.clock.advance(100);
}

describe.each([
  ["a place", { plugins: [clients()], concurrency: 1, upstream: later(answer(), pause(1000)) }],
  ["a limit", { plugins: [clients(), limits({ keys: { caps: [{ window: 1000, requests: 1 }] } })] }],
])("waiting for %s", (_name, options) => {
  it("first come is first served, and clients take turns", async () => {
    await using bench = await lab({ providers: one, ...options });
    const { answered } = many(bench, ["x1", "x2", "x3", "x4", "y1", "z1", "y2"]);
    await until(bench, () => answered.length === 7);
    expect(answered).toEqual(["x1", "x2", "y1", "z1", "x3", "y2", "x4"]);
    expect(bench.pool.room.size).toBe(0);
  });

  it("is bounded in time", async () => {
    await using bench = await lab({ providers: one, ...options, retry: { queueWait: 2500 } });
    const { answered } = many(bench, ["x1", "x2", "x3", "x4", "x5"]);
    await until(bench, () => answered.length === 5);
    expect(answered.toSorted()).toEqual(["x1", "x2", "x3", "x4 429", "x5 429"]);
    expect(bench.pool.room.size).toBe(0);
  });

  it("is bounded in length: who comes later is told at once", async () => {
    await using bench = await lab({ providers: one, ...options, retry: { queueSize: 2 } });
    const { answered } = many(bench, ["x1", "x2", "x3"]);
    await bench.clock.advance(1);
    const refused = await bench.ask();
    expect([refused.status, refused.error.code, refused.took]).toEqual([429, "queue_full", 0]);
    expect(Number(refused.headers.get("retry-after"))).toBe(1);
    expect(refused.error.message).toMatch(/ 2 requests wait already\.( .+ s\.)? retry\.queueSize lets more wait\./);
    await until(bench, () => answered.length === 3);
    expect(answered).toEqual(["x1", "x2", "x3"]);
  });

  it("C1 queued: a client that leaves frees its place in the line at once, and nobody is called for it", async () => {
    await using bench = await lab({ providers: one, ...options });
    const first = many(bench, ["x1"]);
    const leaving = new AbortController();
    const left = many(bench, ["x2", "x3"], leaving.signal);
    const stays = many(bench, ["x4"]);
    await bench.clock.advance(10);
    expect(bench.pool.room.size).toBe(3);
    leaving.abort();
    expect(bench.pool.room.size).toBe(1);
    await Promise.allSettled(left.all);
    await until(bench, () => stays.answered.length === 1);
    expect([first.answered, left.answered, stays.answered]).toEqual([["x1"], ["x2 499", "x3 499"], ["x4"]]);
    expect(bench.calls.map((call) => call.at)).toEqual([0, 1000]);
    expect(bench.proxy.records.filter(({ outcome }) => outcome.end === "client-aborted").length).toBe(2);
    expect(bench.pool.inFlight(bench.id("a"))).toBe(0);
  });

  it("the deadline ends it too", async () => {
    await using bench = await lab({ providers: one, ...options, retry: { deadline: 1500 } });
    const { answered } = many(bench, ["x1", "x2", "x3"]);
    await until(bench, () => answered.length === 3);
    expect(answered.toSorted().join(" ")).toMatch(/^x1 x2 x3 (?:504|429)$/);
    expect(bench.clock.now()).toBeLessThan(Date.UTC(2026, 0, 1) + 3000);
  });

  it("nothing is left behind: no timer, nobody in the line", async () => {
    await using bench = await lab({ providers: one, ...options, retry: { queueWait: 3500 } });
    const before = bench.clock.pending;
    const { answered } = many(
      bench,
      Array.from({ length: 20 }, (_, index) => `${"xyz"[index % 3]}${index}`),
    );
    await until(bench, () => answered.length === 20);
    expect([bench.pool.room.size, bench.clock.pending]).toEqual([0, before]);
    expect(bench.calls.length).toBe(4);
  });
});

describe("waiting", () => {
  it("is not done for a limit that ends too late: 429 at once, with the time", async () => {
    await using bench = await lab({ providers: one, plugins: [soon], retry: { queueWait: 20_000 } });
    for (let index = 0; index < 3; index++) await bench.proxy.chat({ model: "lab/m" });
    const refused = await bench.ask();
    expect([refused.status, refused.took, refused.headers.get("retry-after")]).toEqual([429, 0, "20"]);
    await bench.clock.advance(1);
    expect(await bench.ask()).toMatchObject({ status: 200 });
    expect(bench.calls[3]?.at).toBe(20_000);
  });

  it("A10 is not done for keys that merely rest", async () => {
    await using bench = await lab({
      providers: { lab: ["a", "b"] },
      plugins: [cooldown()],
      upstream: status(429, {}, { "retry-after": "10" }),
    });
    await bench.ask();
    expect(await bench.ask()).toMatchObject({ status: 429, took: 0 });
  });

  it("takes what comes first: a key that has rested before a place or a limit", async () => {
    await using bench = await lab({
      providers: { lab: [{ value: "a", concurrency: 1 }, { value: "b", limits: { rpm: 1 } }, "c"] },
      plugins: [cooldown(), limits()],
      upstream: { a: silence(), c: inTurn(status(429, {}, { "retry-after": "10" }), answer()) },
    });
    const leaving = new AbortController();
    const stuck = bench.proxy.chat({ model: "lab/m" }, { signal: leaving.signal });
    expect((await bench.ask()).status).toBe(200);
    expect(bench.asked()).toBe("a b");
    // `c` is limited; `a` is busy, so the request waits, and what it has tried is not tried again.
    expect(await bench.ask()).toMatchObject({ status: 429, took: 30_000 });
    expect(bench.asked()).toBe("c");
    await bench.clock.advance(1000);
    expect(await bench.ask()).toMatchObject({ status: 200 });
    leaving.abort();
    await stuck;
  });

  it("ends when a key is added", async () => {
    await using bench = await lab({ providers: one, concurrency: 1, upstream: { a: silence() } });
    const first = new AbortController();
    const stuck = bench.proxy.chat({ model: "lab/m" }, { signal: first.signal });
    await bench.clock.advance(10);
    const waiting = bench.proxy.chat({ model: "lab/m" });
    await bench.clock.advance(10);
    bench.pool.add(keyOf("lab", "b"));
    await bench.clock.advance(0);
    expect((await waiting).status).toBe(200);
    expect(bench.asked()).toBe("a b");
    first.abort();
    await stuck;
  });

  it("does not let those who come later overtake", async () => {
    await using bench = await lab({
      providers: one,
      plugins: [clients(), limits({ keys: { caps: [{ window: 10_000, requests: 1 }] } })],
    });
    const early = many(bench, ["x1", "x2"]);
    await bench.clock.advance(9_999);
    const late = many(bench, ["y1"]);
    await bench.clock.advance(1);
    await until(bench, () => early.answered.length === 2);
    expect(late.answered).toEqual([]);
    expect(bench.calls.map((call) => call.at)).toEqual([0, 10_000]);
    await until(bench, () => late.answered.length === 1);
    expect(bench.calls[2]?.at).toBe(20_000);
  });

  it("costs no more the more there are: one looks for all", async () => {
    let looks = 0;
    const counter = definePlugin({
      name: "counter",
      hooks: { selectKey: { precedence: "drop", handler: (candidates) => (looks++, candidates) } },
    });
    await using bench = await lab({
      providers: one,
      plugins: [counter, limits({ keys: { caps: [{ window: 10_000, requests: 5 }] } })],
    });
    const { answered } = many(
      bench,
      Array.from({ length: 300 }, () => "x"),
    );
    await bench.clock.advance(5000);
    looks = 0;
    await bench.clock.advance(5000);
    await until(bench, () => answered.length === 10);
    expect(looks).toBeLessThan(12);
    await bench.clock.advance(40_000);
    expect(bench.calls.length).toBeGreaterThanOrEqual(15);
  });

  it("C3 with places shared by workers, a place elsewhere is found free after a while", async () => {
    await using bench = await lab({ providers: one, plugins: [concurrency({ perCredential: 1, shared: true })] });
    const elsewhere = await bench.proxy.app.state.reserve([
      { counter: { kind: "lease", key: `flight/${bench.id("a")}`, ttl: 3000 }, limit: 1, amount: 1 },
    ]);
    expect(elsewhere.granted).toBe(true);
    const reply = await bench.ask();
    expect(reply.status).toBe(200);
    expect(reply.took).toBeGreaterThanOrEqual(3000);
    expect(reply.took).toBeLessThan(3500);
  });

  it("C3 places shared by workers are kept as long as the answer lasts", async () => {
    await using bench = await lab({
      providers: one,
      plugins: [concurrency({ perCredential: 1, shared: true })],
      upstream: later(answer(), pause(100_000)),
    });
    const sent = bench.proxy.chat({ model: "lab/m" });
    const counter = { kind: "lease", key: `flight/${bench.id("a")}`, ttl: 1 } as const;
    for (let second = 0; second < 99; second++) {
      await bench.clock.advance(1000);
      expect(await bench.proxy.app.state.used([counter])).toEqual([1]);
    }
    await bench.clock.advance(1000);
    expect((await sent).status).toBe(200);
    await (await sent).text();
    expect(await bench.proxy.app.state.used([counter])).toEqual([0]);
    await bench.clock.advance(10_000);
    expect(bench.clock.pending).toBe(0);
  });
});
