/** The state store of one process. */
import type { Clock } from "../runtime.ts";
import { createCounters, type KeptCounters } from "./counters.ts";
import { keepCounters, keepValues } from "./memory-snapshot.ts";
import type { Snapshot } from "../database/snapshot.ts";
import { createShelves } from "./shelves.ts";
import type { StateStore } from "./store.ts";

/** Entries of one owner at most; the ones set longest ago go first. A tool call's signature is about a kilobyte. */
const LIMIT = 50_000;

export interface MemoryState extends StateStore {
  /** From now on the snapshot of another proxy keeps it too. It must not be filled from there: all is here already. */
  join(snapshot: Snapshot): void;
  leave(snapshot: Snapshot): void;
}

/** What one snapshot is told. */
interface Keeper {
  readonly value: (key: string) => void;
  readonly counter: (id: string) => void;
}

/**
 * With a snapshot, values and counters are kept over a restart. `limit` is for each owner, which is what stands before
 * the first `:` of a key.
 */
export function memoryState(
  clock: Pick<Clock, "now" | "monotonic">,
  limit: number = LIMIT,
  snapshot?: Snapshot,
): MemoryState {
  const now = clock.monotonic;
  const shelves = createShelves(limit);
  const keepers = new Map<Snapshot, Keeper>();
  let counters: KeptCounters | undefined;
  const add = (to: Snapshot, isFilled: boolean): void => {
    const counter = counters && keepCounters(to, counters, isFilled);
    keepers.set(to, { value: keepValues(to, shelves, clock, isFilled), counter: counter ?? (() => undefined) });
  };
  const changed = (key: string): void => {
    for (const keeper of keepers.values()) keeper.value(key);
  };
  const keep = (all: KeptCounters): ((id: string) => void) => {
    counters = all;
    return (id) => {
      for (const keeper of keepers.values()) keeper.counter(id);
    };
  };
  const own = createCounters(clock, snapshot && keep);
  if (snapshot) add(snapshot, false);
  return {
    ...own,
    join: (other) => add(other, true),
    leave: (other) => void keepers.delete(other),
    get(key) {
      const entry = shelves.get(key);
      if (!entry) return undefined;
      if (entry.until > now()) return entry.value;
      shelves.delete(key);
      return undefined;
    },
    set(key, value, ttl) {
      const dropped = shelves.put(key, { value, until: now() + ttl });
      if (keepers.size === 0) return;
      changed(key);
      for (const each of dropped) changed(each);
    },
    delete(key) {
      if (shelves.delete(key)) changed(key);
    },
  };
}
