import { expect, it } from "vitest";
import { virtualClock } from "waygate/testing";
import { memoryState } from "../../src/state/memory.ts";

it("a value is there until its time is over", async () => {
  const clock = virtualClock();
  const state = memoryState(clock);
  await state.set("a", { deep: [1] }, 1000);
  await clock.advance(999);
  expect(await state.get("a")).toEqual({ deep: [1] });
  await clock.advance(1);
  expect(await state.get("a")).toBeUndefined();
});

it("setting a value again begins its time anew, and deleting ends it", async () => {
  const clock = virtualClock();
  const state = memoryState(clock);
  await state.set("a", 1, 1000);
  await clock.advance(600);
  await state.set("a", 2, 1000);
  await clock.advance(600);
  expect(await state.get("a")).toBe(2);
  await state.delete("a");
  expect(await state.get("a")).toBeUndefined();
});

it("a full store gives up what was set longest ago", async () => {
  const state = memoryState(virtualClock(), 2);
  await state.set("a", 1, 1000);
  await state.set("b", 2, 1000);
  await state.set("a", 3, 1000);
  await state.set("c", 4, 1000);
  expect([await state.get("a"), await state.get("b"), await state.get("c")]).toEqual([3, undefined, 4]);
});
