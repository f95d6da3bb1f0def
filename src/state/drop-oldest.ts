/** Gives up what a map has had longest. */

/**
 * Each call removes the oldest entry of the map and returns its key. It keeps one iterator: a new one would step over
 * everything removed before, every time.
 */
export function dropOldestOf(map: Map<string, unknown>): () => string | undefined {
  let keys = map.keys();
  return () => {
    let next = keys.next();
    if (next.done) next = (keys = map.keys()).next();
    if (next.done) return undefined;
    map.delete(next.value);
    return next.value;
  };
}
