/** Who returns next: a binary heap in which every entry stands once and knows its place, so that it can be moved. */

export interface Returning {
  /** Epoch milliseconds, or `Infinity`. */
  until: number;
  /** Its place in the queue; -1 outside. Written by the queue only. */
  place: number;
}

export interface ReturnQueue<T extends Returning> {
  readonly size: number;
  /** The entry that returns first. */
  head(): T | undefined;
  /** Puts the entry in, or moves it when it is in. */
  put(entry: T, until: number): void;
  take(entry: T): void;
  /** Those that return first, in order. Costs what `limit` does, not what the queue holds. */
  soonest(limit: number): T[];
}

export function createReturnQueue<T extends Returning>(): ReturnQueue<T> {
  const heap: T[] = [];

  const set = (place: number, entry: T): void => {
    heap[place] = entry;
    entry.place = place;
  };
  const up = (start: number, entry: T): void => {
    let at = start;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]!.until <= entry.until) break;
      set(at, heap[parent]!);
      at = parent;
    }
    set(at, entry);
  };
  const down = (start: number, entry: T): void => {
    let at = start;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.until < heap[child]!.until) child++;
      if (heap[child]!.until >= entry.until) break;
      set(at, heap[child]!);
      at = child;
    }
    set(at, entry);
  };

  return {
    get size() {
      return heap.length;
    },
    head: () => heap[0],
    put(entry, until) {
      const before = entry.until;
      entry.until = until;
      if (entry.place === -1) {
        heap.push(entry);
        up(heap.length - 1, entry);
      } else if (until < before) up(entry.place, entry);
      else down(entry.place, entry);
    },
    take(entry) {
      const { place } = entry;
      if (place === -1) return;
      entry.place = -1;
      const last = heap.pop()!;
      if (last === entry) return;
      if (last.until < entry.until) up(place, last);
      else down(place, last);
    },
    soonest(limit) {
      const found: T[] = [];
      // The next one is always a child of those found so far, so only these are compared.
      const open = heap.length > 0 ? [0] : [];
      while (open.length > 0 && found.length < limit) {
        let best = 0;
        for (let index = 1; index < open.length; index++) {
          if (heap[open[index]!]!.until < heap[open[best]!]!.until) best = index;
        }
        const [at] = open.splice(best, 1) as [number];
        found.push(heap[at]!);
        for (const child of [at * 2 + 1, at * 2 + 2]) if (child < heap.length) open.push(child);
      }
      return found;
    },
  };
}
