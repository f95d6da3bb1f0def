/** The state store of one process. */
import type { Json } from "../protocols/canonical.ts";
import type { Clock } from "../runtime.ts";
import { createCounters } from "./counters.ts";
import { dropOldestOf } from "./drop-oldest.ts";
import { keepCounters, keepValues } from "./memory-snapshot.ts";
import type { Snapshot } from "../database/snapshot.ts";
import type { StateStore } from "./store.ts";

/** Entries at most; the ones set longest ago go first. A tool call's signature is about a kilobyte. */
const LIMIT = 50_000;

/** A value, and when it ends by the clock that never jumps. */
export interface Entry {
  readonly value: Json;
  readonly until: number;
}

/** With a snapshot, values and counters are kept over a restart. */
export function memoryState(
  clock: Pick<Clock, "now" | "monotonic">,
  limit: number = LIMIT,
  snapshot?: Snapshot,
): StateStore {
  const now = clock.monotonic;
  // A map keeps the order of insertion, which is the order in which entries are given up.
  const entries = new Map<string, Entry>();
  const dropOldest = dropOldestOf(entries);
  const changed = snapshot && keepValues(snapshot, entries, clock);
  return {
    ...createCounters(clock, snapshot && ((all) => keepCounters(snapshot, all))),
    get(key) {
      const entry = entries.get(key);
      if (!entry) return undefined;
      if (entry.until > now()) return entry.value;
      entries.delete(key);
      return undefined;
    },
    set(key, value, ttl) {
      entries.delete(key);
      entries.set(key, { value, until: now() + ttl });
      changed?.(key);
      if (entries.size <= limit) return;
      const oldest = dropOldest();
      if (oldest !== undefined) changed?.(oldest);
    },
    delete(key) {
      if (entries.delete(key)) changed?.(key);
    },
  };
}
