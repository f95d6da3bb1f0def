/** The rows of settings in the database. A row is never deleted, so that its version only goes up. */
import type { Contributor, Database } from "../database/types.ts";
import type { Change, SqlRow, SqlValue } from "../database/messages.ts";
import { compiled } from "../database/query.ts";
import type { Json } from "../protocols/canonical.ts";

export interface Row {
  readonly value: Json;
  readonly version: number;
  readonly changedBy: string;
  readonly changedAt: number;
}

// Texts, because they are needed at every start and without waiting, also by proxies that nobody edits: only an edit loads
// what writes statements.
const ALL = "SELECT name, value, changed_by, changed_at, version FROM settings LIMIT 1000";
const AGAIN = `INSERT INTO settings (name, value, changed_by, changed_at, version) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (name) DO NOTHING`;

/** Rejects with a `DatabaseError`. */
export async function readRows(database: Database): Promise<ReadonlyMap<string, Row>> {
  return new Map((await database.read(ALL)).map((row) => [String(row["name"]), rowOf(row)]));
}

/** The statements of one edit: its row, which must be as it was seen, and who has done it. */
export async function changesOf(
  database: Database,
  name: string,
  seen: number,
  { value, version, changedBy, changedAt }: Row,
): Promise<readonly Change[]> {
  const builder = await database.builder();
  const edit = { value: JSON.stringify(value), changed_by: changedBy, changed_at: changedAt };
  const put =
    seen === 0
      ? builder
          .insertInto("settings")
          .values({ name, ...edit, version: 1 })
          .onConflict((conflict) => conflict.doNothing())
      : builder
          .updateTable("settings")
          .set(({ eb }) => ({ ...edit, version: eb("version", "+", 1) }))
          .where("name", "=", name)
          .where("version", "=", seen);
  const audit = builder.insertInto("audit").values({
    ...{ at: changedAt, actor: changedBy, action: value === null ? "setting.reset" : "setting.change" },
    ...{ subject: name, detail: JSON.stringify({ version, value }) },
  });
  return [{ ...compiled<unknown>(put), expect: 1 }, compiled(audit)];
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
