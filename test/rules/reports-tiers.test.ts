/** Reports 12 and 15: which of unequal keys comes first, and how long it is waited for before a worse one is taken. */
import { describe, expect, it } from "vitest";
import { ConfigError } from "waygate";
import { cooldown } from "waygate/plugins/cooldown";
import { limits } from "waygate/plugins/limits";
import { resilience } from "waygate/plugins/resilience";
import { tiers, type TiersOptions } from "waygate/plugins/tiers";
import { answer, gate, later, pause, status, type Step } from "waygate/testing";
import { inTurn, type Lab, lab, type LabOptions } from "./_lab.ts";

const limit = (seconds: number): Step =>
  status(429, { error: { message: "Slow down" } }, { "retry-after": String(seconds) });
const oops = status(500, { error: { message: "Oops" } });

/** One key of a better tier, `a`, and one of a worse, `x`. */
function tiered(wait: TiersOptions["wait"], options: LabOptions = {}): Promise<Lab> {
  return lab({
    providers: { best: ["a"], worse: ["x"] },
    concurrency: 1,
    retry: { sameCredential: 0 },
    ...options,
    plugins: [tiers([["best"], ["worse"]], { wait }), cooldown(), ...(options.plugins ?? [])],
  });
}

describe("the order of paid and free keys", () => {
  it("report 12: every key of a better tier before any of a worse, and within a tier by the priorities of keys", async () => {
    await using bench = await lab({
      providers: {
        paid: [
          { value: "p1", priority: 1 },
          { value: "p2", priority: 1 },
        ],
        free: [
          { value: "f2", priority: 2 },
          { value: "f1", priority: 1 },
        ],
      },
      plugins: [resilience({ rotate: { mode: "random" }, cooldown: { breaker: false } }), tiers([["free"], ["paid"]])],
      retry: { sameCredential: 0 },
      upstream: oops,
    });
    // A plain name is all who list the model, and the paid provider stands first in the config.
    for (let request = 0; request < 8; request++) {
      await bench.ask("m");
      expect(bench.asked()).toMatch(/^f1 f2 (?:p1 p2|p2 p1)$/);
      await bench.clock.advance(60_000);
    }
  });
});

