/** The table of `proxy keys`: a group per provider, one row per key. */
import type { KeysDocument, KeyStatus, ProviderKeys } from "../server/key-status.ts";
import { keyName, markOf, needsYou } from "./keys.ts";
import { back, count, plain, table } from "./layout.ts";
import type { Out } from "./terminal.ts";

/** Keys of one provider a person is shown; of more, those come first that do not just work. */
const mostShown = 100;
const columns = [
  { head: "KEY" },
  { head: "STATE" },
  { head: "BACK" },
  { head: "USED", fit: "drop" },
  { head: "WHY", fit: "below" },
] as const;

/** For people as drawn, for programs words and tabs: provider, tier, key, state, until, in flight, uses today, why. */
export function keysTable({ at, providers }: KeysDocument, out: Out): string[] {
  if (!out.isTerminal) return providers.flatMap(pipedRows);
  const now = Date.parse(at);
  if (out.columns < 60) {
    return providers.flatMap((group) => {
      const [name = "", ...about] = groupRow(group, now, out);
      const head = [name, ...about].filter((cell) => cell !== "").join("  ");
      return [head, ...table(out, columns, keyRows(group, now, out))];
    });
  }
  return table(
    out,
    columns,
    providers.flatMap((group) => [groupRow(group, now, out), ...keyRows(group, now, out)]),
  );
}

/** `12 usable, 4 coming back, 3 need you, 1 off`, of real keys. */
export function keysTotal({ providers }: KeysDocument): string {
  const counts = { usable: 0, back: 0, lost: 0, off: 0, unknown: 0 };
  for (const { keys, rest } of providers) {
    for (const { state, anonymous } of keys) {
      if (anonymous) continue;
      if (state === "unknown") counts.unknown++;
      else if (needsYou(state)) counts.lost++;
      else if (state === "disabled") counts.off++;
      else if (state === "active" && rest === null) counts.usable++;
      else counts.back++;
    }
  }
  const parts = [
    counts.usable > 0 ? `${counts.usable} usable` : "",
    counts.back > 0 ? `${counts.back} coming back` : "",
    counts.lost > 0 ? `${counts.lost} need you` : "",
    counts.off > 0 ? `${counts.off} off` : "",
    counts.unknown > 0 ? `${count(counts.unknown, "key")}, states unknown` : "",
  ].filter((part) => part !== "");
  return parts.join(", ") || "No provider has a key.";
}

function groupRow({ provider, tier, rest, keys }: ProviderKeys, now: number, out: Out): string[] {
  const { bold, dim } = out.style;
  return [
    bold(plain(provider)),
    dim(tier === null ? "" : `tier ${tier}`),
    rest === null ? "" : rest.state === "half-open" ? "trying" : backText(rest, now),
    "",
    rest === null ? (keys.length === 0 ? "no key, inactive" : "") : plain(rest.reason),
  ];
}

function keyRows({ keys }: ProviderKeys, now: number, out: Out): string[][] {
  const sorted = keys.length > mostShown ? keys.toSorted((a, b) => rankOf(a) - rankOf(b)) : keys;
  const rows = sorted.slice(0, mostShown).map((key) => {
    const { state } = key;
    return [
      `${markOf(state, out.style)} ${nameOf(key)}`,
      state,
      backText(key, now),
      used(key, out.columns >= 80),
      plain(whyOf(key)),
    ];
  });
  const more = keys.length - rows.length;
  return more > 0 ? [...rows, [out.style.dim(`… ${more} more`), "", "", "", "--state and --json have all"]] : rows;
}

function rankOf({ state }: KeyStatus): number {
  return state === "active" ? 1 : 0;
}

function nameOf({ id, label, masked }: KeyStatus): string {
  return keyName({ id, label: label ?? undefined, masked: masked ?? undefined });
}

function backText({ state, until }: Pick<KeyStatus, "state" | "until">, now: number): string {
  if (state === "disabled") return "when enabled";
  if (needsYou(state)) return "needs you";
  if (state === "half-open") return "probe";
  return until === null ? "" : back(Date.parse(until), now);
}

/** Of a key that works for other models the one that is back first. */
function whyOf({ reason, models }: KeyStatus): string {
  const [first] = models;
  if (reason !== null || first === undefined) return reason ?? "";
  const more = models.length > 1 ? ` and ${count(models.length - 1, "more model")}` : "";
  return `${first.model}: ${first.reason}${more}`;
}

const cells = 5;

/** `day ▇▇▇░░  52%` where a day has a limit, else a number; what is under way is added. */
function used({ usesToday, inFlight, limits }: KeyStatus, withBar: boolean): string {
  const parts: string[] = [];
  const most = limits?.rpd ?? 0;
  if (usesToday !== null && most > 0) {
    const share = Math.min(1, usesToday / most);
    const full = Math.round(share * cells);
    const bar = withBar ? `day ${"▇".repeat(full)}${"░".repeat(cells - full)} ` : "day ";
    parts.push(`${bar}${`${Math.floor(share * 100)}%`.padStart(4)}`);
  } else if (usesToday !== null) parts.push(`${usesToday.toLocaleString("en-US")} today`);
  if (inFlight > 0) parts.push(`${inFlight} now`);
  return parts.join(", ");
}

function pipedRows({ provider, tier, keys }: ProviderKeys): string[] {
  return keys.map((key) =>
    [
      plain(provider),
      tier ?? "",
      nameOf(key),
      key.state,
      needsYou(key.state) ? "needs you" : (key.until ?? ""),
      key.inFlight,
      key.usesToday ?? "",
      plain(whyOf(key)),
    ].join("\t"),
  );
}
