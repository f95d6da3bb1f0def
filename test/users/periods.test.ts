/** When windows of quotas begin and end. */
import { describe, expect, it, test } from "vitest";
import { createPeriods, NEVER, periodFault } from "../../plugins/users/periods.ts";

const iso = ({ from, until }: { from: number; until: number }): string[] =>
  [from, until].map((time) => new Date(time).toISOString());
const at = (text: string): number => Date.parse(text);

describe("periods", () => {
  it.each([
    ["hourly", "2026-05-05T10:00:00.000Z", "2026-05-05T11:00:00.000Z"],
    ["daily", "2026-05-05T01:00:00.000Z", "2026-05-06T01:00:00.000Z"],
    ["monthly", "2026-05-01T01:00:00.000Z", "2026-06-01T01:00:00.000Z"],
    ["0 9 * * 1", "2026-05-04T07:00:00.000Z", "2026-05-11T07:00:00.000Z"],
  ])("E5 %s, in Berlin", (period, from, until) => {
    const periods = createPeriods({ at: "03:00", zone: "Europe/Berlin" });
    expect(iso(periods.at(period, at("2026-05-05T10:30:00Z")))).toEqual([from, until]);
    // The first millisecond is of the new window, the one before it of the old.
    expect(iso(periods.at(period, at(from)))).toEqual([from, until]);
    expect(periods.at(period, at(from) - 1).until).toBe(at(from));
    expect(periods.at(period, at(until)).from).toBe(at(until));
  });

  it("E5 a day is an hour shorter in spring and an hour longer in autumn, and none is lost", () => {
    const periods = createPeriods({ at: "02:30", zone: "Europe/Berlin" });
    for (const day of ["2026-03-29", "2026-10-25"]) {
      let now = at(`${day}T00:00:00Z`) - 36 * 3_600_000;
      let last = periods.at("daily", now);
      for (; now < at(`${day}T00:00:00Z`) + 60 * 3_600_000; now += 600_000) {
        const span = periods.at("daily", now);
        expect(span.from <= now && now < span.until).toBe(true);
        if (span.from !== last.from) expect(span.from).toBe(last.until);
        expect(span.until - span.from).toBeLessThanOrEqual(25 * 3_600_000);
        last = span;
      }
    }
  });

  it("in total has no end", () => {
    expect(createPeriods().at("total", Date.now())).toEqual({ from: 0, until: NEVER });
  });

  test.each(["", "weekly", "@daily", "* * * *", "61 * * * *", "0 0 30 2 *", "2026-01-01T00:00:00Z"])(
    "%o is none",
    (period) => {
      expect(periodFault(period)).toEqual(expect.any(String));
    },
  );
});
