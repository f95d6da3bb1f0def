/** Gives up what a map has had longest. */

/** What is given up at once, of what may be kept. */
const SHARE = 1 / 64;

/**
 * Removes the oldest entries of a map that holds more than `limit`, some more than needed, so that it is seldom called;
 * returns their keys. No iterator is kept from call to call, though it would save stepping over what has been removed:
 * one that stands still keeps every table alive that the map has had since, which for a map that fills and empties
 * with each request is a leak.
 */
export function dropOldest(map: Map<string, unknown>, limit: number): readonly string[] {
  const dropped: string[] = [];
  const rest = Math.min(limit, Math.ceil(limit * (1 - SHARE)));
  for (const key of map.keys()) {
    if (map.size <= rest) break;
    map.delete(key);
    dropped.push(key);
  }
  return dropped;
}
