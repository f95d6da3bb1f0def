/**
 * Counters of one process. Plain data and functions, since there may be hundreds of thousands. Durations are measured
 * on a clock that never jumps; only a fixed window, whose end is a time of day, looks at the wall clock.
 */
import type { Counter } from "./store.ts";

/** One moment on both clocks. */
export interface Moment {
  /** Epoch milliseconds. */
  readonly wall: number;
  /** Whole milliseconds that never go backwards. */
  readonly steady: number;
}

/** What was taken in one millisecond. */
interface Bucket {
  readonly at: number;
  amount: number;
}

/** What one holder of a lease holds. */
interface Hold {
  readonly amount: number;
  readonly ttl: number;
  /** Steady time. */
  until: number;
}

export interface Sliding {
  readonly kind: "sliding";
  readonly window: number;
  total: number;
  /** Oldest first; those before `first` are over. */
  buckets: Bucket[];
  first: number;
}

export interface Fixed {
  readonly kind: "fixed";
  readonly until: number;
  total: number;
}

export interface Leases {
  readonly kind: "lease";
  total: number;
  readonly holds: Set<Hold>;
  /** No hold ends before. */
  earliest: number;
}

export type Tally = Sliding | Fixed | Leases;

/** What was taken, so that it can be corrected where it stands. */
export interface Taken {
  readonly tally: Tally;
  readonly place: Bucket | Hold | undefined;
  /** As it counts now. */
  amount: number;
}

export function createTally(counter: Counter): Tally {
  if (counter.kind === "sliding") return { kind: "sliding", window: counter.window, total: 0, buckets: [], first: 0 };
  if (counter.kind === "fixed") return { kind: "fixed", until: counter.until, total: 0 };
  return { kind: "lease", total: 0, holds: new Set(), earliest: Number.POSITIVE_INFINITY };
}

/** How much counts now. Forgets what is over. */
export function usedNow(tally: Tally, now: Moment): number {
  if (tally.kind === "sliding") dropOld(tally, now.steady);
  else if (tally.kind === "lease") dropEnded(tally, now.steady);
  else if (tally.until <= now.wall) tally.total = 0;
  return tally.total;
}

/** The tally must have been looked at in this moment by `usedNow`. */
export function take(tally: Tally, counter: Counter, amount: number, now: Moment): Taken {
  if (tally.kind === "fixed") {
    if (tally.until > now.wall) tally.total += amount;
    return { tally, place: undefined, amount };
  }
  if (tally.kind === "sliding") {
    let last = tally.first < tally.buckets.length ? tally.buckets.at(-1) : undefined;
    if (last?.at === now.steady) last.amount += amount;
    else if (last === undefined) {
      // An array of one, where pushing to an empty one makes room for sixteen more: most counters see little.
      tally.buckets = [(last = { at: now.steady, amount })];
      tally.first = 0;
    } else tally.buckets.push((last = { at: now.steady, amount }));
    tally.total += amount;
    return { tally, place: last, amount };
  }
  const ttl = counter.kind === "lease" ? counter.ttl : 0;
  const hold: Hold = { amount, ttl, until: now.steady + ttl };
  tally.holds.add(hold);
  tally.earliest = Math.min(tally.earliest, hold.until);
  tally.total += amount;
  return { tally, place: hold, amount };
}

/** Ends a lease; corrects the rest. What is over already stays over. */
export function correct(taken: Taken, amount: number | undefined, now: Moment): void {
  const { tally, place } = taken;
  usedNow(tally, now);
  if (tally.kind === "lease") {
    if (tally.holds.delete(place as Hold)) subtract(tally, taken.amount);
    return;
  }
  if (amount === undefined) return;
  if (tally.kind === "fixed") {
    if (tally.until <= now.wall) return;
  } else {
    if ((place as Bucket).at + tally.window <= now.steady) return;
    (place as Bucket).amount += amount - taken.amount;
  }
  subtract(tally, taken.amount - amount);
  taken.amount = amount;
}

export function renewLease({ tally, place }: Taken, now: Moment): void {
  if (tally.kind !== "lease") return;
  dropEnded(tally, now.steady);
  const hold = place as Hold;
  // `earliest` stays too early, which costs one look in vain.
  if (tally.holds.has(hold)) hold.until = now.steady + hold.ttl;
}

/** Epoch milliseconds when `amount` more fits; `undefined` when time alone does not tell. */
export function fitsAt(tally: Tally, amount: number, limit: number, now: Moment): number | undefined {
  if (limit <= 0 || tally.kind === "lease") return undefined;
  if (tally.kind === "fixed") return tally.until;
  let left = tally.total;
  for (let index = tally.first; index < tally.buckets.length; index++) {
    const bucket = tally.buckets[index]!;
    left -= bucket.amount;
    if (left <= NOTHING || left + amount <= limit) return now.wall + (bucket.at + tally.window - now.steady);
  }
  return now.wall;
}

/** Fractions do not add up to nothing again. */
const NOTHING = 1e-9;

function subtract(tally: Tally, amount: number): void {
  tally.total -= amount;
  if (tally.total < NOTHING) tally.total = 0;
}

function dropOld(tally: Sliding, now: number): void {
  const { buckets, window } = tally;
  let { first } = tally;
  while (first < buckets.length && buckets[first]!.at + window <= now) subtract(tally, buckets[first++]!.amount);
  if (first === buckets.length) {
    if (first > 0) tally.buckets = [];
    tally.total = 0;
    first = 0;
  } else if (first > 64 && first * 2 > buckets.length) {
    buckets.splice(0, first);
    first = 0;
  }
  tally.first = first;
}

function dropEnded(tally: Leases, now: number): void {
  if (tally.earliest > now) return;
  let earliest = Number.POSITIVE_INFINITY;
  for (const hold of tally.holds) {
    if (hold.until <= now) {
      tally.holds.delete(hold);
      subtract(tally, hold.amount);
    } else earliest = Math.min(earliest, hold.until);
  }
  tally.earliest = earliest;
}
