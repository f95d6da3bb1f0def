/** The report of `proxy simulate` as text: chart, columns side by side, keys, what was assumed. */
import { firstDry, type KeyReport, type RunReport } from "../simulation/user/report.ts";
import { count, cutMiddle, duration, pad, plain, table, widthOf, wrap } from "./layout.ts";
import { chart } from "./simulate-chart.ts";
import { busiest, type Times } from "./simulate-times.ts";
import { headOf, keyText, money, share } from "./simulate-words.ts";
import type { Out } from "./terminal.ts";

export interface Shown {
  /** The config as it is, then what was changed. */
  readonly runs: readonly [RunReport, ...RunReport[]];
  /** Epoch milliseconds. */
  readonly start: number;
  readonly end: number;
  readonly seed: number;
  readonly times: Times;
  /** The requests are no drawn ones. */
  readonly isRecorded: boolean;
  /** What the requests ask for, in words. */
  readonly asked: string;
  /** Lines of what was taken for true. */
  readonly assumed: readonly string[];
  readonly notes: readonly string[];
  /** What it comes to, in a sentence or two. */
  readonly summary: string;
}

const label = 12;
const column = 20;
const perBlock = 3;
/** Keys a person is shown. */
const mostKeys = 8;

export function reportLines(shown: Shown, out: Out): string[] {
  if (!out.isTerminal) return pipedLines(shown);
  const { runs, start, end, times, assumed, notes, summary } = shown;
  const [base, ...others] = runs;
  const { bold, dim } = out.style;
  const { lines, step } = chart({ run: base, start, end, times, columns: out.columns });
  const when = busiest(base.refusedIn, start, times);
  const refused = when === "" ? "" : `refused: ${when}; `;
  const width = Math.min(out.columns, 74);
  return [
    ...wrap(`${headline(shown)}   ${times.zone}`, width).map(bold),
    ...lines,
    ...wrap(`${" ".repeat(label + 3)}${refused}a column is ${spanText(step)}`, width, " ".repeat(label + 3)),
    "",
    ...(others.length === 0 ? block([base], shown, out) : blocks(base, others, shown, out)),
    "",
    ...keyLines(base, times, out),
    "",
    ...assumed.flatMap((line) => wrap(line, width, "  ")).map(dim),
    ...notes.flatMap((note) => wrap(`! ${note}`, width, "  ")),
    "",
    ...wrap(summary, width).map(bold),
  ];
}

function headline({ runs: [{ requests }], start, end, seed, asked }: Shown): string {
  return `${requests.toLocaleString("en-US")} requests of ${spanText(end - start)} ${asked}, seed ${seed}`;
}

/** `7 days`, `12 h`. */
function spanText(ms: number): string {
  const days = ms / 86_400_000;
  return Number.isInteger(days) ? count(days, "day") : duration(ms);
}

/** Two changes beside what is; further ones below, with what is repeated. */
function blocks(base: RunReport, others: readonly RunReport[], shown: Shown, out: Out): string[] {
  const room = Math.max(1, Math.min(perBlock, Math.floor((out.columns - label) / column)));
  const lines: string[] = [];
  const size = Math.max(1, room - 1);
  for (let from = 0; from < others.length; from += size) {
    if (from > 0) lines.push("");
    lines.push(...block([base, ...others.slice(from, from + size)], shown, out));
  }
  return lines;
}

function block(runs: readonly RunReport[], { times, isRecorded }: Shown, out: Out): string[] {
  const isNarrow = out.columns < label + runs.length * column;
  if (isNarrow) {
    return runs.flatMap((run) => [
      out.style.dim(headOf(run.change, isRecorded)),
      ...rowsOf(runs, times, out).map(({ name, cell }) => pad(name, label) + cell(run)),
    ]);
  }
  const right = (text: string): string => {
    const fitting = cutMiddle(out.marks(text), column - 1);
    return " ".repeat(Math.max(0, column - widthOf(fitting))) + fitting;
  };
  return [
    out.style.dim(" ".repeat(label) + runs.map((run) => right(headOf(run.change, isRecorded))).join("")),
    ...rowsOf(runs, times, out).map(
      ({ name, cell }) => pad(name, label) + runs.map((run) => right(cell(run))).join(""),
    ),
  ];
}

