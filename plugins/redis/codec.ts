/** How counters and amounts are written for the scripts. */
import type { Counter, Reservation } from "waygate";
import type { Link } from "./link.ts";

/** Milliseconds that anything is kept at most; Redis refuses times far beyond. */
const LONGEST = 10 * 365 * 86_400_000;

/** What one take of a reservation has become. */
export interface Part {
  readonly counter: Counter;
  amount: number;
  /** Where it stands: a millisecond of Redis or the name of a holder; empty for fixed windows. */
  place: string;
}

export function keyOf(counter: Counter): string {
  if (counter.kind === "sliding") return `s${spanOf(counter)}:${counter.key}`;
  return counter.kind === "fixed" ? `f${spanOf(counter)}:${counter.key}` : `l:${counter.key}`;
}

/** Kind and span: the window, the end or the time to live, in whole milliseconds. */
export function kindOf(counter: Counter): readonly [kind: string, span: string] {
  return [counter.kind === "sliding" ? "s" : counter.kind === "fixed" ? "f" : "l", spanOf(counter)];
}

function spanOf(counter: Counter): string {
  if (counter.kind === "fixed") return String(Math.min(Math.ceil(counter.until), Number.MAX_SAFE_INTEGER));
  return duration(counter.kind === "sliding" ? counter.window : counter.ttl);
}

/** A time to live that Redis takes. */
export function duration(ms: number): string {
  return String(Math.max(1, Math.min(Math.ceil(ms), LONGEST)));
}

/** Lua reads no "Infinity". */
export function numberText(amount: number): string {
  return amount === Number.POSITIVE_INFINITY ? "1e308" : String(amount);
}

/** The answer of `reserve`; places go into the parts. */
export function readReserve(reply: unknown, id: string, parts: readonly Part[], { offset }: Link): Reservation {
  const [granted, , ...rest] = reply as readonly string[];
  if (granted === "1") {
    parts.forEach((part, index) => {
      if (part.counter.kind === "sliding") part.place = rest[index] ?? "";
    });
    return { granted: true, id };
  }
  const [index, until = ""] = rest;
  const kind = parts[Number(index)]?.counter.kind;
  // The end of a fixed window was named by the caller, so it is not of Redis's clock.
  const shift = kind === "fixed" ? 0 : offset;
  return { granted: false, index: Number(index), until: until === "" ? undefined : Number(until) - shift };
}
