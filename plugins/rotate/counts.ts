/** How often each key was used today, per quota group or model. */
import { dayOf, endOfDay, type Snapshot } from "waygate";

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
  /** Keeps the counts over a restart, until the day is over. */
  keep(snapshot: Snapshot): void;
}

/** Kept at most; beyond, the scope used first is forgotten, because clients may make names of models up. */
const MOST = 250_000;

export function createCounts(): Counts {
  const scopes = new Map<string, Map<string, Count>>();
  let kept = 0;
  let day = 0;
  let uses = 0;
  let changed: ((key: string) => void) | undefined;

  const countAt = (scope: string, credential: string): Count => {
    let counts = scopes.get(scope);
    if (counts === undefined) scopes.set(scope, (counts = new Map()));
    let count = counts.get(credential);
    if (count === undefined) {
      counts.set(credential, (count = { uses: 0, last: 0 }));
      if (++kept > MOST) forgetFirst();
    }
    return count;
  };

  return {
    of: (scope) => scopes.get(scope),
    add(scope, credential) {
      const count = countAt(scope, credential);
      count.uses++;
      count.last = ++uses;
      changed?.(`${credential}\0${scope}`);
    },
    turn(now) {
      const today = dayOf(now);
      if (today === day) return;
      day = today;
      kept = 0;
      scopes.clear();
    },
    keep(snapshot) {
      changed = snapshot.add("rotate", {
        version: 1,
        *keys() {
          for (const [scope, counts] of scopes) for (const id of counts.keys()) yield `${id}\0${scope}`;
        },
        save(key) {
          // No id holds a NUL.
          const [credential = "", scope = ""] = key.split("\0");
          const count = scopes.get(scope)?.get(credential);
          return count && { value: [count.uses, count.last, day], until: endOfDay(day) };
        },
        load(key, value) {
          const [most, last, of] = Array.isArray(value) ? (value as readonly unknown[]) : [];
          if (typeof most !== "number" || typeof last !== "number" || typeof of !== "number") {
            throw new Error("a count has another shape");
          }
          if (of < day) return;
          if (of > day) {
            kept = 0;
            scopes.clear();
          }
          day = of;
          uses = Math.max(uses, last);
          const [credential = "", scope = ""] = key.split("\0");
          Object.assign(countAt(scope, credential), { uses: most, last });
        },
      });
    },
  };

  function forgetFirst(): void {
    const first = scopes.entries().next().value;
    if (first === undefined) return;
    scopes.delete(first[0]);
    kept -= first[1].size;
  }
}
