/** The memory of one process, kept over a restart. Times are kept as times of day: the steady clock begins anew. */
import type { Snapshot } from "../database/snapshot.ts";
import type { Json, JsonObject } from "../protocols/canonical.ts";
import type { Clock } from "../runtime.ts";
import type { KeptCounters } from "./counters.ts";
import type { Shelves } from "./shelves.ts";
import type { Fixed, Moment, Sliding } from "./tallies.ts";

/** Pieces that a window is kept in. More would be exact to the millisecond, and a row per request. */
const PIECES = 60;

/** Registers the values. Returns what is called when one has been set or removed. `isFilled`: nothing is loaded. */
export function keepValues(
  snapshot: Snapshot,
  shelves: Shelves,
  { now, monotonic }: Pick<Clock, "now" | "monotonic">,
  isFilled: boolean,
): (key: string) => void {
  return snapshot.add("state.values", {
    version: 1,
    keys: () => shelves.keys(),
    save(key) {
      const entry = shelves.get(key);
      if (entry === undefined) return undefined;
      const until = Math.floor(now() + entry.until - monotonic());
      return { value: { until, value: entry.value }, until };
    },
    load(key, row) {
      if (isFilled) return;
      const { until, value } = fieldsOf(row);
      if (typeof until !== "number" || value === undefined) throw new Error("a value has another shape");
      if (until > now()) shelves.put(key, { value, until: monotonic() + until - now() });
    },
  });
}

/** Registers the counters, without what is held: who held it is gone. Returns what is called when one has changed. */
export function keepCounters(
  snapshot: Snapshot,
  { ids, get, put, moment }: KeptCounters,
  isFilled: boolean,
): (id: string) => void {
  return snapshot.add("state.counters", {
    version: 1,
    keys: ids,
    save(id) {
      const tally = get(id);
      if (tally === undefined || tally.kind === "lease") return undefined;
      if (tally.kind === "fixed") return { value: { until: tally.until, total: tally.total }, until: tally.until };
      return savedWindow(tally, moment());
    },
    load(id, row) {
      if (isFilled) return;
      const at = moment();
      const tally = fixedOf(row) ?? windowOf(row, at);
      if (tally === undefined) throw new Error("a counter has another shape");
      put(id, tally);
    },
  });
}

/** Neighbours become one, as late as the latest of them, so that a window is never emptier after a restart. */
function savedWindow({ window, buckets, first }: Sliding, at: Moment): { value: Json; until: number } | undefined {
  const piece = Math.max(1, Math.ceil(window / PIECES));
  const taken: [at: number, amount: number][] = [];
  for (let index = first; index < buckets.length; index++) {
    const { at: steady, amount } = buckets[index]!;
    const time = at.wall - at.steady + steady;
    const last = taken.at(-1);
    if (last !== undefined && Math.floor(last[0] / piece) === Math.floor(time / piece)) {
      last[0] = time;
      last[1] += amount;
    } else taken.push([time, amount]);
  }
  const latest = taken.at(-1);
  return latest && { value: { window, taken }, until: latest[0] + window };
}

function fixedOf(row: Json): Fixed | undefined {
  const { until, total } = fieldsOf(row);
  return typeof until === "number" && typeof total === "number" ? { kind: "fixed", until, total } : undefined;
}

function windowOf(row: Json, at: Moment): Sliding | undefined {
  const { window, taken } = fieldsOf(row);
  if (typeof window !== "number" || !Array.isArray(taken)) return undefined;
  const buckets = (taken as readonly Json[]).map((each) => {
    const [time, amount] = Array.isArray(each) ? (each as readonly Json[]) : [];
    if (typeof time !== "number" || typeof amount !== "number") throw new Error("a counter has another shape");
    // The clock may have been set back since; nothing was taken in the future.
    return { at: at.steady - Math.max(0, at.wall - time), amount };
  });
  return { kind: "sliding", window, buckets, first: 0, total: buckets.reduce((sum, { amount }) => sum + amount, 0) };
}

function fieldsOf(row: Json): JsonObject {
  return typeof row === "object" && row !== null && !Array.isArray(row) ? (row as JsonObject) : {};
}
