import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { systemClock } from "waygate";

test("a timer of the machine's clock is never early by the time that the clock tells", async () => {
  const clock = systemClock();
  const early = async (ms: number): Promise<number> => {
    const due = clock.now() + ms;
    await new Promise<void>((resolve) => void clock.timer(resolve, ms));
    return Math.max(0, due - clock.now());
  };
  const found: Promise<number>[] = [];
  // They begin at every part of a millisecond.
  for (let index = 0; index < 300; index++) {
    found.push(early(10 + (index % 7)));
    if (index % 5 === 0) await sleep(1);
  }
  // The timers themselves keep nothing alive.
  await sleep(40);
  expect((await Promise.all(found)).filter((ms) => ms > 0)).toEqual([]);
});

test("the longest timer that a config may ask for does not come at once", async () => {
  let came = false;
  const timer = systemClock().timer(() => (came = true), 2 ** 31 - 1);
  await sleep(20);
  timer.cancel();
  expect(came).toBe(false);
});
