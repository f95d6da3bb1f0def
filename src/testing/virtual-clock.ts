/** Time that passes when a test says so. */
import { setImmediate as turn } from "node:timers/promises";
import type { Clock } from "../runtime.ts";

export interface VirtualClock extends Clock {
  /** Lets `ms` milliseconds pass: fires what is due in order, and lets promises settle before, between and after. */
  advance(ms: number): Promise<void>;
  /** Lets time pass until this moment, epoch milliseconds. */
  advanceTo(time: number): Promise<void>;
  /** Lets time pass until no timer is left, or `limit` milliseconds have passed (default: one day). */
  run(limit?: number): Promise<void>;
  /** Moves the wall clock alone, as a time server does; `monotonic` and the timers do not notice. */
  shift(ms: number): void;
  /** Timers waiting. */
  readonly pending: number;
}

interface Entry {
  readonly due: number;
  readonly order: number;
  readonly callback: () => void;
  cancelled: boolean;
}

const defaultStart = Date.UTC(2026, 0, 1);
const day = 86_400_000;

export interface VirtualClockOptions {
  /** Epoch milliseconds. Default 2026-01-01 UTC. */
  readonly start?: number;
  /** Runs after every timer that fired, once the promises it settled have been heard. */
  readonly onStep?: () => void;
}

/** A clock that stands still until it is advanced. */
export function virtualClock(options: VirtualClockOptions = {}): VirtualClock {
  let wall = options.start ?? defaultStart;
  let elapsed = 0;
  let order = 0;
  let pending = 0;
  let running = false;
  const heap: Entry[] = [];

  /** Fires timers due until `until` says stop, in order of time and then of setting. */
  const pass = async (until: (next: Entry | undefined) => boolean): Promise<void> => {
    if (running) throw new Error("virtual clock: advance was called while another advance runs; await the first one");
    running = true;
    try {
      await turn();
      for (;;) {
        while (heap[0]?.cancelled) pop(heap);
        const next = heap[0];
        if (!next || until(next)) return;
        pop(heap);
        pending--;
        next.cancelled = true;
        elapsed = Math.max(elapsed, next.due);
        next.callback();
        await turn();
        options.onStep?.();
      }
    } finally {
      running = false;
    }
  };
  const passTo = async (target: number): Promise<void> => {
    if (!(target >= elapsed))
      throw new RangeError(`virtual clock: time does not run backwards (${target - elapsed} ms)`);
    await pass((next) => next === undefined || next.due > target);
    elapsed = target;
    await turn();
  };

  return {
    now: () => wall + elapsed,
    monotonic: () => elapsed,
    timer(callback, ms) {
      const entry: Entry = { due: elapsed + Math.max(0, ms || 0), order: order++, callback, cancelled: false };
      push(heap, entry);
      pending++;
      return {
        cancel() {
          if (entry.cancelled) return;
          entry.cancelled = true;
          pending--;
        },
      };
    },
    advance: (ms) => passTo(elapsed + ms),
    advanceTo: (time) => passTo(time - wall),
    run(limit = day) {
      const end = elapsed + limit;
      return pass((next) => next === undefined || next.due > end);
    },
    shift(ms) {
      wall += ms;
    },
    get pending() {
      return pending;
    },
  };
}

/** A reproducible stand-in for `Math.random`: the same seed, the same numbers in [0, 1). */
export function seededRandom(seed: number): () => number {
  // xorshift (Marsaglia 2003) on 32 bits; a state of 0 would stay 0, and close seeds start alike without the spread.
  let state = Math.imul(seed | 0, 0x9e3779b1) ^ 0x5bd1e995 || 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  for (let warm = 0; warm < 8; warm++) next();
  return next;
}

function before(a: Entry, b: Entry): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order);
}

function push(heap: Entry[], entry: Entry): void {
  let at = heap.push(entry) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent]!;
    if (!before(entry, above)) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = entry;
}

function pop(heap: Entry[]): void {
  const last = heap.pop();
  if (!last || heap.length === 0) return;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    const right = heap[child + 1];
    if (right && before(right, heap[child]!)) child++;
    const below = heap[child];
    if (!below || !before(below, last)) break;
    heap[at] = below;
    at = child;
  }
  heap[at] = last;
}
