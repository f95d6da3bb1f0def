/** What a simulation has shown, in the words of a colleague. */
import { firstDry, type KeyReport, type RunReport } from "../simulation/user/report.ts";
import type { WhatIf } from "../simulation/user/what-if.ts";
import { count, plain } from "./layout.ts";
import type { Times } from "./simulate-times.ts";

/** The head of a column. */
export function headOf(change: WhatIf | undefined, isRecorded: boolean): string {
  if (change === undefined) return isRecorded ? "AS IT WAS" : "AS IT IS";
  const { kind } = change;
  if (kind === "swap") return `TIERS ${change.tiers.join(", ")} SWAPPED`;
  const provider = plain(change.provider).toUpperCase();
  if (kind === "add") return `+${change.count} ${provider} KEY${change.count === 1 ? "" : "S"}`;
  return change.key === undefined ? `WITHOUT ${provider}` : `WITHOUT ${plain(change.key.name)}`;
}

/** `0.29%`. */
export function share(part: number, of: number): string {
  if (part === 0 || of === 0) return "0%";
  const percent = (part / of) * 100;
  return `${percent < 10 ? Number(percent.toPrecision(2)) : Math.round(percent)}%`;
}

/** `≥ $77.35`; cents where they are seen, more digits where there is nothing else. */
export function money({ cost, unpriced, answered }: RunReport): string {
  if (answered > 0 && unpriced >= answered) return "—";
  return `${unpriced > 0 ? "≥ " : ""}${dollars(cost)}`;
}

function dollars(amount: number): string {
  if (amount === 0) return "$0";
  if (amount < 0.1) return `$${Number(amount.toPrecision(2))}`;
  return `$${amount.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
}

export function keyText({ provider, key }: KeyReport): string {
  return `${plain(provider)} ${plain(key)}`;
}

/** The first run is what is; every other one is compared with it. */
export function closing([base, ...others]: readonly [RunReport, ...RunReport[]], times: Times): string {
  return [verdict(base, times), ...(others.length > 0 ? [compared(base, others)] : [])].join(" ");
}

function verdict(run: RunReport, times: Times): string {
  const { requests, refused, failed } = run;
  if (requests === 0) return "Nobody would have asked.";
  const lost = [
    refused > 0 ? `${refused.toLocaleString("en-US")} refused` : "",
    failed > 0 ? `${failed.toLocaleString("en-US")} failed` : "",
  ].filter((part) => part !== "");
  if (lost.length === 0) return "All requests would have been answered.";
  const head = `${lost.join(" and ")} of ${count(requests, "request")}, ${share(refused + failed, requests)}.`;
  const dry = firstDry(run);
  if (dry === undefined || refused === 0) return head;
  const spells = dry.key.dry.length;
  const often = spells > 1 ? `, and ${spells - 1} more ${spells === 2 ? "time" : "times"}` : "";
  return `${head} ${keyText(dry.key)} is used up first, ${times.moment(dry.at)}${often}.`;
}

function compared(base: RunReport, others: readonly RunReport[]): string {
  const clauses = others.map((run) => {
    const change = run.change!;
    const verb = change.kind === "add" && change.count > 1 ? asMany : asOne;
    return `${subject(change)} ${effects(base, run, verb).join(" and ")}`;
  });
  const text = clauses.join("; ");
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

const small = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];

function subject(change: WhatIf): string {
  const { kind } = change;
  if (kind === "swap") return `swapping tiers ${change.tiers.join(" and ")}`;
  const provider = plain(change.provider);
  if (kind === "without") {
    return change.key === undefined
      ? `going without ${provider}`
      : `going without ${provider} ${plain(change.key.name)}`;
  }
  const number = small[change.count] ?? change.count.toLocaleString("en-US");
  return change.count === 1 ? `one more ${provider} key` : `${number} more ${provider} keys`;
}

/** A verb for one or for several. */
type Verb = (word: string) => string;
const asOne: Verb = (word) => `${word}s`;
const asMany: Verb = (word) => word;

function effects(base: RunReport, run: RunReport, verb: Verb): string[] {
  const said = [
    moved(base.refused, run.refused, "refusal", verb),
    moved(base.failed, run.failed, "failure", verb),
    spent(base, run, verb),
  ].filter((text) => text !== undefined);
  if (said.length > 0) return said;
  const fellBack = moved(base.fellBack, run.fellBack, "fallback", verb);
  if (fellBack !== undefined) return [fellBack];
  return [`${verb("change")} nothing`];
}

function moved(before: number, after: number, noun: string, verb: Verb): string | undefined {
  if (after === before) return undefined;
  if (after > before) return `${verb("add")} ${count(after - before, noun)}`;
  return `${verb("remove")} ${after === 0 ? "all" : `${share(before - after, before)} of`} ${noun}s`;
}

/** Cents, and a share of less than half a percent, are noise. */
function spent(base: RunReport, run: RunReport, verb: Verb): string | undefined {
  const more = run.cost - base.cost;
  if (Math.abs(more) < 0.005 || Math.abs(more) < base.cost * 0.005) return undefined;
  return more > 0 ? `${verb("cost")} ${dollars(more)} more` : `${verb("save")} ${dollars(-more)}`;
}
