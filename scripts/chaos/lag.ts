/** How long this process has stood still: what it hears late it must not blame on others. */
import type { Violate } from "./rules.ts";

export interface Lag {
  /** Milliseconds of standstill in the ten seconds after a time (of `performance.now()`). */
  readonly since: (at: number) => number;
  stop(): void;
}

const EVERY = 20;

export function watchLag(): Lag {
  const stops: Stop[] = [];
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    if (now - last > EVERY * 2) stops.push({ at: now, ms: now - last - EVERY });
    last = now;
  }, EVERY);
  return {
    since(at) {
      return sumSince(stops, at);
    },
    stop: () => clearInterval(timer),
  };
}

interface Stop {
  readonly at: number;
  readonly ms: number;
}

function sumSince(stops: readonly Stop[], at: number): number {
  let sum = 0;
  for (let index = stops.length - 1; index >= 0 && stops[index]!.at >= at; index--) {
    if (stops[index]!.at <= at + 10_000) sum += stops[index]!.ms;
  }
  return sum;
}

export interface Stalls {
  /** The proxy has stood still until now. */
  add(ms: number, busy: number): void;
  /** The same for the proxy. */
  since(at: number): number;
}

/** Milliseconds that the proxy may compute without looking up. */
const BUSY = 1000;
/** The share of a standstill from which on it is the proxy's own. */
const MOSTLY = 0.8;

/** Standstills of the proxy itself. Where others have the processor it is not busy, and not to blame. */
export function createStalls(violate: Violate): Stalls {
  const all: Stop[] = [];
  return {
    add(ms, busy) {
      all.push({ at: performance.now(), ms });
      if (busy > BUSY && busy > ms * MOSTLY) violate("no-standstill", `${ms} ms, ${busy} of them busy`);
    },
    since: (at) => sumSince(all, at),
  };
}
