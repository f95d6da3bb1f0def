/** People as `proxy users` prints them: aligned for a person, words and tabs for a program. */
import type { GroupDocument, QuotaDocument, UserDocument } from "./users-documents.ts";
import { plain, table } from "./layout.ts";
import type { Out } from "./terminal.ts";

const columns = [
  { head: "USER" },
  { head: "ID" },
  { head: "KIND" },
  { head: "STATE" },
  { head: "GROUP", fit: "drop" },
  { head: "LAST USED", fit: "drop" },
  { head: "QUOTAS", fit: "below" },
] as const;

export function usersTable(users: readonly UserDocument[], out: Out): string[] {
  const { red, yellow, green } = out.style;
  const paint = { active: green, disabled: red, expired: yellow };
  const marks = { active: "●", disabled: "‖", expired: "○" };
  const rows = users.map((user) => [
    out.isTerminal ? `${paint[user.state](marks[user.state])} ${plain(user.name) || user.id}` : plain(user.name),
    user.id,
    user.kind,
    user.state,
    user.group ?? "",
    timeOf(user.last_used_at, out),
    user.quotas.map((quota) => quotaText(quota)).join(", "),
  ]);
  return table(out, columns, rows);
}

const groupColumns = [{ head: "GROUP" }, { head: "ID" }, { head: "USERS" }, { head: "QUOTAS", fit: "below" }] as const;

export function groupsTable(groups: readonly GroupDocument[], out: Out): string[] {
  const rows = groups.map(({ id, name, users, quotas }) => [
    plain(name),
    id,
    String(users),
    quotas.map((quota) => quotaText(quota)).join(", "),
  ]);
  return table(out, groupColumns, rows);
}

/** `label value` lines of all that is known of one. */
export function detailLines(document: UserDocument | GroupDocument, out: Out): string[] {
  const lines: string[] = [];
  for (const [name, value] of Object.entries(document)) {
    if (name === "quotas" || value === null || value === "") continue;
    const text = typeof value === "object" ? JSON.stringify(value) : String(value);
    lines.push(out.isTerminal ? `${out.style.dim(name.padEnd(16))}${plain(text)}` : `${name}\t${plain(text)}`);
  }
  for (const quota of document.quotas) {
    const ends = quota.resets_at === null ? "" : `  until ${timeOf(quota.resets_at, out)}`;
    const text = `${quotaText(quota)}${ends}`;
    lines.push(out.isTerminal ? `${out.style.dim("quota".padEnd(16))}${text}` : `quota\t${text}`);
  }
  return lines;
}

/** `12,400 of 100,000 tokens daily for claude*`. */
function quotaText({ family, unit, period, amount, used }: QuotaDocument): string {
  const shown = (value: number): string =>
    unit === "cost" ? `$${Number(value.toFixed(4))}` : Math.round(value).toLocaleString("en-US");
  const models = family === "*" ? "" : ` for ${plain(family)}`;
  return `${shown(used)} of ${shown(amount)}${unit === "cost" ? "" : ` ${unit}`} ${plain(period)}${models}`;
}

function timeOf(time: string | null, out: Out): string {
  if (time === null) return "";
  return out.isTerminal ? new Date(time).toLocaleString("sv-SE").slice(0, 16) : time;
}