describe("a wait for the better tier", () => {
  it("report 15: without a wait a request goes to a worse tier as soon as the better one is busy or at rest", async () => {
    await using bench = await tiered(undefined, { upstream: { a: inTurn(later(answer(), pause(1000)), limit(1)) } });
    const first = bench.proxy.chat({ model: "best/m" });
    await bench.clock.advance(0);
    expect(await bench.ask("best/m")).toMatchObject({ status: 200, took: 0 });
    await bench.finish(first);
    await bench.ask("best/m");
    await bench.ask("best/m");
    expect(bench.asked()).toBe("a x a x x");
  });

  it("report 15: a busy key of the better tier is waited for, and gets the request when it is free", async () => {
    await using bench = await tiered(2000, { upstream: { a: later(answer(), pause(1500)) } });
    const first = bench.proxy.chat({ model: "best/m" });
    await bench.clock.advance(0);
    const second = await bench.ask("best/m");
    expect([second.status, second.took, bench.asked()]).toEqual([200, 3000, "a a"]);
    expect(second.headers.get("x-fallback-provider")).toBeNull();
    await bench.finish(first);
  });

  it("report 15: no longer than that: then the worse one is asked, and said to be so", async () => {
    const door = gate();
    await using bench = await tiered(2000, { upstream: { a: later(answer(), door) } });
    const first = bench.proxy.chat({ model: "best/m" });
    await bench.clock.advance(0);
    const second = await bench.ask("best/m");
    expect([second.status, second.took, bench.asked()]).toEqual([200, 2000, "a x"]);
    expect(second.headers.get("x-fallback-provider")).toBe("worse");
    expect(bench.pool.room.size).toBe(0);
    door.open();
    await bench.finish(first);
  });

  it.each([
    [1, 1000, "a a a"],
    [3, 0, "a x x"],
  ])(
    "report 15: a key that rests for %i s is waited for only where it is back in time",
    async (seconds, took, asked) => {
      await using bench = await tiered(2000, {
        retry: { sameCredential: 0, shortWait: 0 },
        upstream: { a: inTurn(answer(), limit(seconds), answer()) },
      });
      await bench.ask("best/m");
      bench.asked();
      // This one meets the limit itself and does not return to the key.
      const met = await bench.ask("best/m");
      expect([met.status, bench.asked()]).toEqual([200, "a x"]);
      const next = await bench.ask("best/m");
      expect([next.status, next.took]).toEqual([200, took]);
      expect(`a ${bench.asked()} ${asked.split(" ").at(-1)}`).toBe(asked);
    },
  );

  it("report 15: the request that meets a short limit of the only better key waits for it, once", async () => {
    await using bench = await tiered(2000, {
      retry: { sameCredential: 1 },
      upstream: { a: inTurn(limit(1), answer(), limit(1), limit(1)) },
    });
    expect(await bench.ask("best/m")).toMatchObject({ status: 200, took: 1000 });
    expect(bench.asked()).toBe("a a");
    await bench.ask("best/m");
    expect(bench.asked()).toBe("a a x");
  });

  it("report 15: a limit of ours is waited for like any rest", async () => {
    const keys = { caps: [{ window: 1500, requests: 1 }] };
    for (const [wait, asked] of [
      [2000, "a a"],
      [1000, "a x"],
    ] as const) {
      await using bench = await tiered(wait, { plugins: [limits({ keys })] });
      await bench.ask("best/m");
      const next = await bench.ask("best/m");
      expect(next.status).toBe(200);
      expect(bench.asked()).toBe(asked);
    }
  });

  it("report 15: many who wait get the better key one after the other, the rest the worse one when the time is over", async () => {
    await using bench = await tiered(2500, {
      upstream: { a: later(answer(), pause(1000)), x: answer() },
    });
    const all = Array.from({ length: 6 }, () => bench.proxy.chat({ model: "best/m" }));
    for (const each of all) expect((await bench.finish(each)).status).toBe(200);
    expect(bench.asked()).toBe("a a a x x x");
    expect(bench.pool.room.size).toBe(0);
  });

  it("report 15: a client that leaves meanwhile is not waited for, and leaves nothing behind", async () => {
    const door = gate();
    await using bench = await tiered(5000, { upstream: { a: later(answer(), door) } });
    const first = bench.proxy.chat({ model: "best/m" });
    await bench.clock.advance(0);
    const leaving = new AbortController();
    const second = bench.proxy.chat({ model: "best/m" }, { signal: leaving.signal });
    await bench.clock.advance(100);
    expect(bench.pool.room.size).toBe(1);
    leaving.abort();
    await bench.clock.advance(0);
    expect([(await second).status, bench.pool.room.size, bench.asked()]).toEqual([499, 0, "a"]);
    door.open();
    await bench.finish(first);
  });

  it("report 15: where all that is left is of one tier nobody is waited for in this way", async () => {
    const door = gate();
    await using bench = await lab({
      providers: { best: ["a"], also: ["b"] },
      concurrency: 1,
      plugins: [tiers([["best", "also"]], { wait: 5000 })],
      upstream: { a: later(answer(), door) },
    });
    const first = bench.proxy.chat({ model: "best/m" });
    await bench.clock.advance(0);
    expect(await bench.ask("best/m")).toMatchObject({ status: 200, took: 0 });
    door.open();
    await bench.finish(first);
  });

  it("report 15: the order of an alias counts for more than tiers, so nobody is waited for past its next target", async () => {
    const door = gate();
    await using bench = await tiered(5000, {
      providers: { worse: ["x"], best: ["a"] },
      models: { smart: ["worse/m", "best/m"] },
      upstream: { x: later(answer(), door) },
    });
    const first = bench.proxy.chat({ model: "smart" });
    await bench.clock.advance(0);
    expect(await bench.ask("smart")).toMatchObject({ status: 200, took: 0 });
    expect(bench.asked()).toBe("x a");
    door.open();
    await bench.finish(first);
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])("report 15: a wait of %d does not start", (wait) => {
    expect(() => tiers([], { wait })).toThrow(ConfigError);
  });
});
