/** How flags are read, and how the report reads. */
import { describe, expect, test } from "vitest";
import { widthOf } from "../../src/cli/layout.ts";
import { chart } from "../../src/cli/simulate-chart.ts";
import { readFlags } from "../../src/cli/simulate-flags.ts";
import { reportLines, type Shown } from "../../src/cli/simulate-text.ts";
import { busiest, timesIn } from "../../src/cli/simulate-times.ts";
import { readAssumption, readRate } from "../../src/cli/simulate-values.ts";
import { closing } from "../../src/cli/simulate-words.ts";
import { createTerminal } from "../../src/cli/terminal.ts";
import type { RunReport } from "../../src/simulation/user/report.ts";
import { fakeTerminal } from "./fake-terminal.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const start = Date.UTC(2026, 0, 5, 3);
const end = start + 7 * DAY;
const times = timesIn("UTC", start, end);

describe("flags", () => {
  test("have defaults that a first try needs nothing else for", () => {
    expect(readFlags({})).toMatchObject({ perDay: 1000, duration: 7 * DAY, seed: 42, shape: "flat", changes: [] });
  });

  test.each([
    ["600/h", 14_400],
    ["2/s", 172_800],
    ["1000", 1000],
    ["1.5k/d", 1500],
  ])("--rate %s is %d a day", (text, perDay) => {
    expect(readRate(text)).toBe(perDay);
  });

  test("assumptions are limits, a share, a time to the first token, a speed and a time of day", () => {
    expect(readAssumption("groq:rpm=60,rpd=1k,tpm=none,errors=1%,latency=800ms,speed=90,reset=07:30")).toEqual({
      ...{ provider: "groq", rpm: 60, rpd: 1000, tpm: 0, errors: 0.01, latency: 800, speed: 90 },
      reset: 7.5 * HOUR,
    });
  });

  test("changes are kept as asked, several of a kind", () => {
    const { changes } = readFlags({ add: ["groq:2", "openai"], swap: ["2,3"], without: ["lab", "lab/mia/1"] });
    expect(changes).toEqual([
      { kind: "add", provider: "groq", count: 2 },
      { kind: "add", provider: "openai", count: 1 },
      { kind: "without", provider: "lab", key: undefined },
      { kind: "without", provider: "lab", key: "mia/1" },
      { kind: "swap", tiers: [2, 3] },
    ]);
  });

  test.each([
    [{ rate: "0/d" }, /--rate cannot be "0\/d"/],
    [{ rate: "5/w" }, /--rate cannot be/],
    [{ duration: "7" }, /--duration cannot be "7"/],
    [{ stream: "150%" }, /--stream cannot be/],
    [{ clients: "0" }, /--clients cannot be/],
    [{ seed: "1.5" }, /--seed cannot be/],
    [{ shape: "week" }, /--shape cannot be "week"/],
    [{ swap: ["2"] }, /--swap cannot be/],
    [{ swap: ["2,2"] }, /--swap cannot be/],
    [{ add: ["groq:0"] }, /--add cannot be/],
    [{ without: ["lab/"] }, /--without cannot be/],
    [{ assume: ["rpm=5"] }, /--assume cannot be/],
    [{ assume: ["groq:rqm=5"] }, /--assume cannot use "rqm=5"/],
    [{ assume: ["groq:errors=2"] }, /--assume cannot use "errors=2"/],
    [{ last: "7d" }, /--last goes with --from/],
    [{ from: "x.jsonl", rate: "5/d" }, /--rate goes without --from/],
  ])("%j are wrong use", (values, what) => {
    expect(() => readFlags(values)).toThrow(what);
  });
});

const base: RunReport = {
  change: undefined,
  requests: 1050,
  answered: 700,
  refused: 350,
  refusedBy: { quota_exceeded: 350 },
  failed: 0,
  fellBack: 21,
  tokens: { input: 1, output: 1 },
  cost: 77.35,
  unpriced: 12,
  firstByte: { p50: 400, p95: 1800 },
  keys: [
    { provider: "groq", key: "team-1", sent: 600, limited: 0, dry: [], dryFor: 0 },
    {
      provider: "groq",
      key: "team-2",
      sent: 100,
      limited: 7,
      dry: [
        { since: start + 16 * HOUR, until: start + DAY },
        { since: start + 40 * HOUR, until: start + 2 * DAY },
      ],
      dryFor: 16 * HOUR,
    },
  ],
  usable: Array.from({ length: 168 }, (_, hour) => ({ at: start + hour * HOUR, usable: hour % 24 < 16 ? 2 : 0 })),
  refusedIn: Array.from({ length: 48 }, (_, hour) => (hour % 24 < 16 ? 0 : 22)),
  faults: new Map(),
};
const added: RunReport = {
  ...base,
  change: { kind: "add", provider: "groq", count: 1 },
  ...{ answered: 1022, refused: 28, fellBack: 0, cost: 72.5 },
};
const swapped: RunReport = { ...base, change: { kind: "swap", tiers: [2, 3] }, cost: 110.1 };
const shown: Shown = {
  runs: [base, added, swapped],
  ...{ start, end, seed: 42, times, isRecorded: true },
  asked: "to smart",
  assumed: ["groq  2 keys, no limits, 800 ms, 50 tokens/s, no failures"],
  notes: ["A plugin wanted to reach 10.0.0.1:6379; nothing was sent."],
  summary: closing([base, added, swapped], times),
};

