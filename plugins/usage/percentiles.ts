/** Times as counts in buckets that grow by a fifth of a doubling, so that sums of hours still have percentiles. */

const PER_DOUBLING = 5;
/** About a day. */
const LAST = 27 * PER_DOUBLING;

/** Of milliseconds. */
export function bucketOf(ms: number): number {
  return ms <= 1 ? 0 : Math.min(LAST, Math.ceil(Math.log2(ms) * PER_DOUBLING));
}

/** Milliseconds in the middle of a bucket: at most 7 % off. */
export function middleOf(bucket: number): number {
  return bucket === 0 ? 1 : Math.round(2 ** ((bucket - 0.5) / PER_DOUBLING));
}

/** `share` from 0 to 1; null without any. The counts may come in any order. */
export function percentile(
  counts: readonly { readonly bucket: number; readonly requests: number }[],
  share: number,
): number | null {
  const sorted = counts.toSorted((a, b) => a.bucket - b.bucket);
  const total = sorted.reduce((sum, { requests }) => sum + requests, 0);
  let seen = 0;
  for (const { bucket, requests } of sorted) {
    seen += requests;
    if (seen >= share * total) return middleOf(bucket);
  }
  return null;
}
