/** The chart of `proxy simulate`: keys that could be used, and requests refused, over the simulated time. */
import type { RunReport } from "../simulation/user/report.ts";
import { pad } from "./layout.ts";
import type { Times } from "./simulate-times.ts";

export interface ChartInit {
  readonly run: RunReport;
  /** Epoch milliseconds. */
  readonly start: number;
  readonly end: number;
  readonly times: Times;
  /** Columns of the terminal. */
  readonly columns: number;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const levels = ["▁", "▂", "▃", "▄", "▅", "▆", "▇"] as const;
/** Cells at most, so that with its axis it stays below 74 columns. */
const CELLS = 56;

export interface Chart {
  /** For people, at most 74 columns wide. */
  readonly lines: readonly string[];
  /** Milliseconds that one column of it stands for. */
  readonly step: number;
}

export function chart({ run, start, end, times, columns }: ChartInit): Chart {
  const most = Math.max(8, Math.min(CELLS, columns - 16));
  const step = stepOf(end - start, most);
  const cells = Math.ceil((end - start) / step);
  const sums = Array.from({ length: cells }, () => ({ looks: 0, usable: 0 }));
  for (const { at, usable: count } of run.usable) {
    const sum = sums[Math.floor((at - start) / step)]!;
    sum.looks++;
    sum.usable += count;
  }
  // On average: a minute without any key is no hour without any. What nobody looked at is as it was before.
  const usable: number[] = [];
  for (const { looks, usable: sum } of sums) usable.push(looks > 0 ? sum / looks : (usable.at(-1) ?? 0));
  const refused = Array.from({ length: cells }, () => 0);
  run.refusedIn.forEach((count, hour) => {
    const cell = Math.min(cells - 1, Math.floor((hour * HOUR) / step));
    refused[cell] = refused[cell]! + count;
  });
  const keys = run.usable.reduce((highest, { usable: count }) => Math.max(highest, count), 1);
  const peak = Math.max(...refused);
  const lines = [
    `${axis("usable", keys)} ┤${usable.map((count) => level(count, keys)).join("")}`,
    ...(peak > 0 ? [`${axis("refused", peak)} ┤${refused.map((count) => level(count, peak)).join("")}`] : []),
    `${axis("", 0)} └${dayLine(start, cells, step, times)}`,
  ];
  return { lines, step };
}

/** Whole cells per day, or whole days per cell; less than two days by minutes that divide an hour. */
function stepOf(length: number, most: number): number {
  if (length > 2 * DAY) {
    const days = Math.ceil(length / DAY);
    return days > most ? Math.ceil(days / most) * DAY : DAY / Math.floor(most / days);
  }
  const steps = [1, 2, 5, 10, 15, 30, 60].map((minutes) => minutes * 60_000);
  return steps.find((step) => length / step <= most) ?? HOUR;
}

function axis(name: string, most: number): string {
  return pad(name, 8) + String(most).padStart(5);
}

/** Nothing is drawn for none; one of many is drawn as the lowest level. */
function level(count: number, most: number): string {
  if (count === 0) return " ";
  return levels[Math.min(levels.length - 1, Math.max(0, Math.ceil((count / most) * levels.length) - 1))]!;
}

/** The name of a day where it begins, or of an hour where all is one day, as long as there is room. */
function dayLine(start: number, cells: number, step: number, times: Times): string {
  const isShort = cells * step <= 2 * DAY;
  let line = "";
  let shown = "";
  for (let cell = 0; cell < cells; cell++) {
    const at = start + cell * step;
    const name = isShort ? times.moment(at - (at % (6 * HOUR))) : times.day(at);
    if (name === shown || line.length > cell) continue;
    shown = name;
    const text = isShort && cell === 0 ? times.moment(at) : name;
    if (cell + text.length > cells) break;
    line = `${line.padEnd(cell)}${text} `;
  }
  return line.trimEnd();
}
