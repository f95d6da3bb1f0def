import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import type { Counter, Snapshot, SnapshotSection, StateStore } from "waygate";
import { virtualClock, type VirtualClock } from "waygate/testing";
import { memoryState } from "../../src/state/memory.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

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

it("a flood of one owner's values never pushes out what another has set", async () => {
  const state = memoryState(virtualClock(), 100);
  await state.set("seal:x", 1, 1000);
  await state.set("answer:me:y", 2, 1000);
  for (let count = 0; count < 1000; count++) await state.set(`sticky:${count}`, count, 1000);
  expect([await state.get("seal:x"), await state.get("answer:me:y"), await state.get("sticky:999")]).toEqual([
    1, 2, 999,
  ]);
  expect(await state.get("sticky:899")).toBeUndefined();
});

it("names that look like ever new owners are bounded too, and push out nobody who has a name of long standing", async () => {
  const state = memoryState(virtualClock(), 100);
  await state.set("seal:x", 1, 1000);
  for (let count = 0; count < 10_000; count++) await state.set(`${count}:a`, count, 1000);
  await state.set("no owner", 2, 1000);
  expect([await state.get("seal:x"), await state.get("9999:a"), await state.get("no owner")]).toEqual([1, 9999, 2]);
  let kept = 0;
  for (let count = 0; count < 10_000; count++) if ((await state.get(`${count}:a`)) !== undefined) kept++;
  expect(kept).toBeLessThan(200);
});

it("values of all owners are kept over a restart", async () => {
  const clock = virtualClock();
  const sections = new Map<string, SnapshotSection>();
  const snapshot: Snapshot = {
    add(name, section) {
      sections.set(name, section);
      return () => undefined;
    },
  };
  const before = memoryState(clock, 2, snapshot);
  for (const key of ["a:1", "a:2", "a:3", "b:1"]) await before.set(key, key, 1000);
  const saved = sections.get("state.values")!;
  const rows = [...saved.keys()].map((key) => [key, saved.save(key)!.value] as const);
  expect(rows.map(([key]) => key)).toEqual(["a:2", "a:3", "b:1"]);
  const after = memoryState(clock, 2, snapshot);
  for (const [key, value] of rows) sections.get("state.values")!.load(key, value);
  expect([await after.get("a:3"), await after.get("b:1")]).toEqual(["a:3", "b:1"]);
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

  it("what fills a counter is told with the grant, with the time when as much fits again", async () => {
    const clock = virtualClock();
    const store = memoryState(clock);
    const day: Counter = { kind: "fixed", key: "k", until: clock.now() + 86_400_000 };
    const both = [
      { counter: sliding("k"), limit: 2, amount: 1 },
      { counter: day, limit: 3, amount: 1 },
      { counter: { kind: "lease", key: "k", ttl: 1000 }, limit: 1, amount: 0 },
    ] as const;
    expect(await store.reserve(both)).toEqual({ granted: true, id: expect.any(String) });
    await clock.advance(10_000);
    expect(await store.reserve(both)).toMatchObject({ full: [{ index: 0, until: clock.now() + 50_000 }] });
    await clock.advance(50_000);
    expect(await store.reserve(both)).toMatchObject({
      full: [
        { index: 0, until: clock.now() + 10_000 },
        { index: 1, until: day.until },
      ],
    });
  });

  it("counters of one name but of other kinds, windows and ends are told apart, and ended days are forgotten", async () => {
    const clock = virtualClock();
    const { store, ids } = watched(clock);
    const end = clock.now() + 1000;
    const counters: Counter[] = [
      sliding("k", 1000),
      sliding("k", 5000),
      { kind: "fixed", key: "k", until: end },
      { kind: "lease", key: "k", ttl: 5000 },
    ];
    store.reserve(counters.map((counter, index) => ({ counter, limit: 100, amount: index + 1 })));
    expect(store.used(counters)).toEqual([1, 2, 3, 4]);
    await clock.advance(1000);
    store.reserve(take({ kind: "fixed", key: "k", until: end + 1000 }, 9));
    expect(store.used(counters)).toEqual([0, 2, 0, 4]);
    expect(ids()).not.toContain(`f${end} k`);
  });

  it("H3 requests that are over leave nothing behind in the process", async () => {
    const store = memoryState(virtualClock());
    const run = (): void => {
      for (let count = 0; count < 200_000; count++) {
        const said = store.reserve(take({ kind: "lease", key: "k", ttl: 1000 }, 1));
        if (!(said instanceof Promise) && said.granted) void store.settle(said.id, []);
      }
    };
    run();
    collect();
    const before = process.memoryUsage().heapUsed;
    run();
    collect();
    // An iterator that stands still kept 150 bytes of each.
    expect((process.memoryUsage().heapUsed - before) / 200_000).toBeLessThan(20);
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
