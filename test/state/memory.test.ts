import { describe, expect, it } from "vitest";
import type { Counter, Snapshot, SnapshotSection, StateStore } from "waygate";
import { virtualClock, type VirtualClock } from "waygate/testing";
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

describe("counters", () => {
  const sliding = (key: string, window: number = 60_000): Counter => ({ kind: "sliding", key, window });
  const take = (counter: Counter, limit: number): readonly [{ counter: Counter; limit: number; amount: number }] => [
    { counter, limit, amount: 1 },
  ];
  /** The ids of the counters a store holds. */
  const watched = (clock: VirtualClock): { readonly store: StateStore; readonly ids: () => string[] } => {
    const sections = new Map<string, SnapshotSection>();
    const snapshot: Snapshot = {
      add(name, section) {
        sections.set(name, section);
        return () => undefined;
      },
    };
    const store = memoryState(clock, undefined, snapshot);
    return { store, ids: () => [...sections.get("state.counters")!.keys()] };
  };

  it("E5 a limit of N admits N in the window, to the millisecond, and the next one at the time that was said", async () => {
    const clock = virtualClock();
    const store = memoryState(clock);
    for (let count = 0; count < 3; count++) {
      expect(store.reserve(take(sliding("k"), 3))).toMatchObject({ granted: true });
      await clock.advance(1000);
    }
    const until = clock.now() + 57_000;
    expect(store.reserve(take(sliding("k"), 3))).toEqual({ granted: false, index: 0, until });
    await clock.advanceTo(until - 1);
    expect(store.reserve(take(sliding("k"), 3))).toEqual({ granted: false, index: 0, until });
    await clock.advanceTo(until);
    expect(store.reserve(take(sliding("k"), 3))).toMatchObject({ granted: true });
    expect(store.reserve(take(sliding("k"), 3))).toEqual({ granted: false, index: 0, until: until + 1000 });
  });

  it("E3 what is refused consumes nothing, however often it is asked for", () => {
    const store = memoryState(virtualClock());
    const [free, full] = [sliding("free"), sliding("full")];
    store.reserve(take(full, 1));
    for (let count = 0; count < 100; count++) {
      expect(store.reserve([...take(free, 10), ...take(full, 1)])).toMatchObject({ granted: false, index: 1 });
    }
    expect(store.used([free, full])).toEqual([0, 1]);
  });

  it("E1 a place that nobody gives back is free again after its time to live", async () => {
    const clock = virtualClock();
    const store = memoryState(clock);
    const place: Counter = { kind: "lease", key: "k", ttl: 5000 };
    store.reserve(take(place, 1));
    await clock.advance(4999);
    expect(store.reserve(take(place, 1))).toEqual({ granted: false, index: 0, until: undefined });
    await clock.advance(1);
    expect(store.reserve(take(place, 1))).toMatchObject({ granted: true });
  });

  it("D8 what is given back is free at once", async () => {
    const store = memoryState(virtualClock());
    const granted: boolean[] = [];
    for (let count = 0; count < 100; count++) {
      const said = await store.reserve(take(sliding("k"), 1));
      granted.push(said.granted);
      if (said.granted) await store.settle(said.id, [0]);
    }
    expect(granted).not.toContain(false);
  });

  it.each([-86_400_000, 86_400_000])(
    "a wall clock that jumps by %i ms neither empties a window nor keeps it full",
    async (jump) => {
      const clock = virtualClock();
      const store = memoryState(clock);
      const place: Counter = { kind: "lease", key: "k", ttl: 60_000 };
      await store.set("value", 1, 60_000);
      store.reserve([...take(sliding("k"), 1), ...take(place, 1)]);
      clock.shift(jump);
      expect(store.used([sliding("k"), place])).toEqual([1, 1]);
      expect(store.reserve(take(sliding("k"), 1))).toEqual({ granted: false, index: 0, until: clock.now() + 60_000 });
      await clock.advance(59_999);
      expect(store.used([sliding("k"), place])).toEqual([1, 1]);
      expect(await store.get("value")).toBe(1);
      await clock.advance(1);
      expect(store.used([sliding("k"), place])).toEqual([0, 0]);
      expect(await store.get("value")).toBeUndefined();
    },
  );

  it("counters that are empty again are forgotten, so that names clients make up do not pile up", async () => {
    const clock = virtualClock();
    const { store, ids } = watched(clock);
    for (let round = 0; round < 20; round++) {
      for (let count = 0; count < 1000; count++) store.reserve(take(sliding(`${round} ${count}`, 1000), 1));
      await clock.advance(1000);
    }
    expect(ids().length).toBeLessThan(4100);
  });

  it("a counter that is in use is not forgotten among those that are not", async () => {
    const clock = virtualClock();
    const { store } = watched(clock);
    const day: Counter = { kind: "fixed", key: "day", until: clock.now() + 86_400_000 };
    const said = await store.reserve([{ counter: day, limit: 9, amount: 0 }]);
    for (let round = 0; round < 10; round++) {
      for (let count = 0; count < 1000; count++) store.reserve(take(sliding(`${round} ${count}`, 1000), 1));
      await clock.advance(1000);
    }
    if (said.granted) await store.settle(said.id, [7]);
    expect(store.used([day])).toEqual([7]);
  });

  it("a window with very many takes costs no more per take", () => {
    let time = 0;
    const store = memoryState({ now: () => time, monotonic: () => time });
    const limit = Number.POSITIVE_INFINITY;
    const run = (): number => {
      const began = performance.now();
      for (let count = 0; count < 200_000; count++) {
        time++;
        store.reserve([{ counter: sliding("k", 50_000), limit, amount: 1 }]);
      }
      return performance.now() - began;
    };
    run();
    // Walking over the window for each would be 10,000,000,000 steps.
    expect(run()).toBeLessThan(5000);
    expect(store.used([sliding("k", 50_000)])).toEqual([50_000]);
  });
});
