import { expect, test } from "vitest";
import { virtualClock } from "waygate/testing";
import { steadyClock } from "../src/steady-clock.ts";

const HOUR = 3_600_000;

test("follows the wall clock forwards, also where it jumps", async () => {
  const clock = virtualClock();
  const steady = steadyClock(clock);
  const start = steady.now();
  await clock.advance(1000);
  clock.shift(HOUR);
  expect(steady.now() - start).toBe(HOUR + 1000);
});

test("set back, it goes on, says so once, and follows again when the wall clock has caught up", async () => {
  const clock = virtualClock();
  const told: number[] = [];
  const steady = steadyClock(clock, (ms) => told.push(ms));
  const start = steady.now();
  clock.shift(-HOUR);
  await clock.advance(5000);
  expect(steady.now() - start).toBe(5000);
  await clock.advance(5000);
  expect(steady.now() - start).toBe(10_000);
  expect(told).toEqual([HOUR]);
  clock.shift(HOUR + 500);
  expect(steady.now()).toBe(clock.now());
  clock.shift(-2 * HOUR);
  steady.now();
  expect(told).toHaveLength(2);
});

test("leaves small corrections of a time server alone", () => {
  const clock = virtualClock();
  const steady = steadyClock(clock);
  for (let step = 0; step < 10; step++) {
    clock.shift(-900);
    expect(steady.now()).toBe(clock.now());
  }
});

test("durations and timers are the clock's own", async () => {
  const clock = virtualClock();
  const steady = steadyClock(clock);
  let fired = 0;
  steady.timer(() => fired++, 100);
  steady.timer(() => fired++, 100).cancel();
  clock.shift(-HOUR);
  await clock.advance(100);
  expect(fired).toBe(1);
  expect(steady.monotonic()).toBe(clock.monotonic());
});
