/** What a provider's key may do, counted by the provider itself: the truth that the proxy can only guess at. */
import type { Limits } from "../plugin/provider.ts";

/** Which limit was met, and when it will let through again. */
export interface Refusal {
  readonly limit: keyof Limits;
  /** Epoch milliseconds. */
  readonly until: number;
}

export interface Quota {
  /** Takes one request of so many tokens, or takes nothing and says which limit it met. */
  take(now: number, tokens: number): Refusal | undefined;
  /** When the key could be used again; `undefined` = now. Takes nothing. */
  blocked(now: number): Refusal | undefined;
}

const MINUTE = 60_000;
const DAY = 86_400_000;

/** `reset`: milliseconds after midnight UTC when the days of this provider begin. */
export function createQuota({ rpm, rpd, tpm, tpd }: Limits, reset = 0): Quota {
  const requests = slidingMinute();
  const tokens = slidingMinute();
  let day = -1;
  let dayRequests = 0;
  let dayTokens = 0;

  const look = (now: number, amount: number): Refusal | undefined => {
    const today = Math.floor((now - reset) / DAY);
    if (today !== day) {
      day = today;
      dayRequests = dayTokens = 0;
    }
    const tomorrow = (today + 1) * DAY + reset;
    if (over(dayRequests, 1, rpd)) return { limit: "rpd", until: tomorrow };
    if (over(dayTokens, amount, tpd)) return { limit: "tpd", until: tomorrow };
    if (over(requests.sum(now), 1, rpm)) return { limit: "rpm", until: requests.fits(1, rpm!) };
    if (over(tokens.sum(now), amount, tpm)) return { limit: "tpm", until: tokens.fits(amount, tpm!) };
    return undefined;
  };

  return {
    blocked: (now) => look(now, 1),
    take(now, amount) {
      const refused = look(now, amount);
      if (refused) return refused;
      if (rpm !== undefined) requests.add(now, 1);
      if (tpm !== undefined) tokens.add(now, amount);
      dayRequests++;
      dayTokens += amount;
      return undefined;
    },
  };
}

/** A single request of more than the limit is let through when nothing else is counted. */
function over(used: number, amount: number, limit: number | undefined): boolean {
  return limit !== undefined && used > 0 && used + amount > limit;
}

interface Sliding {
  sum(now: number): number;
  add(now: number, amount: number): void;
  /** When so much more will fit; asked right after `sum`. */
  fits(amount: number, limit: number): number;
}

function slidingMinute(): Sliding {
  let entries: { readonly at: number; readonly amount: number }[] = [];
  let first = 0;
  let total = 0;
  return {
    sum(now) {
      while (first < entries.length && entries[first]!.at <= now - MINUTE) total -= entries[first++]!.amount;
      if (first > 1024) {
        entries = entries.slice(first);
        first = 0;
      }
      return total;
    },
    add(at, amount) {
      entries.push({ at, amount });
      total += amount;
    },
    fits(amount, limit) {
      let left = total;
      for (let index = first; index < entries.length; index++) {
        left -= entries[index]!.amount;
        if (left === 0 || left + amount <= limit) return entries[index]!.at + MINUTE;
      }
      return 0;
    },
  };
}
