/** The orders that the modes of `rotate()` give to the keys of one rank. Runs for every request. */
import type { App, Candidate } from "waygate";
import type { Count, Counts } from "./counts.ts";
import type { CountedMode, RotateOptions } from "./index.ts";

/** Writes the candidates from `from` up to, not including, `to` to the end of `out`. */
export type Order = (candidates: readonly Candidate[], from: number, to: number, out: Candidate[], app: App) => void;

interface OrderInit extends Required<Omit<RotateOptions, "mode" | "providers">> {
  readonly mode: CountedMode;
  readonly counts: Counts;
}

/** Ranks carry the index of their candidate in the lowest bits, so that equal ones keep their order. */
const INDEX = 2 ** 16;
/** Above all counts. With the index below it, numbers stay exact. */
const BUSY = 2 ** 34;

const unused: Count = { uses: 0, last: 0 };

export function createOrder({ mode, tolerance, gap, counts }: OrderInit): Order {
  // Reused from request to request: ordering is synchronous.
  let ranks = new Float64Array(64);
  let uses = new Float64Array(64);
  let shares = new Float64Array(64);
  const isDrawn = mode === "weighted" || mode === "random" || (mode === "balanced" && tolerance > 0);

  return (candidates, from, to, out, app) => {
    const length = to - from;
    if (length > ranks.length) {
      ranks = new Float64Array(length * 2);
      uses = new Float64Array(length * 2);
      shares = new Float64Array(length * 2);
    }
    const { provider, model } = candidates[from]!;
    const used = counts.of(app.credentials.scope(provider.name, model));
    const rankOf = mode === "usage-gap" ? gapRank(candidates, from, to, used, gap) : rankings[mode];

    let idle = 0;
    let isSorted = true;
    for (let index = 0; index < length; index++) {
      const { id, weight = 1 } = candidates[from + index]!.credential;
      const count = used?.get(id) ?? unused;
      const isBusy = prefersIdle[mode] && app.credentials.inFlight(id) > 0;
      if (!isBusy) idle++;
      ranks[index] = Math.floor(rankOf(count, weight) + (isBusy ? BUSY : 0)) * INDEX + index;
      uses[index] = count.uses / weight;
      if (index > 0 && ranks[index]! < ranks[index - 1]!) isSorted = false;
    }
    // Keys that have nothing to do come before those that do; the draw is among the former if there are any.
    const below = (idle > 0 ? BUSY : 2 * BUSY) * INDEX;
    const chosen = isDrawn ? draw(candidates, { from, length, below, random: app.runtime.random() }) : -1;
    if (chosen >= 0) out.push(candidates[from + chosen]!);
    // Keys that are used alike already stand in order, which is the usual case where there are many.
    const sorted = isSorted ? ranks : ranks.subarray(0, length).sort();
    for (let place = 0; place < length; place++) {
      const index = sorted[place]! % INDEX;
      if (index !== chosen) out.push(candidates[from + index]!);
    }
  };

  /** The index that the number falls on, of those whose rank is below a limit. */
  function draw(candidates: readonly Candidate[], { from, length, below, random }: Draw): number {
    let most = 0;
    for (let index = 0; index < length; index++) if (ranks[index]! < below) most = Math.max(most, uses[index]!);
    let total = 0;
    for (let index = 0; index < length; index++) {
      const { weight = 1 } = candidates[from + index]!.credential;
      const balance = mode === "balanced" ? Math.max(0.1, most - uses[index]! + tolerance + 1) : 1;
      total += shares[index] = ranks[index]! >= below ? 0 : mode === "random" ? 1 : balance * weight;
    }
    let left = random * total;
    for (let index = 0; index < length; index++) {
      left -= shares[index]!;
      if (left < 0) return index;
    }
    return -1;
  }
}

interface Draw {
  readonly from: number;
  readonly length: number;
  readonly below: number;
  /** In [0, 1). */
  readonly random: number;
}

const prefersIdle: { readonly [Mode in CountedMode]: boolean } = {
  balanced: true,
  "least-used": true,
  sequential: false,
  "round-robin": false,
  weighted: false,
  random: false,
  "usage-gap": false,
};

/** Counts are divided by the weight, else a heavy key's lead would soon cost it its share. */
const byUses = (count: Count, weight: number): number => Math.min(count.uses / weight, BUSY - 1);
const byLast = (count: Count): number => count.last;

const rankings: { readonly [Mode in Exclude<CountedMode, "usage-gap">]: (count: Count, weight: number) => number } = {
  balanced: byUses,
  "least-used": byUses,
  "round-robin": byLast,
  sequential: (count) => BUSY - 1 - count.uses,
  weighted: () => 0,
  random: () => 0,
};

/** Within the gap whose turn it is, beyond it the least used. */
function gapRank(
  candidates: readonly Candidate[],
  from: number,
  to: number,
  used: ReadonlyMap<string, Count> | undefined,
  gap: number,
): (count: Count, weight: number) => number {
  let least = Number.POSITIVE_INFINITY;
  let most = 0;
  for (let index = from; index < to; index++) {
    const uses = used?.get(candidates[index]!.credential.id)?.uses ?? 0;
    least = Math.min(least, uses);
    most = Math.max(most, uses);
  }
  if (most === 0 || ((most - least) / most) * 100 <= gap) return byLast;
  return (count) => (count.uses === least ? 0 : BUSY / 2) + count.last;
}
