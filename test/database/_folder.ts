import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { onTestFinished } from "vitest";

/** A temporary folder; removed after the test. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "waygate-database-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** What a query finds in a file that nobody has to have open. */
export function query(path: string, sql: string): Record<string, unknown>[] {
  const connection = new DatabaseSync(path);
  try {
    return connection.prepare(sql).all();
  } finally {
    connection.close();
  }
}
