/** Widths of text, tables that fit, and times as people read them. */
import { stripVTControlCharacters } from "node:util";
import type { Out } from "./terminal.ts";

/** Hangul, CJK, full-width forms and pictographs take two columns. */
const wide =
  /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{1F300}-\u{1FAFF}\u{20000}-\u{3FFFD}]/u;

/** Columns the text takes; colours take none. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of stripVTControlCharacters(text)) {
    width += wide.test(character) ? 2 : /\p{M}/u.test(character) ? 0 : 1;
  }
  return width;
}

export function pad(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - widthOf(text)));
}

/** A name that is too long loses its middle: both ends of a model's name tell it from its siblings. */
export function cutMiddle(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  const characters = [...text];
  const tail = Math.max(1, Math.floor((width - 1) / 2));
  return `${characters.slice(0, Math.max(1, width - 1 - tail)).join("")}…${characters.slice(-tail).join("")}`;
}

/** Text of others (names, labels) without what could steer a terminal or break a line. */
export function plain(text: string): string {
  return text.replace(/[\u0000-\u001F\u007F-\u009F\u2028-\u202E\u2066-\u2069]/g, "?");
}

/** Lines of at most `width` columns, cut between words; further lines begin with `hang`. */
export function wrap(text: string, width: number, hang = ""): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined) lines.push(word);
    else if (widthOf(last) + 1 + widthOf(word) > width) lines.push(hang + word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

export interface Column {
  readonly head: string;
  /** What gives when the table is too wide: the column goes, or the cell loses its middle or stands on a line below. */
  readonly fit?: "drop" | "middle" | "below";
  /** Columns that a cell which loses its middle keeps. Default 20. */
  readonly least?: number;
}

const gap = 2;

/**
 * For people a head and aligned rows, below 60 columns `label value` lines per row; for programs the same cells with
 * tabs, without a head and uncut.
 */
export function table(out: Out, columns: readonly Column[], cells: readonly (readonly string[])[]): string[] {
  if (!out.isTerminal) return cells.map((row) => row.join("\t"));
  const rows = cells.map((row) => row.map((cell) => out.marks(cell)));
  if (out.columns < 60) return rows.flatMap((row) => record(columns, row));

  const widths = columns.map(({ head }, at) => Math.max(widthOf(head), ...rows.map((row) => widthOf(row[at] ?? ""))));
  let shown = columns.map((_, at) => at).filter((at) => rows.some((row) => row[at] !== ""));
  const excess = (): number => shown.reduce((sum, at) => sum + widths[at]! + gap, -gap) - out.columns;
  if (excess() > 0) shown = shown.filter((at) => columns[at]!.fit !== "drop");
  const middle = columns.findIndex(({ fit }) => fit === "middle");
  if (excess() > 0 && middle !== -1) {
    const wanted = widths[middle]!;
    widths[middle] = Math.min(wanted, Math.max(columns[middle]!.least ?? 20, wanted - excess()));
  }
  const below = excess() > 0 ? shown.filter((at) => columns[at]!.fit === "below") : [];
  shown = shown.filter((at) => !below.includes(at));

  const draw = (row: readonly string[]): string =>
    shown
      .map((at) => pad(at === middle ? cutMiddle(row[at] ?? "", widths[at]!) : (row[at] ?? ""), widths[at]! + gap))
      .join("")
      .trimEnd();
  const head = out.style.dim(draw(columns.map((column) => column.head)));
  return [
    head,
    ...rows.flatMap((row) => [draw(row), ...below.filter((at) => row[at] !== "").map((at) => `      ${row[at]}`)]),
  ];
}

function record(columns: readonly Column[], row: readonly string[]): string[] {
  const label = Math.max(...columns.map(({ head }) => head.length)) + gap;
  const lines = columns.flatMap(({ head }, at) => {
    const cell = row[at] ?? "";
    return cell === "" ? [] : [pad(head.toLowerCase(), label) + cell];
  });
  return [...lines, ""];
}

/** `412 ms`, `3.1 s`, `42 s`, `5 min`, `19 h`, `3 d`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`;
  if (ms < 2 * 3_600_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 2 * 86_400_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}

/** `in 42 s`; from two minutes on with the clock of this machine, `in 19 h, 09:00`, and beyond a day with the date. */
export function back(until: number, now: number): string {
  const ms = until - now;
  const relative = `in ${duration(ms)}`;
  if (ms < 120_000) return relative;
  const time = new Date(until);
  const clock = time.toTimeString().slice(0, 5);
  if (ms < 86_400_000) return `${relative}, ${clock}`;
  return `${relative}, ${time.toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${clock}`;
}

/** `1 key`, `12 keys`. */
export function count(number: number, noun: string): string {
  return `${number.toLocaleString("en-US")} ${noun}${number === 1 ? "" : "s"}`;
}
