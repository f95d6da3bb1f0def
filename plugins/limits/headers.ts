/**
 * What a client that has reached its limit is told beside the error: `x-ratelimit-*` (OpenAI API reference, rate limits
 * in headers), and for clients of Anthropic's protocol its own names as well (Anthropic API reference, rate limits).
 */
import type { HeaderRecord } from "waygate";
import type { Window } from "./caps.ts";

export interface LimitState {
  readonly windows: readonly Window[];
  /** By window. */
  readonly used: readonly number[];
  /** The window that is full. */
  readonly full: number;
  /** Epoch milliseconds. */
  readonly retryAt: number;
  readonly now: number;
  readonly protocol: string;
}

export function limitHeaders({ windows, used, full, retryAt, now, protocol }: LimitState): HeaderRecord {
  const headers: { [name: string]: string } = {};
  for (const unit of ["requests", "tokens"] as const) {
    const mine = windows.map((window, index) => ({ window, index })).filter(({ window }) => window.unit === unit);
    // One number per unit fits into the headers: the limit that is reached, else the one with the least left.
    const left = ({ window, index }: (typeof mine)[number]): number => Math.max(0, window.limit - (used[index] ?? 0));
    const shown = mine.find(({ index }) => index === full) ?? mine.toSorted((a, b) => left(a) - left(b))[0];
    if (!shown) continue;
    const limit = String(shown.window.limit);
    const remaining = String(left(shown));
    headers[`x-ratelimit-limit-${unit}`] = limit;
    headers[`x-ratelimit-remaining-${unit}`] = remaining;
    if (shown.index === full) headers[`x-ratelimit-reset-${unit}`] = `${Math.max(0, (retryAt - now) / 1000)}s`;
    if (protocol !== "anthropic") continue;
    headers[`anthropic-ratelimit-${unit}-limit`] = limit;
    headers[`anthropic-ratelimit-${unit}-remaining`] = remaining;
    if (shown.index === full) headers[`anthropic-ratelimit-${unit}-reset`] = new Date(retryAt).toISOString();
  }
  return headers;
}
