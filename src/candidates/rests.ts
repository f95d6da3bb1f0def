/** What rests now, by place: provider, credential, or credential for one model or quota group. */
import type { Rest, RestTarget } from "./credentials.ts";
import { createTrials, type Trial } from "./trials.ts";

/** What rests, as it is kept. */
export interface RestEntry {
  readonly target: RestTarget;
  /** Model or quota group; `undefined` = all of the target. */
  readonly scope: string | undefined;
  readonly rest: Rest;
}

/** A candidate as rests see it. */
export interface RestPlace {
  readonly provider: string;
  readonly credential: string;
  /** Model or quota group. */
  readonly scope: string;
}

export interface Attempted {
  /** The attempt is over; what has not been answered or failed meanwhile may be tried by the next. */
  end(): void;
}

/** A rest that has begun or become longer, or has been ended by hand. */
export interface RestChange extends Omit<RestEntry, "rest"> {
  readonly key: string;
  /** `undefined`: ended. */
  readonly rest: Rest | undefined;
}

export interface Rests {
  /** `now` as everywhere here in epoch milliseconds. The later end of two wins; what is disabled stays so. */
  set(target: RestTarget, scope: string | undefined, rest: Rest, now: number): void;
  delete(target: RestTarget, scope: string | undefined): boolean;
  provider(provider: string, now: number): Rest | undefined;
  /** The later of the credential's own rest and that for the scope. */
  candidate(credential: string, scope: string, now: number): Rest | undefined;
  /** What is kept under exactly this target; `half-open` when its time is over and nobody has tried it yet. */
  get(target: RestTarget, scope: string | undefined, now: number): Rest | undefined;
  list(now: number): { target: RestTarget; rest: Rest }[];
  /**
   * Makes a request for this candidate the one that tries all rests of it whose time is over. `undefined`: there are
   * none. A `Rest`: somebody else is trying.
   */
  attempt(place: RestPlace, now: number): Attempted | Rest | undefined;
  /** An attempt that began then has been answered: what it tried ends. */
  answered(place: RestPlace, startedAt: number): void;
  /**
   * Tells at once of every change, whoever makes it; not of rests that end by their time. Several proxies may share one
   * set of rests, for a while after a reload. Returns the end of the telling.
   */
  watch(listener: (change: RestChange) => void): () => void;
  /** All that is kept, also what is over and has not been met since. */
  keys(): Iterable<string>;
  entry(key: string): RestEntry | undefined;
}

/** Entries from which on those that are over are looked for. */
const SWEEP = 1024;
/** Milliseconds after which a rest that nobody came to try out has ended. */
const UNTRIED = 3_600_000;

/** Epoch milliseconds until which the rest is kept: half-open beyond its time, if somebody is to try it out. */
export function endOf({ until, probe }: Rest): number {
  return until + (probe === true ? UNTRIED : 0);
}

/** The rest that ends later. */
export function later(one: Rest | undefined, other: Rest | undefined): Rest | undefined {
  if (one === undefined) return other;
  return other !== undefined && other.until > one.until ? other : one;
}

/** Keys: `provider`, `\0credential` or `\0credential\0scope`; no id holds a NUL. */
function keyOf(target: RestTarget, scope: string | undefined): string {
  if (target.credential === undefined) return target.provider;
  return scope === undefined ? `\0${target.credential}` : `\0${target.credential}\0${scope}`;
}

export function createRests(): Rests {
  const entries = new Map<string, RestEntry>();
  const listeners = new Set<(change: RestChange) => void>();
  const trials = createTrials();
  let sweepAt = SWEEP;

  const isOver = (rest: Rest, now: number): boolean => endOf(rest) <= now;
  const live = (key: string, now: number): Rest | undefined => {
    const entry = entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.rest.until > now) return entry.rest;
    if (!isOver(entry.rest, now)) return trials.running(key, now);
    entries.delete(key);
    return undefined;
  };

  const sweep = (now: number): void => {
    for (const [key, { rest }] of entries) if (isOver(rest, now)) entries.delete(key);
  };
  const shown = (key: string, { rest }: RestEntry, now: number): Rest =>
    rest.until > now ? rest : (trials.running(key, now) ?? { ...rest, state: "half-open" });
  const tellOf = (key: string, ended: boolean): void => {
    const { target, scope, rest } = entries.get(key)!;
    if (ended) entries.delete(key);
    for (const tell of listeners) tell({ key, target, scope, rest: ended ? undefined : rest });
  };
  const keysAt = ({ provider, credential, scope }: RestPlace): readonly string[] => [
    provider,
    `\0${credential}`,
    `\0${credential}\0${scope}`,
  ];

  return {
    set(target, scope, rest, now) {
      const key = keyOf(target, scope);
      const before = entries.get(key);
      if (before && before.rest.until > rest.until) return;
      // Of two without an end the first knows the cause; the others are what followed from it.
      const isKnown = before?.rest.state === rest.state && rest.state !== "disabled";
      if (isKnown && before.rest.until === rest.until && rest.until === Number.POSITIVE_INFINITY) return;
      // Somebody chose so; a request that fails late must not make it anything else.
      if (before?.rest.state === "disabled" && rest.state !== "disabled") return;
      // Models that nobody asks for again, made up ones above all, would otherwise stay for ever.
      if (entries.size >= sweepAt) {
        sweep(now);
        sweepAt = Math.max(SWEEP, entries.size * 2);
      }
      trials.forget(key);
      // At the end: the newest news comes last.
      entries.delete(key);
      entries.set(key, { target, scope, rest });
      for (const tell of listeners) tell({ key, target, scope, rest });
    },
    delete(target, scope) {
      const key = keyOf(target, scope);
      if (!entries.delete(key)) return false;
      trials.forget(key);
      for (const tell of listeners) tell({ key, target, scope, rest: undefined });
      return true;
    },
    provider: (provider, now) => (entries.size === 0 ? undefined : live(provider, now)),
    candidate(credential, scope, now) {
      if (entries.size === 0) return undefined;
      const own = live(`\0${credential}`, now);
      const scoped = live(`\0${credential}\0${scope}`, now);
      if (own === undefined) return scoped;
      return scoped !== undefined && scoped.until > own.until ? scoped : own;
    },
    get(target, scope, now) {
      const key = keyOf(target, scope);
      const entry = entries.get(key);
      return entry === undefined || isOver(entry.rest, now) ? undefined : shown(key, entry, now);
    },
    list(now) {
      sweep(now);
      return [...entries].map(([key, entry]) => ({ target: entry.target, rest: shown(key, entry, now) }));
    },
    attempt(place, now) {
      if (entries.size === 0) return undefined;
      let due: string[] | undefined;
      for (const key of keysAt(place)) {
        const rest = live(key, now);
        if (rest !== undefined) return rest;
        if (entries.has(key)) (due ??= []).push(key);
      }
      if (due === undefined) return undefined;
      const begun: Trial[] = due.map((key) => trials.begin(key, entries.get(key)!.rest, now));
      for (const key of due) tellOf(key, false);
      return {
        end() {
          for (const trial of begun) if (trials.end(trial) && entries.has(trial.key)) tellOf(trial.key, false);
        },
      };
    },
    answered(place, startedAt) {
      if (trials.size === 0) return;
      for (const key of keysAt(place)) {
        if (!trials.coversSince(key, startedAt)) continue;
        trials.forget(key);
        if (entries.has(key)) tellOf(key, true);
      }
    },
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    keys: () => entries.keys(),
    entry: (key) => entries.get(key),
  };
}
