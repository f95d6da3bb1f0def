import { describe, expect, it } from "vitest";
import { dailyReset } from "waygate";

const iso = (moment: number): string => new Date(moment).toISOString().slice(0, 16);
const next = (now: string, zone?: string, at?: string): string =>
  iso(dailyReset({ ...(zone && { zone }), ...(at && { at }) })(Date.parse(`${now}Z`)));

describe("the next reset", () => {
  it.each([
    ["2026-01-01T02:59", undefined, undefined, "2026-01-01T03:00"],
    ["2026-01-01T03:00", undefined, undefined, "2026-01-02T03:00"],
    ["2026-12-31T23:59", "UTC", "00:00", "2027-01-01T00:00"],
    ["2026-01-01T18:29", "Asia/Kolkata", "00:00", "2026-01-01T18:30"],
    ["2026-01-01T18:30", "Asia/Kolkata", "00:00", "2026-01-02T18:30"],
    ["2026-07-01T12:00", "America/Los_Angeles", "00:00", "2026-07-02T07:00"],
    ["2026-01-01T12:00", "America/Los_Angeles", "00:00", "2026-01-02T08:00"],
    ["2026-01-01T09:00", "Pacific/Kiritimati", "23:59", "2026-01-01T09:59"],
  ])("after %s in %s at %s is %s", (now, zone, at, expected) => expect(next(now, zone, at)).toBe(expected));

  it("follows the clocks of a zone through summer time", () => {
    // Berlin: forward on 2026-03-29 at 01:00 UTC, back on 2026-10-25 at 01:00 UTC.
    const of = (now: string): string => next(now, "Europe/Berlin", "03:30");
    expect([of("2026-03-28T00:00"), of("2026-03-28T12:00"), of("2026-10-24T12:00")]).toEqual([
      "2026-03-28T02:30",
      "2026-03-29T01:30",
      "2026-10-25T02:30",
    ]);
  });

  it("is the moment of the skip where the clock skips it", () => {
    expect(next("2026-03-28T12:00", "Europe/Berlin", "02:30")).toBe("2026-03-29T01:00");
    expect(next("2026-03-29T01:00", "Europe/Berlin", "02:30")).toBe("2026-03-30T00:30");
  });

  it("is the first of two where the time comes twice, and the second is none", () => {
    expect(next("2026-10-24T12:00", "Europe/Berlin", "02:30")).toBe("2026-10-25T00:30");
    expect(next("2026-10-25T00:30", "Europe/Berlin", "02:30")).toBe("2026-10-26T01:30");
  });

  it("comes once a day for years, whatever the zone, and the time in between makes no difference", () => {
    for (const zone of ["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu"]) {
      const reset = dailyReset({ at: "02:15", zone });
      let now = Date.UTC(2026, 0, 1);
      for (let day = 0; day < 800; day++) {
        const then = reset(now);
        const hours = (then - now) / 3_600_000;
        expect(hours > 0 && hours <= 25, `${zone} ${iso(now)}`).toBe(true);
        if (day > 0) expect(hours).toBeGreaterThanOrEqual(23);
        expect(reset(then - 1)).toBe(then);
        now = then;
      }
    }
  });

  it("is right again after the clock was put back", () => {
    const reset = dailyReset();
    const noon = Date.UTC(2026, 0, 10, 12);
    expect(iso(reset(noon))).toBe("2026-01-11T03:00");
    expect(iso(reset(noon - 5 * 86_400_000))).toBe("2026-01-06T03:00");
  });

  it.each([[{ at: "24:00" }], [{ at: "3" }], [{ at: "03:60" }], [{ zone: "Mars/Olympus" }]])("%o cannot be", (given) =>
    expect(() => dailyReset(given)).toThrow(RangeError),
  );
});
