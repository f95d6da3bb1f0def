/** Reservations over the counters of one process. Synchronous, so nothing comes between checking and taking. */
import type { Clock } from "../runtime.ts";
import { checkTakes, fits, soundAmount } from "./check-takes.ts";
import { dropOldest } from "./drop-oldest.ts";
import type { Counter, Full, Reservation, Take } from "./store.ts";
import {
  correct,
  createTally,
  fitsAt,
  type Moment,
  renewLease,
  take,
  type Taken,
  type Tally,
  usedNow,
} from "./tallies.ts";

/** Who keeps counters over a restart; told of the id of each that changes. */
export type KeepCounters = (all: KeptCounters) => (id: string) => void;

export interface KeptCounters {
  ids(): Iterable<string>;
  get(id: string): Tally | undefined;
  put(id: string, tally: Tally): void;
  moment(): Moment;
}

export interface Counters {
  reserve(takes: readonly Take[]): Reservation;
  settle(id: string, amounts: readonly (number | undefined)[]): void;
  renew(ids: readonly string[]): void;
  used(counters: readonly Counter[]): readonly number[];
}

/** Reservations that nobody has settled; those made longest ago go first, and then count as they were taken. */
const OPEN = 200_000;
/** Counters at most; the ones first used longest ago go. Ten thousand keys with a hundred counters each fit. */
const COUNTERS = 1_000_000;
/** Counters from which on idle ones are looked for. */
const SWEEP = 1024;

/** Counters of one name: seldom more than one, but windows and ends may differ. */
interface Named {
  readonly tally: Tally;
  next: Named | undefined;
}

export function createCounters({ now, monotonic }: Pick<Clock, "now" | "monotonic">, keep?: KeepCounters): Counters {
  // By name alone, which is a text that exists: putting one together for every take costs more than taking.
  const names = new Map<string, Named>();
  const open = new Map<string, readonly Taken[]>();
  let sweepAt = SWEEP;
  let count = 0;

  const moment = (): Moment => ({ wall: now(), steady: Math.floor(monotonic()) });
  /** Which counters an open reservation is of. */
  const kept = new Map<string, readonly string[]>();
  const changed = keep?.({
    *ids() {
      for (const [name, first] of names) {
        for (let each: Named | undefined = first; each; each = each.next) yield idOf(each.tally, name);
      }
    },
    get(id) {
      const name = nameIn(id);
      let each = names.get(name);
      while (each && idOf(each.tally, name) !== id) each = each.next;
      return each?.tally;
    },
    put(id, tally) {
      const name = nameIn(id);
      names.set(name, { tally, next: without(names.get(name), (each) => idOf(each, name) === id) });
    },
    moment,
  });

  const makeRoom = (at: Moment): void => {
    for (const [name, first] of names) {
      const left = without(first, (tally) => isIdle(tally, at));
      if (left === undefined) names.delete(name);
      else if (left !== first) names.set(name, left);
    }
    if (names.size >= COUNTERS) dropOldest(names, COUNTERS - 1);
    sweepAt = Math.min(Math.max(SWEEP, names.size * 2), COUNTERS);
  };
  const known = (counter: Counter): Tally | undefined => {
    for (let each = names.get(counter.key); each; each = each.next) if (isOf(each.tally, counter)) return each.tally;
    return undefined;
  };
  const tallyOf = (counter: Counter, at: Moment): Tally => {
    const found = known(counter);
    if (found) return found;
    const tally = createTally(counter);
    // Yesterday's counter goes when today's comes.
    names.set(counter.key, { tally, next: without(names.get(counter.key), (each) => isPast(each, at)) });
    return tally;
  };

  return {
    reserve(takes) {
      checkTakes(takes);
      const at = moment();
      if (names.size + takes.length > sweepAt) makeRoom(at);
      const found: Tally[] = [];
      for (const [index, { counter, amount, limit }] of takes.entries()) {
        const tally = tallyOf(counter, at);
        let used = usedNow(tally, at);
        // What earlier takes of the same reservation take from the same counter.
        for (let before = 0; before < index; before++) if (found[before] === tally) used += takes[before]!.amount;
        if (!fits(used, amount, limit)) {
          return { granted: false, index, until: fitsAt(tally, amount, limit, at) };
        }
        found.push(tally);
      }
      const id = `m${(count++).toString(36)}`;
      open.set(
        id,
        takes.map(({ counter, amount }, index) => take(found[index]!, counter, amount, at)),
      );
      if (changed !== undefined) {
        const ids = takes.map(({ counter }) => idOf(counter, counter.key));
        for (const each of ids) changed(each);
        kept.set(id, ids);
        if (kept.size > OPEN) dropOldest(kept, OPEN);
      }
      if (open.size > OPEN) dropOldest(open, OPEN);
      const full = fullAfter(takes, found, at);
      return full === undefined ? { granted: true, id } : { granted: true, id, full };
    },
    settle(id, amounts) {
      const taken = open.get(id);
      if (!taken) return;
      open.delete(id);
      const at = moment();
      taken.forEach((each, index) => correct(each, soundAmount(amounts[index]), at));
      if (changed === undefined) return;
      for (const each of kept.get(id) ?? []) changed(each);
      kept.delete(id);
    },
    renew(ids) {
      const at = moment();
      for (const id of ids) for (const each of open.get(id) ?? []) renewLease(each, at);
    },
    used(counters) {
      const at = moment();
      return counters.map((counter) => {
        const tally = known(counter);
        return tally ? usedNow(tally, at) : 0;
      });
    },
  };
}

/** Of takes that have just been made. */
function fullAfter(takes: readonly Take[], tallies: readonly Tally[], at: Moment): readonly Full[] | undefined {
  let full: Full[] | undefined;
  for (const [index, { amount, limit }] of takes.entries()) {
    const tally = tallies[index]!;
    if (amount === 0 || tally.total + amount <= limit) continue;
    const until = fitsAt(tally, amount, limit, at);
    if (until !== undefined) (full ??= []).push({ index, until });
  }
  return full;
}

/** Two counters are one when they are of one kind, key and window. */
function isOf(tally: Tally, counter: Counter): boolean {
  if (tally.kind === "sliding") return counter.kind === "sliding" && tally.window === counter.window;
  if (tally.kind === "fixed") return counter.kind === "fixed" && tally.until === counter.until;
  return counter.kind === "lease";
}

/** The name of one counter among all, for those who keep it. */
function idOf(counter: Tally | Counter, name: string): string {
  if (counter.kind === "sliding") return `s${counter.window} ${name}`;
  return counter.kind === "fixed" ? `f${counter.until} ${name}` : `l ${name}`;
}

function nameIn(id: string): string {
  return id.slice(id.indexOf(" ") + 1);
}

/** The chain without those that leave; the very chain when none does. */
function without(first: Named | undefined, leaves: (tally: Tally) => boolean): Named | undefined {
  if (first === undefined) return undefined;
  first.next = without(first.next, leaves);
  return leaves(first.tally) ? first.next : first;
}

function isPast(tally: Tally, at: Moment): boolean {
  return tally.kind === "fixed" && tally.until <= at.wall;
}

/** Nothing counts and nothing can be corrected: a take of 0 that is in time may still become more. */
function isIdle(tally: Tally, at: Moment): boolean {
  const used = usedNow(tally, at);
  if (tally.kind === "sliding") return tally.buckets.length === 0;
  return tally.kind === "fixed" ? isPast(tally, at) : used === 0 && tally.holds.size === 0;
}
