/** Counts wrong secrets by address, so that nobody can guess for long. */
import { ProxyError } from "../failure/error.ts";
import type { Clock } from "../runtime.ts";

export interface Tries {
  /** Throws a 429 for an address that has been wrong too often. */
  check(address: string | undefined): void;
  wrong(address: string | undefined): void;
  right(address: string | undefined): void;
}

export interface TriesInit {
  readonly clock: Pick<Clock, "now">;
  /** Wrong ones within the window. */
  readonly most: number;
  /** Milliseconds, from the first wrong one. */
  readonly window: number;
}

/** Addresses remembered; the oldest are forgotten first. */
const KEPT = 10_000;

export function createTries({ clock, most, window }: TriesInit): Tries {
  const seen = new Map<string, { count: number; readonly until: number }>();
  const find = (address: string): { count: number; readonly until: number } | undefined => {
    const found = seen.get(address);
    if (found === undefined || found.until > clock.now()) return found;
    seen.delete(address);
    return undefined;
  };
  return {
    check(address = "") {
      const found = seen.size === 0 ? undefined : find(address);
      if (found === undefined || found.count < most) return;
      throw new ProxyError({
        kind: "rate_limited",
        scope: "request",
        message: "Too many wrong keys came from this address. Wait, and then send the right one.",
        retryAt: found.until,
      });
    },
    wrong(address = "") {
      const found = find(address);
      if (found !== undefined) found.count++;
      else {
        if (seen.size >= KEPT) for (const [oldest] of seen) if (seen.delete(oldest)) break;
        seen.set(address, { count: 1, until: clock.now() + window });
      }
    },
    right: (address = "") => void (seen.size > 0 && seen.delete(address)),
  };
}
