import { describe, expect, it } from "vitest";
import { seededRandom, virtualClock } from "../../src/testing/virtual-clock.ts";

const sleep = (clock: ReturnType<typeof virtualClock>, ms: number): Promise<void> =>
  new Promise((resolve) => clock.timer(resolve, ms));

describe("virtualClock", () => {
  it("stands still until it is advanced", async () => {
    const clock = virtualClock({ start: 1000 });
    expect([clock.now(), clock.monotonic()]).toEqual([1000, 0]);
    await clock.advance(250);
    expect([clock.now(), clock.monotonic()]).toEqual([1250, 250]);
    await clock.advanceTo(5000);
    expect([clock.now(), clock.monotonic()]).toEqual([5000, 4000]);
  });

  it("fires timers in order of time, then of setting, and shows each its own time", async () => {
    const clock = virtualClock({ start: 0 });
    const fired: string[] = [];
    for (const [name, ms] of [
      ["c", 30],
      ["a", 10],
      ["b", 20],
      ["b2", 20],
      ["late", 31],
      ["now", 0],
    ] as const) {
      clock.timer(() => fired.push(`${name}@${clock.now()}`), ms);
    }
    await clock.advance(30);
    expect(fired).toEqual(["now@0", "a@10", "b@20", "b2@20", "c@30"]);
    expect(clock.pending).toBe(1);
  });

  it("keeps the order with hundreds of timers", async () => {
    const clock = virtualClock();
    const random = seededRandom(7);
    const fired: number[] = [];
    for (let count = 0; count < 500; count++) {
      const ms = Math.floor(random() * 1000);
      clock.timer(() => fired.push(ms), ms);
    }
    await clock.run();
    expect(fired).toHaveLength(500);
    expect(fired).toEqual(fired.toSorted((a, b) => a - b));
  });

  it("lets promise chains settle between two timers, so that a chain may set the next timer", async () => {
    const clock = virtualClock({ start: 0 });
    const seen: number[] = [];
    const loop = (async () => {
      for (let round = 0; round < 4; round++) {
        await sleep(clock, 10);
        for (let hop = 0; hop < 50; hop++) await Promise.resolve();
        seen.push(clock.now());
      }
    })();
    await clock.advance(40);
    await loop;
    expect(seen).toEqual([10, 20, 30, 40]);
  });

  it("forgets a timer that was cancelled, before and after it fired", async () => {
    const clock = virtualClock();
    let fired = 0;
    const first = clock.timer(() => fired++, 5);
    const second = clock.timer(() => fired++, 6);
    first.cancel();
    first.cancel();
    expect(clock.pending).toBe(1);
    await clock.advance(10);
    second.cancel();
    expect([fired, clock.pending]).toEqual([1, 0]);
  });

  it("runs until no timer is left and stays at the last one", async () => {
    const clock = virtualClock({ start: 0 });
    void sleep(clock, 70).then(() => sleep(clock, 30));
    await clock.run();
    expect([clock.now(), clock.pending]).toEqual([100, 0]);
  });

  it("shifts the wall clock without disturbing timers", async () => {
    const clock = virtualClock({ start: 10_000 });
    let fired = false;
    clock.timer(() => (fired = true), 100);
    clock.shift(-5000);
    expect([clock.now(), clock.monotonic()]).toEqual([5000, 0]);
    await clock.advance(99);
    expect(fired).toBe(false);
    await clock.advance(1);
    expect(fired).toBe(true);
  });

  it("refuses to run backwards or twice at once", async () => {
    const clock = virtualClock();
    await expect(clock.advance(-1)).rejects.toThrow("does not run backwards");
    const first = clock.advance(5);
    await expect(clock.advance(5)).rejects.toThrow("another advance");
    await first;
    expect(clock.monotonic()).toBe(5);
  });

  it("throws what a timer throws, and goes on afterwards", async () => {
    const clock = virtualClock();
    clock.timer(() => {
      throw new Error("from the timer");
    }, 1);
    await expect(clock.advance(2)).rejects.toThrow("from the timer");
    await clock.advance(2);
    expect(clock.monotonic()).toBe(3);
  });
});

describe("seededRandom", () => {
  const take = (seed: number, count: number): number[] => {
    const random = seededRandom(seed);
    return Array.from({ length: count }, random);
  };

  it("gives the same numbers for the same seed and others for another", () => {
    expect(take(42, 20)).toEqual(take(42, 20));
    expect(take(42, 20)).not.toEqual(take(43, 20));
  });

  it.each([0, 1, 2, -1, 123_456])("spreads over [0, 1) with seed %i", (seed) => {
    const numbers = take(seed, 10_000);
    expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...numbers)).toBeLessThan(1);
    for (let tenth = 0; tenth < 10; tenth++) {
      const share = numbers.filter((number) => Math.floor(number * 10) === tenth).length;
      expect(share).toBeGreaterThan(850);
      expect(share).toBeLessThan(1150);
    }
  });
});
