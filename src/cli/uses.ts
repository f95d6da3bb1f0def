/** How many requests each key was sent since the daily reset. */
import { dayOf } from "../candidates/daily-reset.ts";
import type { Attempt } from "../plugin/context.ts";

export interface Uses {
  /** The attempts of a request that has ended. */
  add(attempts: readonly Attempt[]): void;
  of(credential: string): number;
}

/** `now` in epoch milliseconds. */
export function countUses(now: () => number = Date.now): Uses {
  const counts = new Map<string, number>();
  let day = 0;
  const turn = (): void => {
    const today = dayOf(now());
    if (today === day) return;
    day = today;
    counts.clear();
  };
  return {
    add(attempts) {
      turn();
      for (const { credential } of attempts) counts.set(credential.id, (counts.get(credential.id) ?? 0) + 1);
    },
    of(credential) {
      turn();
      return counts.get(credential) ?? 0;
    },
  };
}
