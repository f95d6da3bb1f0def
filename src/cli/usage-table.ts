/** The table of `proxy usage`. */
import { count, duration, plain, table } from "./layout.ts";
import type { Out } from "./terminal.ts";

/** Sums, as `GET /api/usage` has them. Costs in US dollars, times in milliseconds. */
export interface UsageSums {
  readonly requests: number;
  readonly failed: number;
  readonly refused: number;
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cost: number;
  readonly unpriced: number;
  readonly first_byte_ms: { readonly p50: number | null; readonly p95: number | null } | null;
}

export interface UsageDocument {
  readonly from: string;
  readonly to: string;
  readonly totals: UsageSums;
  readonly data: readonly (UsageSums & { readonly name: string })[];
}

interface Asked {
  readonly by: string;
  readonly last: string;
}

const heads = ["REQUESTS", "IN", "OUT", "COST", "FAILED", "FIRST p50/p95"];
/** Blocks of the longest share. */
const BLOCKS = 20;
const SHARES = 3;

/** For people the rows, a rule and the sum; for programs names and plain numbers. */
export function usageTable({ data, totals }: UsageDocument, { by, last }: Asked, out: Out): string[] {
  if (!out.isTerminal) return [...data, { ...totals, name: "total" }].map(piped);
  const name = { head: "", fit: "middle" } as const;
  const columns = [
    name,
    ...heads.map((head) => (head === "FIRST p50/p95" ? { head, fit: "drop" as const } : { head })),
  ];
  const rows = data.map((row) => [nameOf(row.name, by), ...cells(row)]);
  const sum = [last, ...cells(totals)];
  const widths = columns.map((_, at) =>
    Math.max(...[...rows, sum].map((row) => row[at]!.length), columns[at]!.head.length),
  );
  // Numbers stand under each other by their ends.
  const aligned = [...rows, sum].map((row) => row.map((cell, at) => (at === 0 ? cell : cell.padStart(widths[at]!))));
  const lines = table(
    out,
    columns.map((column, at) => ({ ...column, head: at === 0 ? "" : column.head.padStart(widths[at]!) })),
    aligned,
  );
  if (out.columns < 60) return lines;
  return [...lines.slice(0, -1), out.style.dim("─".repeat(Math.min(out.columns, 74))), out.style.bold(lines.at(-1)!)];
}

/** `gemini_cli ▇▇▇▇▇▇▇▇ 41%  groq ▇▇▇▇ 22%  3 more 20%`. */
export function sharesLine({ data, totals }: UsageDocument, out: Out): string {
  const share = (requests: number): number => requests / totals.requests;
  const shown = data.filter(({ name }) => name !== "").slice(0, SHARES);
  const rest = totals.requests - shown.reduce((sum, { requests }) => sum + requests, 0);
  const more = data.filter(({ name }) => name !== "").length - shown.length;
  const parts = shown.map(({ name, requests }) => {
    const blocks = "▇".repeat(Math.max(1, Math.round(share(requests) * BLOCKS)));
    return `${plain(name)} ${blocks} ${percent(share(requests))}`;
  });
  if (rest > 0) parts.push(`${more > 0 ? `${more} more` : "nobody asked"} ${percent(share(rest))}`);
  return out.marks(parts.join("  "));
}

export function usageNotes({ totals }: UsageDocument, zone: string | undefined): string[] {
  const lacks = totals.unpriced === 1 ? "has" : "have";
  const notes = [
    totals.unpriced > 0 ? `${count(totals.unpriced, "request")} ${lacks} no price, so cost is a lower bound.` : "",
    zone === undefined ? "" : `Days: ${zone}`,
  ].filter((note) => note !== "");
  return notes.length === 0 ? [] : [notes.join(" ")];
}

function cells(sums: UsageSums): string[] {
  const { requests, failed, first_byte_ms: first } = sums;
  const times = first === null ? [] : [first.p50, first.p95].filter((time): time is number => time !== null);
  return [
    requests.toLocaleString("en-US"),
    amount(sums.input_tokens),
    amount(sums.output_tokens),
    `${sums.unpriced > 0 ? "≥ " : ""}${dollars(sums.cost)}`,
    requests === 0 ? "—" : percent(failed / requests),
    times.length === 0 ? "—" : times.map(duration).join("/"),
  ];
}

function piped({ name, ...sums }: UsageSums & { readonly name: string }): string {
  const { requests, input_tokens, output_tokens, cost, unpriced, failed, first_byte_ms: first } = sums;
  const times = [first?.p50 ?? "", first?.p95 ?? ""];
  return [plain(name), requests, input_tokens, output_tokens, cost, unpriced, failed, ...times].join("\t");
}

/** `Sat 14 Nov`, `14:00`, or the name itself. */
function nameOf(name: string, by: string): string {
  if (by === "day") {
    const day = new Date(`${name}T12:00:00Z`);
    return day
      .toLocaleDateString("en-GB", { weekday: "short", day: "2-digit", month: "short", timeZone: "UTC" })
      .replace(",", "");
  }
  if (by === "hour") return name.slice(0, 16).replace("T", " ");
  return name === "" ? "—" : plain(name);
}

/** `39.8 M`, `2.0 k`. */
function amount(tokens: number): string {
  if (tokens < 1000) return String(tokens);
  const [value, unit] = tokens < 1e6 ? [tokens / 1e3, "k"] : tokens < 1e9 ? [tokens / 1e6, "M"] : [tokens / 1e9, "G"];
  return `${value < 100 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

function dollars(cost: number): string {
  if (cost > 0 && cost < 0.01) return "< $0.01";
  return `$${cost.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
}

function percent(share: number): string {
  const value = share * 100;
  return `${value === 0 ? "0" : value < 10 ? value.toFixed(1) : Math.round(value)}%`;
}
