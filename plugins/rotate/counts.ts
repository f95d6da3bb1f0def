/** How often each key was used today, per quota group or model. */
import { dayOf } from "waygate";

export interface Count {
  uses: number;
  /** A number that grows with every use of any key; 0 = not used. */
  last: number;
}

export interface Counts {
  /** By credential id; keys that were not used today are absent. */
  of(scope: string): ReadonlyMap<string, Count> | undefined;
  add(scope: string, credential: string): void;
  /** Forgets everything when a new day has begun. */
  turn(now: number): void;
}

/** Kept at most; beyond, the scope used first is forgotten, because clients may make names of models up. */
const MOST = 250_000;

export function createCounts(): Counts {
  const scopes = new Map<string, Map<string, Count>>();
  let kept = 0;
  let day = 0;
  let uses = 0;

  return {
    of: (scope) => scopes.get(scope),
    add(scope, credential) {
      let counts = scopes.get(scope);
      if (counts === undefined) scopes.set(scope, (counts = new Map()));
      let count = counts.get(credential);
      if (count === undefined) {
        counts.set(credential, (count = { uses: 0, last: 0 }));
        if (++kept > MOST) forgetFirst();
      }
      count.uses++;
      count.last = ++uses;
    },
    turn(now) {
      const today = dayOf(now);
      if (today === day) return;
      day = today;
      kept = 0;
      scopes.clear();
    },
  };

  function forgetFirst(): void {
    const first = scopes.entries().next().value;
    if (first === undefined) return;
    scopes.delete(first[0]);
    kept -= first[1].size;
  }
}
