/** Medians over rounds, and the table. */
import type { Figures } from "./measure.ts";

export interface Measured {
  readonly name: string;
  /** The target whose figures this one's are compared with, where that was measured too. */
  readonly base: string | undefined;
  /** In the order they were taken; the n-th rounds of two targets ran side by side. */
  readonly rounds: readonly Figures[];
  /** Figures taken once. */
  readonly fixed: Figures;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

export function medians({ rounds, fixed }: Measured): Figures {
  const names = Object.keys(rounds[0] ?? {});
  return { ...Object.fromEntries(names.map((name) => [name, median(seriesOf(rounds, name))])), ...fixed };
}

/**
 * How often one has what the other has. The median of the ratios of each round, not the ratio of medians: what the
 * machine does to one round it does to both.
 */
export function ratio(one: Measured, other: Measured, name: string): number {
  if (name in one.fixed) return (one.fixed[name] ?? Number.NaN) / (other.fixed[name] ?? Number.NaN);
  const others = seriesOf(other.rounds, name);
  return median(seriesOf(one.rounds, name).map((value, index) => value / (others[index] ?? Number.NaN)));
}

/** A Markdown table: each target, with its ratio to what it is compared with. */
export function table(targets: readonly Measured[]): string {
  const columns = targets.map((target) => ({
    target,
    base: targets.find(({ name }) => name === target.base),
    values: medians(target),
  }));
  const header = columns.flatMap(({ target, base }) => (base ? [target.name, `× ${base.name}`] : [target.name]));
  const rows = Object.keys(columns[0]?.values ?? {}).map((name) => [
    name,
    ...columns.flatMap(({ target, base, values }) => {
      const value = short(values[name] ?? Number.NaN);
      return base ? [value, ratio(target, base, name).toFixed(2)] : [value];
    }),
  ]);
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const rule = ["---", ...header.map(() => "---:")];
  return [line(["Median", ...header]), line(rule), ...rows.map(line)].join("\n");
}

function seriesOf(rounds: readonly Figures[], name: string): number[] {
  return rounds.map((figures) => figures[name] ?? Number.NaN);
}

function short(value: number): string {
  return value >= 1000 ? Math.round(value).toString() : value.toPrecision(3);
}
