/** How long answers took to begin, lately. */

/** Times that are remembered per model. */
const KEPT = 256;
/** After how many new ones the percentile is found again. */
const AGAIN = 16;

export interface Times {
  /** Milliseconds. */
  add(time: number): void;
  /** `undefined` while fewer than `least` are known. */
  percentile(share: number, least: number): number | undefined;
}

export function createTimes(): Times {
  const times: number[] = [];
  let next = 0;
  let fresh = 0;
  let found: { readonly share: number; readonly time: number } | undefined;
  return {
    add(time) {
      times[next] = time;
      next = (next + 1) % KEPT;
      fresh++;
    },
    percentile(share, least) {
      if (times.length === 0 || times.length < least) return undefined;
      if (found?.share !== share || fresh >= AGAIN) {
        const sorted = times.toSorted((a, b) => a - b);
        found = { share, time: sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]! };
        fresh = 0;
      }
      return found.time;
    },
  };
}
