/** Values by who has set them, so that nobody who sets many can push out what others have set. */
import type { Json } from "../protocols/canonical.ts";
import { dropOldest } from "./drop-oldest.ts";

/** A value, and when it ends by the clock that never jumps. */
export interface Entry {
  readonly value: Json;
  readonly until: number;
}

export interface Shelves {
  keys(): Iterable<string>;
  get(key: string): Entry | undefined;
  /** As the latest of its owner. Returns the keys of those that were given up for it. */
  put(key: string, entry: Entry): readonly string[];
  delete(key: string): boolean;
}

/** Owners that have a shelf of their own; all others share one, because names may be made of anything. */
const OWNERS = 64;
const OTHERS = "";
const none: readonly string[] = [];

/** `limit`: entries of one owner; those set longest ago go first. */
export function createShelves(limit: number): Shelves {
  // A map keeps the order of insertion, which is the order in which entries are given up.
  const shelves = new Map<string, Map<string, Entry>>();

  const shelfOf = (key: string): Map<string, Entry> | undefined => shelves.get(ownerOf(key)) ?? shelves.get(OTHERS);
  const shelfFor = (key: string): Map<string, Entry> => {
    let owner = ownerOf(key);
    const known = shelves.get(owner);
    if (known) return known;
    if (shelves.size >= OWNERS) owner = OTHERS;
    let shelf = shelves.get(owner);
    if (!shelf) shelves.set(owner, (shelf = new Map()));
    return shelf;
  };

  return {
    *keys() {
      for (const shelf of shelves.values()) yield* shelf.keys();
    },
    get: (key) => shelfOf(key)?.get(key),
    put(key, entry) {
      const shelf = shelfFor(key);
      shelf.delete(key);
      shelf.set(key, entry);
      return shelf.size > limit ? dropOldest(shelf, limit) : none;
    },
    delete: (key) => shelfOf(key)?.delete(key) ?? false,
  };
}

/** What stands before the first colon: `sticky:…`. */
function ownerOf(key: string): string {
  const end = key.indexOf(":");
  return end === -1 ? OTHERS : key.slice(0, end);
}
