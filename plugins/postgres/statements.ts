/** From the words of SQLite to those of PostgreSQL, where a statement has not been written for it. */

/** `?` outside of quotes becomes `$1`, `$2` …; a statement that has those already stays as it is. */
export function numbered(sql: string): string {
  if (!sql.includes("?") || /\$\d/.test(sql)) return sql;
  let count = 0;
  return sql.replaceAll(/'(?:[^']|'')*'|"[^"]*"|\?/g, (found) => (found === "?" ? `$${++count}` : found));
}
