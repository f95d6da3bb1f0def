/** When a quota's window begins and ends. */
import { Cron } from "croner";
import type { DailyReset } from "waygate";

export interface Span {
  /** Epoch milliseconds. */
  readonly from: number;
  readonly until: number;
}

/** Of a window that never ends: later than any clock, and exact in every store. */
export const NEVER: number = Date.UTC(9000, 0, 1);

export interface Periods {
  /** The window that holds `now`. */
  at(period: string, now: number): Span;
}

const words = ["hourly", "daily", "monthly", "total"] as const;

/** Why it is no period; `undefined` when it is one. */
export function periodFault(period: string): string | undefined {
  if ((words as readonly string[]).includes(period)) return undefined;
  // A name like @daily would be another period by another name.
  if (!/^\S+(?: \S+){4,5}$/.test(period))
    return `it is one of ${words.join(", ")}, or a cron expression of five fields`;
  try {
    return new Cron(period).nextRun() === null ? "it never comes" : undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Days and months begin at the reset in its zone; hours and cron expressions know the zone only. */
export function createPeriods({ at = "03:00", zone = "UTC" }: DailyReset = {}): Periods {
  const [hour, minute] = at.split(":").map(Number) as [number, number];
  const expressions: { readonly [period: string]: string } = {
    hourly: "0 * * * *",
    daily: `${minute} ${hour} * * *`,
    monthly: `${minute} ${hour} 1 * *`,
  };
  const known = new Map<string, { readonly cron: Cron; span: Span }>();
  return {
    at(period, now) {
      if (period === "total") return { from: 0, until: NEVER };
      let found = known.get(period);
      if (found && now >= found.span.from && now < found.span.until) return found.span;
      if (!found) {
        found = { cron: new Cron(expressions[period] ?? period, { timezone: zone }), span: { from: 0, until: 0 } };
        known.set(period, found);
      }
      // One that begins in this very millisecond has begun.
      const [last] = found.cron.previousRuns(1, new Date(now + 1));
      const next = found.cron.nextRun(new Date(now));
      found.span = { from: last?.getTime() ?? 0, until: next?.getTime() ?? NEVER };
      return found.span;
    },
  };
}
