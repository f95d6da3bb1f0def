/** Who waits for which family of models, at which place, and how long it is likely to take. */
import type { Clock, Timer } from "waygate";

/** One request that waits. */
export interface Waiter {
  readonly client: string;
  /** Milliseconds of the monotonic clock. */
  readonly since: number;
}

export interface FamilyState {
  readonly waiting: number;
  /** Milliseconds that who comes now is likely to wait; 0 below two seconds. */
  readonly estimate: number;
}

export interface Families {
  /** Requests of this family that wait, and those of one client among them. */
  count(family: string, client: string): { readonly all: number; readonly own: number };
  enter(family: string, client: string): Waiter;
  /** `served`: it got what it waited for, so its wait tells others of theirs. */
  leave(family: string, waiter: Waiter, served: boolean): void;
  /** From 1, where clients take turns. */
  position(family: string, waiter: Waiter): number;
  state(family: string): FamilyState;
  /** Those where anybody waits or has lately. */
  names(): readonly string[];
  close(): void;
}

/** Milliseconds between two estimates, and those that a wait that is over counts for. */
const EVERY = 3000;
const COUNTS = 300_000;
/** Waits that are remembered of one family. */
const MOST = 1000;
/** How much of what is now goes into the estimate: of waits that are over, and of the longest there is. */
const OVER = 0.2;
const LONGEST = 0.3;
/** Milliseconds below which nobody speaks of waiting. */
const SHORT = 2000;

interface Family {
  readonly waiters: Set<Waiter>;
  readonly clients: Map<string, number>;
  ended: { readonly at: number; readonly waited: number }[];
  /** Smoothed; `undefined` before the first look. */
  mean: number | undefined;
  longest: number | undefined;
}

export function createFamilies(clock: Pick<Clock, "monotonic" | "timer">): Families {
  const families = new Map<string, Family>();
  let timer: Timer | undefined;

  const look = (): void => {
    const now = clock.monotonic();
    for (const [name, family] of families) {
      family.ended = family.ended.filter(({ at }) => now - at < COUNTS);
      if (family.waiters.size === 0 && family.ended.length === 0) {
        families.delete(name);
        continue;
      }
      const sum = family.ended.reduce((total, { waited }) => total + waited, 0);
      family.mean = smooth(family.mean, sum / Math.max(1, family.ended.length), OVER);
      const [first] = family.waiters;
      family.longest = smooth(family.longest, first ? now - first.since : 0, LONGEST);
    }
    timer = families.size > 0 ? clock.timer(look, EVERY) : undefined;
  };
  const familyOf = (name: string): Family => {
    let family = families.get(name);
    if (!family) {
      family = { waiters: new Set(), clients: new Map(), ended: [], mean: undefined, longest: undefined };
      families.set(name, family);
      timer ??= clock.timer(look, EVERY);
    }
    return family;
  };

  return {
    count(name, client) {
      const family = families.get(name);
      return { all: family?.waiters.size ?? 0, own: family?.clients.get(client) ?? 0 };
    },
    enter(name, client) {
      const family = familyOf(name);
      const waiter = { client, since: clock.monotonic() };
      // In order of coming, which is what a set keeps.
      family.waiters.add(waiter);
      family.clients.set(client, (family.clients.get(client) ?? 0) + 1);
      return waiter;
    },
    leave(name, waiter, served) {
      const family = families.get(name);
      if (!family?.waiters.delete(waiter)) return;
      const others = family.clients.get(waiter.client)! - 1;
      if (others > 0) family.clients.set(waiter.client, others);
      else family.clients.delete(waiter.client);
      if (!served) return;
      const at = clock.monotonic();
      if (family.ended.length >= MOST) family.ended.shift();
      family.ended.push({ at, waited: at - waiter.since });
    },
    position(name, waiter) {
      const waiters = families.get(name)?.waiters ?? [];
      /** How many of each client come before, so that it is known in which round somebody's turn is. */
      const rounds = new Map<string, number>();
      const ranked = [...waiters].map((each) => {
        const round = rounds.get(each.client) ?? 0;
        rounds.set(each.client, round + 1);
        return { each, round };
      });
      const own = ranked.findIndex(({ each }) => each === waiter);
      const round = ranked[own]?.round ?? 0;
      return 1 + ranked.filter((other, at) => other.round < round || (other.round === round && at < own)).length;
    },
    state(name) {
      const family = families.get(name);
      const estimate = ((family?.mean ?? 0) + (family?.longest ?? 0)) / 2;
      return { waiting: family?.waiters.size ?? 0, estimate: estimate < SHORT ? 0 : Math.round(estimate) };
    },
    names: () => [...families.keys()],
    close() {
      timer?.cancel();
      families.clear();
    },
  };
}

function smooth(before: number | undefined, now: number, share: number): number {
  return before === undefined ? now : before + share * (now - before);
}