interface Row {
  readonly name: string;
  readonly cell: (run: RunReport) => string;
}

/** What is nothing everywhere has no row, but for what was asked about. */
function rowsOf(runs: readonly RunReport[], times: Times, out: Out): Row[] {
  const part = (name: string, value: (run: RunReport) => number): Row => ({
    name,
    cell: (run) => `${value(run).toLocaleString("en-US")}  ${share(value(run), run.requests).padStart(5)}`,
  });
  return [
    part("refused", ({ refused }) => refused),
    ...(runs.some(({ failed }) => failed > 0) ? [part("failed", ({ failed }) => failed)] : []),
    ...(runs.some(({ fellBack }) => fellBack > 0) ? [part("fell back", ({ fellBack }) => fellBack)] : []),
    {
      name: "first dry",
      cell(run) {
        const found = firstDry(run);
        if (found === undefined) return "never";
        const when = times.moment(found.at);
        return `${cutMiddle(out.marks(found.key.key), column - 2 - when.length)} ${when}`;
      },
    },
    {
      name: "first byte",
      cell: ({ firstByte }) =>
        firstByte === undefined ? "—" : `${duration(firstByte.p50)}/${duration(firstByte.p95)}`,
    },
    { name: "cost", cell: money },
  ];
}

function keyLines({ keys }: RunReport, times: Times, out: Out): string[] {
  const used = keys.filter(({ sent, dry }) => sent > 0 || dry.length > 0);
  const sorted = used.toSorted((a, b) => b.dryFor - a.dryFor || b.sent - a.sent);
  const columns = [
    { head: "KEY", fit: "middle" },
    { head: "SENT" },
    { head: "LIMITED", fit: "drop" },
    { head: "USED UP" },
  ] as const;
  const cells = sorted
    .slice(0, mostKeys)
    .map((key) => [
      keyText(key),
      key.sent.toLocaleString("en-US"),
      key.limited.toLocaleString("en-US"),
      dryText(key, times),
    ]);
  const more = sorted.length - mostKeys;
  const narrow = { ...out, columns: Math.min(out.columns, label + perBlock * column) };
  return [
    ...(cells.length === 0 ? ["No key was used."] : table(narrow, columns, cells)),
    ...(more > 0 ? [out.style.dim(`… ${more} more: --json has all`)] : []),
  ];
}

function dryText({ dry, dryFor }: KeyReport, times: Times): string {
  const [first] = dry;
  if (first === undefined) return "never";
  const often = dry.length === 1 ? "" : `, ${dry.length} times`;
  return `${times.moment(first.since)}${often}, ${duration(dryFor)} in all`;
}

/** For programs: a line per number, with its column, and one per key of each run. ISO times, nothing cut. */
function pipedLines({ runs, start, end, seed, isRecorded }: Shown): string[] {
  const line = (...cells: readonly (string | number)[]): string => cells.join("\t");
  return [
    line("simulated", new Date(start).toISOString(), new Date(end).toISOString(), runs[0].requests, seed),
    ...runs.flatMap((run) => {
      const name = headOf(run.change, isRecorded).toLowerCase();
      const dry = firstDry(run);
      return [
        line("refused", name, run.refused),
        line("failed", name, run.failed),
        line("fell back", name, run.fellBack),
        line("first dry", name, ...(dry ? [keyText(dry.key), new Date(dry.at).toISOString()] : ["", ""])),
        line("cost", name, run.cost, run.unpriced),
        ...run.keys.map(({ provider, key, sent, limited, dry: spells, dryFor }) =>
          line(
            "key",
            name,
            plain(provider),
            plain(key),
            sent,
            limited,
            isoOf(spells[0]?.since),
            Math.round(dryFor / 1000),
          ),
        ),
      ];
    }),
  ];
}

function isoOf(at: number | undefined): string {
  return at === undefined ? "" : new Date(at).toISOString();
}
