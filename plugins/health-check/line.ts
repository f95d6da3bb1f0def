/** Probes of all providers one after the other, so that many dead keys do not look like an attack. */
import type { Clock } from "waygate";
import { pause } from "./pause.ts";

/** Milliseconds between the beginnings of two probes. */
const BREAK = 3000;

export interface Line {
  /** Resolves when it is the caller's turn, or when the signal aborts. */
  turn(clock: Clock, signal: AbortSignal): Promise<void>;
}

export function createLine(): Line {
  let next = 0;
  return {
    turn(clock, signal) {
      const now = clock.monotonic();
      const at = Math.max(now, next);
      next = at + BREAK;
      return at > now ? pause(clock, at - now, signal) : Promise.resolve();
    },
  };
}
