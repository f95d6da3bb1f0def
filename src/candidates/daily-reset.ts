/** The day that counters belong to: it begins at 03:00 UTC. */

const HOUR = 3_600_000;

/** The number of the day that holds `now` (epoch milliseconds); one more after every daily reset. */
export function dayOf(now: number): number {
  return Math.floor((now - 3 * HOUR) / (24 * HOUR));
}
