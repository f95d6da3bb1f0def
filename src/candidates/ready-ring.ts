/**
 * The candidates of one target that are not resting, in order of key priority and then of the config. Ten thousand
 * keys must cost what twenty do, so a request looks at no more than 64 of them, resting ones are kept aside in a queue
 * by the time they return, and the common case returns an array made earlier.
 */
import type { Candidate } from "../plugin/context.ts";
import { createReturnQueue, type Returning } from "./return-queue.ts";

export const VIEW = 64;

/** Ready, or in the queue of those that rest. */
interface Entry extends Returning {
  readonly candidate: Candidate;
  readonly order: number;
  readonly group: Group;
  ready: boolean;
}

interface Group {
  readonly priority: number;
  /** Sorted by `order`. */
  readonly ready: Entry[];
  cursor: number;
}

export interface ReadyRing {
  readonly size: number;
  readonly readyCount: number;
  /** Called at the start of a request's walk; brings back what has rested long enough. */
  refresh(now: number): void;
  /** At most 64 candidates from the `batch`-th view on; empty when there are no more. */
  view(batch: number): readonly Candidate[];
  /** Lets the next request start one further, where there is more than one view. */
  advance(): void;
  /** The candidate rests until then, whatever was said before, or returns when `until` is not after `now`. */
  update(credential: string, until: number, now: number): void;
  /** The candidate of this credential, unless it rests. */
  find(credential: string): Candidate | undefined;
  /** Some that rest, soonest return first. */
  resting(limit: number): readonly Candidate[];
}

/** `restingUntil` says how long a candidate rests: epoch milliseconds, 0 when it does not. */
export function createReadyRing(
  candidates: readonly Candidate[],
  restingUntil: (candidate: Candidate, now: number) => number,
  now: number,
): ReadyRing {
  const byCredential = new Map<string, Entry>();
  const groups: Group[] = [];
  const resting = createReturnQueue<Entry>();
  let readyCount = 0;
  let flat: readonly Candidate[] | undefined;

  const groupOf = (priority: number): Group => {
    let group = groups.find((each) => each.priority === priority);
    if (!group) groups.push((group = { priority, ready: [], cursor: 0 }));
    return group;
  };

  candidates.forEach((candidate, order) => {
    const group = groupOf(candidate.credential.priority ?? Number.MAX_SAFE_INTEGER);
    const until = restingUntil(candidate, now);
    const entry: Entry = { candidate, order, group, ready: until <= now, until, place: -1 };
    byCredential.set(candidate.credential.id, entry);
    if (entry.ready) {
      group.ready.push(entry);
      readyCount++;
    } else resting.put(entry, until);
  });
  groups.sort((a, b) => a.priority - b.priority);

  const park = (entry: Entry, until: number): void => {
    if (entry.ready) {
      entry.ready = false;
      entry.group.ready.splice(indexOf(entry.group.ready, entry.order), 1);
      readyCount--;
      flat = undefined;
    }
    resting.put(entry, until);
  };
  const unpark = (entry: Entry): void => {
    resting.take(entry);
    entry.ready = true;
    entry.group.ready.splice(indexOf(entry.group.ready, entry.order), 0, entry);
    readyCount++;
    flat = undefined;
  };

  const inOrder = (start: number, count: number): Candidate[] => {
    const found: Candidate[] = [];
    let skip = start;
    for (const group of groups) {
      const length = group.ready.length;
      if (skip >= length) {
        skip -= length;
        continue;
      }
      // A group that fits into a view keeps the order of the config; only a larger one is looked at in turns.
      const offset = length > VIEW ? group.cursor % length : 0;
      for (let index = skip; index < length && found.length < count; index++) {
        found.push(group.ready[(offset + index) % length]!.candidate);
      }
      skip = 0;
      if (found.length >= count) break;
    }
    return found;
  };

  return {
    size: candidates.length,
    get readyCount() {
      return readyCount;
    },
    refresh(time) {
      for (let entry = resting.head(); entry !== undefined && entry.until <= time; entry = resting.head()) {
        const until = restingUntil(entry.candidate, time);
        if (until > time) resting.put(entry, until);
        else unpark(entry);
      }
    },
    view(batch) {
      if (batch === 0 && readyCount <= VIEW) return (flat ??= inOrder(0, VIEW));
      return batch * VIEW >= readyCount ? [] : inOrder(batch * VIEW, VIEW);
    },
    advance() {
      if (readyCount <= VIEW) return;
      for (const group of groups) if (group.ready.length > VIEW) group.cursor = (group.cursor + 1) % group.ready.length;
    },
    update(credential, until, time) {
      const entry = byCredential.get(credential);
      if (!entry) return;
      if (until > time) park(entry, until);
      else if (!entry.ready) unpark(entry);
    },
    find(credential) {
      const entry = byCredential.get(credential);
      return entry?.ready ? entry.candidate : undefined;
    },
    resting: (limit) => resting.soonest(limit).map((entry) => entry.candidate),
  };
}

/** Where `order` stands, or would stand, in a list sorted by it. */
function indexOf(list: readonly Entry[], order: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (list[middle]!.order < order) low = middle + 1;
    else high = middle;
  }
  return low;
}
