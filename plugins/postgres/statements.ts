/** From the words and texts of SQLite to those of PostgreSQL. */
import type { SqlRow, SqlValue } from "waygate";

/** `?` outside of quotes becomes `$1`, `$2` …; a statement that has those already stays as it is. */
export function numbered(sql: string): string {
  if (!sql.includes("?") || /\$\d/.test(sql)) return sql;
  let count = 0;
  return sql.replaceAll(/'(?:[^']|'')*'|"[^"]*"|\?/g, (found) => (found === "?" ? `$${++count}` : found));
}

/** A character for private use, which announces one that texts here cannot hold, or itself. */
const MARK = "\uE000";

/** PostgreSQL has no zero character in texts, and keys of ours and names that clients make up may have one. */
export function sendable(values: readonly SqlValue[]): SqlValue[] {
  return values.map((value) =>
    typeof value === "string" && /[\0\uE000]/.test(value)
      ? value.replaceAll(MARK, `${MARK}1`).replaceAll("\0", `${MARK}0`)
      : value,
  );
}

/** Rows with their texts as they were given. */
export function received(rows: readonly SqlRow[]): readonly SqlRow[] {
  return rows.map((row) => {
    const marked = Object.entries(row).filter(([, value]) => typeof value === "string" && value.includes(MARK));
    if (marked.length === 0) return row;
    const texts = marked.map(([name, value]) => [name, restored(String(value))] as const);
    return { ...row, ...Object.fromEntries(texts) };
  });
}

function restored(text: string): string {
  return text.replaceAll(/\uE000([01])/g, (_, which: string) => (which === "0" ? "\0" : MARK));
}
