/** Durations as upstreams write them in headers and messages. */

const units: { readonly [unit: string]: number } = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

// Longer names first: `ms` must not be read as `m`. Digits are bounded, so that no text makes matching slow.
const part: RegExp =
  /(\d{1,15}(?:\.\d{1,15})?)\s?(ms|µs|us|ns|milliseconds?|seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|s|m|h|d)(?![a-zµ])(?:,?\s(?:and\s)?)?/giy;

function unitOf(name: string): number {
  const lower = name.toLowerCase();
  return units[lower] ?? (lower.startsWith("milli") ? 1 : (units[lower.charAt(0)] ?? 0));
}

/** Whole milliseconds; what is more than nothing never becomes 0. */
function whole(milliseconds: number): number {
  return milliseconds > 0 ? Math.max(1, Math.round(milliseconds)) : 0;
}

/**
 * Milliseconds. A plain number is seconds; else a sequence of numbers with units, as in `6m0s`, `1d2h`, `156h14m36.75s`,
 * `12ms` or `1 minute and 5 seconds` (OpenAI rate-limit docs, Google RPC durations). `undefined` for anything else,
 * negative numbers included.
 */
export function parseDuration(text: string): number | undefined {
  const trimmed = text.trim();
  if (/^\d{1,15}(?:\.\d{1,15})?$/.test(trimmed)) return whole(Number(trimmed) * 1000);
  let total = 0;
  let end = 0;
  part.lastIndex = 0;
  for (let match = part.exec(trimmed); match !== null; match = part.exec(trimmed)) {
    total += Number(match[1]) * unitOf(match[2] ?? "");
    end = part.lastIndex;
  }
  return end > 0 && end === trimmed.length ? whole(total) : undefined;
}
