/** Reservations over the counters of one process. Synchronous, so nothing comes between checking and taking. */
import type { Clock } from "../runtime.ts";
import { checkTakes, fits, soundAmount } from "./check-takes.ts";
import { dropOldestOf } from "./drop-oldest.ts";
import type { Counter, Reservation, Take } from "./store.ts";
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

export function createCounters({ now, monotonic }: Pick<Clock, "now" | "monotonic">, keep?: KeepCounters): Counters {
  const tallies = new Map<string, Tally>();
  const open = new Map<string, readonly Taken[]>();
  const dropTally = dropOldestOf(tallies);
  const dropOpen = dropOldestOf(open);
  let sweepAt = SWEEP;
  let count = 0;

  const moment = (): Moment => ({ wall: now(), steady: Math.floor(monotonic()) });
  /** Which counters an open reservation is of. */
  const kept = new Map<string, readonly string[]>();
  const dropKept = dropOldestOf(kept);
  const changed = keep?.({
    ids: () => tallies.keys(),
    get: (id) => tallies.get(id),
    put: (id, tally) => void tallies.set(id, tally),
    moment,
  });

  const makeRoom = (at: Moment): void => {
    for (const [key, tally] of tallies) if (isIdle(tally, at)) tallies.delete(key);
    // A tenth at once, or every further reservation would come here.
    if (tallies.size >= COUNTERS) while (tallies.size > COUNTERS * 0.9) dropTally();
    sweepAt = Math.min(Math.max(SWEEP, tallies.size * 2), COUNTERS);
  };
  const tallyOf = (counter: Counter): Tally => {
    const id = identify(counter);
    let tally = tallies.get(id);
    if (tally) return tally;
    tallies.set(id, (tally = createTally(counter)));
    return tally;
  };

  return {
    reserve(takes) {
      checkTakes(takes);
      const at = moment();
      if (tallies.size + takes.length > sweepAt) makeRoom(at);
      const found: Tally[] = [];
      for (const [index, { counter, amount, limit }] of takes.entries()) {
        const tally = tallyOf(counter);
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
        const ids = takes.map(({ counter }) => identify(counter));
        for (const each of ids) changed(each);
        kept.set(id, ids);
        if (kept.size > OPEN) dropKept();
      }
      if (open.size > OPEN) dropOpen();
      return { granted: true, id };
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
        const tally = tallies.get(identify(counter));
        return tally ? usedNow(tally, at) : 0;
      });
    },
  };
}

/** Two counters are one when they are of one kind, key and window. */
function identify(counter: Counter): string {
  if (counter.kind === "sliding") return `s${counter.window} ${counter.key}`;
  return counter.kind === "fixed" ? `f${counter.until} ${counter.key}` : `l ${counter.key}`;
}

/** Nothing counts and nothing can be corrected: a take of 0 that is in time may still become more. */
function isIdle(tally: Tally, at: Moment): boolean {
  const used = usedNow(tally, at);
  if (tally.kind === "sliding") return tally.buckets.length === 0;
  return tally.kind === "fixed" ? tally.until <= at.wall : used === 0 && tally.holds.size === 0;
}
