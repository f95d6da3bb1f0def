/** Who tries out whether a rest may end: one request at a time for each rest whose time is over. */
import type { Rest } from "./credentials.ts";

/**
 * Milliseconds that one request may take to be answered before another one is let through as well: an upstream that is
 * back must not stay shut out because the request that tried it hangs on a dead connection.
 */
export const PATIENCE = 10_000;

export interface Trials {
  readonly size: number;
  /** What keeps others out while somebody tries. */
  running(key: string, now: number): Rest | undefined;
  /** The rest of this key is being tried from now on. */
  begin(key: string, rest: Rest, now: number): Trial;
  /** The rest has been ended or replaced, so that nobody tries it any more. */
  forget(key: string): void;
  /** True when a trial of the key began at that time or before. */
  coversSince(key: string, startedAt: number): boolean;
  /** True when it was still the one that runs. */
  end(trial: Trial): boolean;
}

export interface Trial {
  readonly key: string;
  readonly since: number;
  readonly rest: Rest;
}

export function createTrials(): Trials {
  const trials = new Map<string, Trial>();
  return {
    get size() {
      return trials.size;
    },
    running(key, now) {
      const trial = trials.get(key);
      return trial !== undefined && trial.rest.until > now ? trial.rest : undefined;
    },
    begin(key, rest, now) {
      // Who has waited out the patience of the first one tries the same thing, and either may be answered.
      const since = trials.get(key)?.since ?? now;
      const trial = { key, since, rest: { ...rest, state: "half-open" as const, until: now + PATIENCE } };
      trials.set(key, trial);
      return trial;
    },
    forget: (key) => void trials.delete(key),
    coversSince(key, startedAt) {
      const trial = trials.get(key);
      return trial !== undefined && trial.since <= startedAt;
    },
    end: (trial) => trials.get(trial.key) === trial && trials.delete(trial.key),
  };
}
