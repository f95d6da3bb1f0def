/** The day that counters belong to: it begins at 03:00 UTC. */

const HOUR = 3_600_000;

/** The number of the day that holds `now` (epoch milliseconds); one more after every daily reset. */
export function dayOf(now: number): number {
  return Math.floor((now - 3 * HOUR) / (24 * HOUR));
}

/** When a day of that number is over, epoch milliseconds. */
export function endOfDay(day: number): number {
  return (day + 1) * 24 * HOUR + 3 * HOUR;
}

/** When a day of counters begins. */
export interface DailyReset {
  /** Hours and minutes, `03:00`. Default 03:00. */
  readonly at?: string;
  /** A name of the IANA time zone database. Default UTC. */
  readonly zone?: string;
}

/**
 * Tells the next reset after a time, both in epoch milliseconds. A time of day that the clock skips in spring is the
 * moment of the skip; one that comes twice in autumn is the first of them. Throws a `RangeError` for what is no time of
 * day and for a zone nobody knows.
 */
export function dailyReset({ at = "03:00", zone = "UTC" }: DailyReset = {}): (now: number) => number {
  const [, hour, minute] = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(at) ?? [];
  if (hour === undefined || minute === undefined) throw new RangeError(`"${at}" is no time of day, as 03:00 is`);
  const time = (Number(hour) * 60 + Number(minute)) * 60_000;
  const offsetAt = zoneOffset(zone);
  /** The moment at which the clocks of the zone show the time of that day, counted from 1970-01-01. */
  const momentOf = (day: number): number => {
    const wall = day * 24 * HOUR + time;
    // Both offsets around the moment are tried: on two days a year they differ.
    const before = wall - offsetAt(wall - 24 * HOUR);
    const after = wall - offsetAt(wall + 24 * HOUR);
    const fitting = [before, after].filter((moment) => moment + offsetAt(moment) === wall);
    if (fitting.length > 0) return Math.min(...fitting);
    return skipBetween(Math.min(before, after), Math.max(before, after), offsetAt);
  };
  let known: { readonly from: number; readonly next: number } | undefined;
  return (now) => {
    if (known && now >= known.from && now < known.next) return known.next;
    const today = Math.floor((now + offsetAt(now)) / (24 * HOUR));
    const next = [today - 1, today, today + 1, today + 2].map(momentOf).find((moment) => moment > now)!;
    known = { from: now, next };
    return next;
  };
}

/** Milliseconds to add to UTC for what the clocks of a zone show. */
function zoneOffset(zone: string): (moment: number) => number {
  if (zone === "UTC") return () => 0;
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  return (moment) => {
    const shown = Object.fromEntries(format.formatToParts(moment).map(({ type, value }) => [type, Number(value)]));
    const { year, month, day, hour, minute, second } = shown as { readonly [part: string]: number };
    return Date.UTC(year!, month! - 1, day, hour, minute, second) - Math.floor(moment / 1000) * 1000;
  };
}

/** The moment in between at which the clocks are put forward. */
function skipBetween(from: number, to: number, offsetAt: (moment: number) => number): number {
  const before = offsetAt(from);
  let low = from;
  let high = to;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetAt(middle) === before) low = middle;
    else high = middle;
  }
  return high;
}