describe("the closing words", () => {
  test("say what is lost, what is used up first, and what each change does", () => {
    expect(shown.summary).toBe(
      "350 refused of 1,050 requests, 33%. groq team-2 is used up first, Mon 19:00, and 1 more time. " +
        "One more groq key removes 92% of refusals and saves $4.85; swapping tiers 2 and 3 costs $32.75 more.",
    );
  });

  test("are short when all is well, and plain about what changes nothing", () => {
    const fine = { ...base, refused: 0, answered: 1050, keys: [] };
    expect(closing([fine], times)).toBe("All requests would have been answered.");
    const two = { ...fine, change: { kind: "add", provider: "groq", count: 2 } } as const;
    const none = { ...fine, change: { kind: "without", provider: "lab", key: { id: "x", name: "mia" } } } as const;
    expect(closing([fine, two, { ...none, failed: 3 }], times)).toBe(
      "All requests would have been answered. Two more groq keys change nothing; going without lab mia adds 3 failures.",
    );
  });
});

describe("the report", () => {
  test("has a chart, the columns side by side, keys and assumptions within 74 columns", () => {
    const lines = reportLines(shown, fakeTerminal({ columns: 100 }).out);
    expect(lines).toEqual([
      "1,050 requests of 7 days to smart, seed 42   UTC",
      "usable      2 ┤▇▇▇▇▇▃  ▇▇▇▇▇▃  ▇▇▇▇▇▃  ▇▇▇▇▇▃  ▇▇▇▇▇▃  ▇▇▇▇▇▃  ▇▇▇▇▇▃  ",
      "refused    66 ┤     ▅▇▇     ▅▇▇                                        ",
      "            0 └Mon    Tue     Wed     Thu     Fri     Sat     Sun",
      "               refused: Mon 19–Tue 02, Tue 19–Wed 02; a column is 3 h",
      "",
      "                       AS IT WAS         +1 GROQ KEY  TIERS 2, 3 SWAPPED",
      "refused               350    33%           28   2.7%          350    33%",
      "fell back              21     2%            0     0%           21     2%",
      "first dry       team-2 Mon 19:00    team-2 Mon 19:00    team-2 Mon 19:00",
      "first byte          400 ms/1.8 s        400 ms/1.8 s        400 ms/1.8 s",
      "cost                    ≥ $77.35            ≥ $72.50           ≥ $110.10",
      "",
      "KEY          SENT  LIMITED  USED UP",
      "groq team-2  100   7        Mon 19:00, 2 times, 16 h in all",
      "groq team-1  600   0        never",
      "",
      "groq  2 keys, no limits, 800 ms, 50 tokens/s, no failures",
      "! A plugin wanted to reach 10.0.0.1:6379; nothing was sent.",
      "",
      "350 refused of 1,050 requests, 33%. groq team-2 is used up first, Mon",
      "19:00, and 1 more time. One more groq key removes 92% of refusals and",
      "saves $4.85; swapping tiers 2 and 3 costs $32.75 more.",
    ]);
  });

  test.each([100, 74, 60, 50, 40])("fits into %d columns", (columns) => {
    const lines = reportLines(shown, fakeTerminal({ columns }).out);
    expect(Math.max(...lines.map(widthOf))).toBeLessThanOrEqual(Math.min(columns, 74));
  });

  test("is the same picture in ASCII", () => {
    const { marks } = createTerminal({ ascii: true }).out;
    const { out } = fakeTerminal({ columns: 80 });
    const text = marks(reportLines(shown, { ...out, marks }).join("\n"));
    expect(text).toMatch(/^[\n\u0020-\u007E]*$/);
    expect(text).toContain("|#####:  #####:  ");
  });

  test("is complete for programs, with ISO times", () => {
    const lines = reportLines(shown, fakeTerminal().out);
    expect(lines[0]).toBe("simulated\t2026-01-05T03:00:00.000Z\t2026-01-12T03:00:00.000Z\t1050\t42");
    expect(lines).toContain("first dry\tas it was\tgroq team-2\t2026-01-05T19:00:00.000Z");
    expect(lines).toContain("cost\ttiers 2, 3 swapped\t110.1\t12");
    expect(lines).toContain("key\tas it was\tgroq\tteam-2\t100\t7\t2026-01-05T19:00:00.000Z\t57600");
  });
});

describe("the chart", () => {
  test.each([
    [HOUR, 120_000],
    [DAY, 30 * 60_000],
    [30 * DAY, DAY],
    [400 * DAY, 8 * DAY],
  ])("of %d ms has columns of %d ms", (length, step) => {
    const usable = [{ at: start, usable: 1 }];
    const drawn = chart({ run: { ...base, usable, refusedIn: [] }, start, end: start + length, times, columns: 80 });
    expect(drawn.step).toBe(step);
    expect(Math.max(...drawn.lines.map(widthOf))).toBeLessThanOrEqual(74);
  });

  test("names the hours of most refusals, three at most, in the zone it is told", () => {
    const counts = [5, 0, 0, 9, 9, 0, 1, 0, 3];
    expect(busiest(counts, start, times)).toBe("Mon 03, Mon 06–07, Mon 11 and others");
    expect(busiest(counts, start, timesIn("Europe/Berlin", start, end))).toBe("Mon 04, Mon 07–08, Mon 12 and others");
    expect(busiest([], start, times)).toBe("");
  });
});
