/** Answers by the request they belong to, in bounded memory. */

export interface CachedAnswer {
  readonly headers: { readonly [name: string]: string };
  readonly body: Uint8Array<ArrayBuffer>;
  /** Milliseconds of the monotonic clock when it was put in. */
  readonly at: number;
}

export interface AnswerStore {
  /** What is not older than `ttl` milliseconds. */
  get(key: string, now: number): CachedAnswer | undefined;
  set(key: string, answer: CachedAnswer): void;
}

/** What an entry takes beside its body, roughly. */
const OVERHEAD = 1024;

/** `size`: bytes of all entries together; those that were not asked for the longest go first. */
export function createAnswerStore({ ttl, size }: { readonly ttl: number; readonly size: number }): AnswerStore {
  // A map keeps the order of insertion, and what is asked for is put in anew.
  const entries = new Map<string, CachedAnswer>();
  let used = 0;

  const drop = (key: string): void => {
    const entry = entries.get(key);
    if (entry === undefined) return;
    entries.delete(key);
    used -= entry.body.byteLength + OVERHEAD;
  };

  return {
    get(key, now) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      if (now - entry.at >= ttl) {
        drop(key);
        return undefined;
      }
      entries.delete(key);
      entries.set(key, entry);
      return entry;
    },
    set(key, answer) {
      const taken = answer.body.byteLength + OVERHEAD;
      drop(key);
      if (taken > size) return;
      entries.set(key, answer);
      used += taken;
      for (const oldest of entries.keys()) {
        if (used <= size) break;
        drop(oldest);
      }
    },
  };
}
