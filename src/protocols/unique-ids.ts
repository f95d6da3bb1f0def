/** Ids of the calls of one answer. Clients match results by them, and some upstreams give several calls the same one. */

/** One per answer: gives the id itself, or one made of it when another call has it already. */
export function uniqueIds(): (id: string) => string {
  const taken = new Set<string>();
  return (id) => {
    let free = id;
    for (let count = 2; taken.has(free); count += 1) free = `${id}_${count}`;
    taken.add(free);
    return free;
  };
}
