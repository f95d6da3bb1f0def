/** The rows of settings in the database. A row is never deleted, so that its version only goes up. */
import type { Contributor, Database } from "../database/types.ts";
import type { Change, SqlRow, SqlValue } from "../database/messages.ts";
import type { Json } from "../protocols/canonical.ts";

export interface Row {
  readonly value: Json;
  readonly version: number;
  readonly changedBy: string;
  readonly changedAt: number;
}

const ALL = "SELECT name, value, changed_by, changed_at, version FROM settings LIMIT 1000";
const INSERT = `INSERT INTO settings (name, value, changed_by, changed_at, version) VALUES (?, ?, ?, ?, 1)
  ON CONFLICT (name) DO NOTHING`;
const UPDATE = `UPDATE settings SET value = ?, changed_by = ?, changed_at = ?, version = version + 1
  WHERE name = ? AND version = ?`;
const AUDIT = "INSERT INTO audit (at, actor, action, subject, detail) VALUES (?, ?, ?, ?, ?)";
const AGAIN = `INSERT INTO settings (name, value, changed_by, changed_at, version) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (name) DO NOTHING`;

/** Rejects with a `DatabaseError`. */
export async function readRows(database: Database): Promise<ReadonlyMap<string, Row>> {
  return new Map((await database.read(ALL)).map((row) => [String(row["name"]), rowOf(row)]));
}

/** The statements of one edit: its row, which must be as it was seen, and who has done it. */
export function changesOf(name: string, seen: number, row: Row): readonly Change[] {
  const value = JSON.stringify(row.value);
  const put: Change =
    seen === 0
      ? { sql: INSERT, values: [name, value, row.changedBy, row.changedAt], expect: 1 }
      : { sql: UPDATE, values: [value, row.changedBy, row.changedAt, name, seen], expect: 1 };
  const action = row.value === null ? "setting.reset" : "setting.change";
  const detail = JSON.stringify({ version: row.version, value: row.value });
  return [put, { sql: AUDIT, values: [row.changedAt, row.changedBy, action, name, detail] }];
}

/** Writes what is known into the file that takes the place of a damaged one. */
export function rewriter(rows: () => ReadonlyMap<string, Row>): Contributor {
  let isDue = false;
  let wasDue = false;
  return {
    collect() {
      wasDue = isDue;
      isDue = false;
      if (!wasDue || rows().size === 0) return [];
      const all = [...rows()].map(([name, row]): readonly SqlValue[] => [
        name,
        JSON.stringify(row.value),
        row.changedBy,
        row.changedAt,
        row.version,
      ]);
      return [{ sql: AGAIN, rows: all }];
    },
    putBack: () => void (isDue ||= wasDue),
    startAfresh: () => void (isDue = true),
  };
}

function rowOf(row: SqlRow): Row {
  return {
    value: valueOf(String(row["value"])),
    version: Number(row["version"]),
    changedBy: String(row["changed_by"]),
    changedAt: Number(row["changed_at"]),
  };
}

function valueOf(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    // Only a hand in the database writes this. As no edit at all it can be edited again.
    return null;
  }
}
