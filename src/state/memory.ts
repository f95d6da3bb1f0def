/** The state store of one process. */
import type { Json } from "../protocols/canonical.ts";
import type { Clock } from "../runtime.ts";
import type { StateStore } from "./store.ts";

/** Entries at most; the ones set longest ago go first. A tool call's signature is about a kilobyte. */
const LIMIT = 50_000;

export function memoryState({ now }: Pick<Clock, "now">, limit: number = LIMIT): StateStore {
  // A map keeps the order of insertion, which is the order in which entries are given up.
  const entries = new Map<string, { readonly value: Json; readonly until: number }>();
  return {
    get(key) {
      const entry = entries.get(key);
      if (!entry) return undefined;
      if (entry.until > now()) return entry.value;
      entries.delete(key);
      return undefined;
    },
    set(key, value, ttl) {
      entries.delete(key);
      entries.set(key, { value, until: now() + ttl });
      if (entries.size <= limit) return;
      for (const oldest of entries.keys()) {
        entries.delete(oldest);
        break;
      }
    },
    delete(key) {
      entries.delete(key);
    },
  };
}
