/** Moments of a simulation for people, in one zone that is named beside them. */

export interface Times {
  readonly zone: string;
  /** `Wed 11:40`; in more than a week with the date, `5 Jan 11:40`. */
  moment(at: number): string;
  /** `Wed` or `5 Jan`. */
  day(at: number): string;
  /** Hours and minutes of a day, in hours. */
  hour(at: number): number;
}

const WEEK = 7 * 86_400_000;

/** `from` and `until` in epoch milliseconds: what is longer than a week has two days of the same name. */
export function timesIn(zone: string, from: number, until: number): Times {
  const isLong = until - from > WEEK;
  const clock = format(zone, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const date = format(zone, isLong ? { day: "numeric", month: "short" } : { weekday: "short" });
  const day = (at: number): string => date.format(at);
  return {
    zone,
    day,
    moment: (at) => `${day(at)} ${clock.format(at)}`,
    hour(at) {
      const [hours = "0", minutes = "0"] = clock.format(at).split(":");
      return Number(hours) + Number(minutes) / 60;
    },
  };
}

function format(timeZone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat("en-GB", { ...options, timeZone });
}

const HOUR = 3_600_000;

/** `Wed 14–15, Thu 11`: the hours that had most, three ranges at most, in order. `counts` by hour since `start`. */
export function busiest(counts: readonly number[], start: number, times: Times): string {
  const total = counts.reduce((sum, each) => sum + each, 0);
  const ranges: { from: number; to: number; sum: number }[] = [];
  counts.forEach((each, hour) => {
    if (each === 0) return;
    const last = ranges.at(-1);
    if (last && last.to === hour - 1) {
      last.to = hour;
      last.sum += each;
    } else ranges.push({ from: hour, to: hour, sum: each });
  });
  const most = ranges.toSorted((a, b) => b.sum - a.sum).slice(0, 3);
  const rest = total - most.reduce((sum, { sum: each }) => sum + each, 0);
  const at = (hour: number): number => start + hour * HOUR;
  const clock = (hour: number): string => String(Math.floor(times.hour(at(hour)))).padStart(2, "0");
  const said = most
    .toSorted((a, b) => a.from - b.from)
    .map(({ from, to }) => {
      const first = `${times.day(at(from))} ${clock(from)}`;
      const isSameDay = times.day(at(from)) === times.day(at(to));
      return from === to ? first : `${first}–${isSameDay ? "" : `${times.day(at(to))} `}${clock(to)}`;
    });
  return said.join(", ") + (rest > 0 ? " and others" : "");
}
