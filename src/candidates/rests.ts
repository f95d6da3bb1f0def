/** What rests now, by place: provider, credential, or credential for one model or quota group. */
import type { Rest, RestTarget } from "./credentials.ts";

export interface Rests {
  /** `now` as everywhere here in epoch milliseconds. The later end of two wins. */
  set(target: RestTarget, scope: string | undefined, rest: Rest, now: number): void;
  delete(target: RestTarget, scope: string | undefined): boolean;
  provider(provider: string, now: number): Rest | undefined;
  /** The later of the credential's own rest and that for the scope. */
  candidate(credential: string, scope: string, now: number): Rest | undefined;
  list(now: number): { target: RestTarget; rest: Rest }[];
}

interface Entry {
  readonly target: RestTarget;
  readonly rest: Rest;
}

/** Entries from which on those that are over are looked for. */
const SWEEP = 1024;

/** Keys: `provider`, `\0credential` or `\0credential\0scope`; no id holds a NUL. */
function keyOf(target: RestTarget, scope: string | undefined): string {
  if (target.credential === undefined) return target.provider;
  return scope === undefined ? `\0${target.credential}` : `\0${target.credential}\0${scope}`;
}

export function createRests(): Rests {
  const entries = new Map<string, Entry>();
  let sweepAt = SWEEP;

  const live = (key: string, now: number): Rest | undefined => {
    const entry = entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.rest.until > now) return entry.rest;
    entries.delete(key);
    return undefined;
  };

  const sweep = (now: number): void => {
    for (const [key, entry] of entries) if (entry.rest.until <= now) entries.delete(key);
  };

  return {
    set(target, scope, rest, now) {
      const key = keyOf(target, scope);
      const before = entries.get(key);
      if (before && before.rest.until > rest.until) return;
      // Models that nobody asks for again, made up ones above all, would otherwise stay for ever.
      if (entries.size >= sweepAt) {
        sweep(now);
        sweepAt = Math.max(SWEEP, entries.size * 2);
      }
      entries.set(key, { target, rest });
    },
    delete: (target, scope) => entries.delete(keyOf(target, scope)),
    provider: (provider, now) => (entries.size === 0 ? undefined : live(provider, now)),
    candidate(credential, scope, now) {
      if (entries.size === 0) return undefined;
      const own = live(`\0${credential}`, now);
      const scoped = live(`\0${credential}\0${scope}`, now);
      if (own === undefined) return scoped;
      return scoped !== undefined && scoped.until > own.until ? scoped : own;
    },
    list(now) {
      sweep(now);
      return [...entries.values()];
    },
  };
}
