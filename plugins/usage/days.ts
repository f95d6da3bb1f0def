/** Hours and days that sums are kept by, names of days, and lengths of spans. */
import { dayOf, endOfDay } from "waygate";

const HOUR = 3_600_000;
const units: { readonly [unit: string]: number } = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const formats = new Map<string, Intl.DateTimeFormat>();

/** When the hour began that holds this time. */
export function hourOf(time: number): number {
  return Math.floor(time / HOUR) * HOUR;
}

/** When the day of a key's counters began that holds this time. */
export function dayOfKeys(time: number): number {
  return endOfDay(dayOf(time) - 1);
}

/** `2026-11-21`, in a zone of the IANA database. */
export function dayName(time: number, zone = "UTC"): string {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-CA", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" });
    formats.set(zone, format);
  }
  return format.format(time);
}

/** Milliseconds of `7d`, `24h`, `90m`, `2w`; `undefined` for other texts. */
export function spanOf(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,5})([mhdw])$/.exec(text.trim()) ?? [];
  return count === undefined ? undefined : Number(count) * units[unit!]!;
}
