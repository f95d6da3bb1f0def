/** The whole of a database as lines of JSON, and back: from one kind of database to another with the same contents. */
import type { Kysely } from "kysely";
import { version } from "../version.ts";
import type { OpenDatabase } from "./database.ts";
import type { Change, SqlRow, SqlValue } from "./messages.ts";
import { migrationsOf } from "./migrations/index.ts";
import { prepared, type Statement } from "./query.ts";
import type { Tables } from "./tables.ts";

/** The tables in an order in which they can be filled, and what their rows are sorted by. `meta` is each database's own. */
const tables: { readonly [name in Exclude<keyof Tables, "meta">]: readonly string[] } = {
  settings: ["name"],
  user_groups: ["id"],
  users: ["id"],
  user_ips: ["user_id", "ip"],
  quotas: ["owner", "family", "unit", "period"],
  quota_use: ["owner", "family", "unit", "period"],
  usage: ["id"],
  usage_hours: ["hour", "provider", "model"],
  usage_users: ["hour", "user_id", "group_id"],
  usage_user_models: ["user_id", "hour", "provider", "model"],
  usage_keys: ["hour", "provider", "credential", "model"],
  usage_latency: ["hour", "bucket"],
  usage_model_latency: ["hour", "provider", "model", "bucket"],
  audit: ["id"],
  snapshot: ["section", "key"],
};

/** Rows read or written in one go. */
const PAGE = 1000;

/** Every table as names with values: what a line holds is checked against the columns that there are. */
type AnyTables = { readonly [table: string]: SqlRow };

async function anyTables(database: OpenDatabase): Promise<Kysely<AnyTables>> {
  return (await database.builder()) as unknown as Kysely<AnyTables>;
}

/** Throws for text that is no export, or one that this version cannot read; `message` says why, for people. */
export class TransferError extends Error {
  override readonly name = "TransferError";
}

export interface Transferred {
  readonly rows: number;
  readonly tables: { readonly [name: string]: number };
}

/** Every row as a line; the first line says what it is, the last how many there are. */
export async function* exportLines(database: OpenDatabase, now: number): AsyncGenerator<string, Transferred> {
  yield JSON.stringify({ waygate: version, schema: migrationsOf("sqlite").length, at: new Date(now).toISOString() });
  const counts: { [name: string]: number } = {};
  for (const [table, order] of Object.entries(tables)) {
    counts[table] = 0;
    let after: readonly SqlValue[] | undefined;
    for (;;) {
      const rows = await page(database, table, order, after);
      for (const row of rows) yield JSON.stringify({ table, row });
      counts[table] += rows.length;
      if (rows.length < PAGE) break;
      after = order.map((column) => rows.at(-1)![column]!);
    }
  }
  const rows = Object.values(counts).reduce((sum, count) => sum + count, 0);
  yield JSON.stringify({ rows });
  return { rows, tables: counts };
}

/** By comparing whole keys, which both dialects do with an index. */
async function page(
  database: OpenDatabase,
  table: string,
  order: readonly string[],
  after: readonly SqlValue[] | undefined,
): Promise<readonly SqlRow[]> {
  let query = (await anyTables(database)).selectFrom(table).selectAll().limit(PAGE);
  for (const column of order) query = query.orderBy(column);
  if (after === undefined) return database.read(query);
  if (order.length === 1) return database.read(query.where(order[0]!, ">", after[0]!));
  // The builder's types know lists of two, three, four and five; these have two to four.
  const [columns, values] = [order as readonly [string, string], after as readonly [SqlValue, SqlValue]];
  return database.read(query.where(({ eb, refTuple, tuple }) => eb(refTuple(...columns), ">", tuple(...values))));
}

/**
 * Fills an empty database. All that was read is checked line by line; a text that breaks off leaves what came before it
 * and throws, so the caller says that the database is to be emptied.
 */
export async function importLines(database: OpenDatabase, lines: AsyncIterable<string>): Promise<Transferred> {
  await refuseFilled(database);
  const insertOf = insertsInto(await anyTables(database), await columnsOf(database));
  const counts: { [name: string]: number } = {};
  let batch: Change[] = [];
  let number = 0;
  let total: number | undefined;
  let rows = 0;
  const save = async (): Promise<void> => {
    if (batch.length > 0) await database.change(batch);
    batch = [];
  };
  for await (const line of lines) {
    number++;
    if (line.trim() === "") continue;
    const value = parsed(line, number);
    if (number === 1) {
      checkHead(value);
      continue;
    }
    if (typeof value["rows"] === "number") {
      total = value["rows"];
      continue;
    }
    batch.push(insertOf(value, number));
    const table = String(value["table"]);
    counts[table] = (counts[table] ?? 0) + 1;
    rows++;
    if (batch.length >= PAGE) await save();
  }
  await save();
  if (total !== rows) {
    throw new TransferError(`The export breaks off after ${rows} rows${total === undefined ? "" : ` of ${total}`}.`);
  }
  if (database.dialect === "postgres") await continueNumbers(database);
  return { rows, tables: counts };
}

async function refuseFilled(database: OpenDatabase): Promise<void> {
  const builder = await anyTables(database);
  for (const table of Object.keys(tables)) {
    // What rests and is counted is there as soon as a proxy has run; it is replaced.
    if (table === "snapshot") continue;
    const [row] = await database.read(builder.selectFrom(table).selectAll().limit(1));
    if (row !== undefined) throw new TransferError(`The table ${table} is not empty.`);
  }
  await database.change([builder.deleteFrom("snapshot")]);
}

/** What a catalogue says is asked for in the words of each. */
async function columnsOf(database: OpenDatabase): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const found = new Map<string, ReadonlySet<string>>();
  for (const table of Object.keys(tables)) {
    const rows =
      database.dialect === "sqlite"
        ? await database.read("SELECT name FROM pragma_table_info(?)", table)
        : await database.read(
            "SELECT column_name AS name FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = ?",
            table,
          );
    found.set(table, new Set(rows.map(({ name }) => String(name))));
  }
  return found;
}

/** Rows of a table name their columns in the same order, so one statement does for all of them. */
function insertsInto(
  builder: Kysely<AnyTables>,
  columns: ReadonlyMap<string, ReadonlySet<string>>,
): (value: { readonly [field: string]: unknown }, line: number) => Change {
  const statements = new Map<string, Statement<SqlRow>>();
  return ({ table, row }, line) => {
    const known = typeof table === "string" ? columns.get(table) : undefined;
    if (known === undefined || typeof row !== "object" || row === null) {
      throw new TransferError(`Line ${line} is no row of a table of ours.`);
    }
    const entries = Object.entries(row);
    const wrong = entries.find(
      ([name, field]) => !known.has(name) || !(field === null || ["string", "number"].includes(typeof field)),
    );
    if (wrong !== undefined || entries.length === 0) {
      throw new TransferError(`Line ${line} has no place in ${String(table)}${wrong ? `: ${wrong[0]}` : ""}.`);
    }
    const names = entries.map(([name]) => name);
    const kind = `${String(table)} ${names.join(" ")}`;
    let statement = statements.get(kind);
    if (statement === undefined) {
      statement = prepared((values: SqlRow) =>
        builder.insertInto(String(table)).values(Object.fromEntries(names.map((name) => [name, values[name]!]))),
      );
      statements.set(kind, statement);
    }
    return statement.with(row as SqlRow);
  };
}

function parsed(line: string, number: number): { readonly [field: string]: unknown } {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    value = undefined; // Said below, without the words of the parser, which repeat the text.
  }
  if (typeof value === "object" && value !== null) return value as { readonly [field: string]: unknown };
  throw new TransferError(`Line ${number} is no JSON object.`);
}

function checkHead({ waygate, schema }: { readonly [field: string]: unknown }): void {
  if (typeof waygate !== "string" || typeof schema !== "number") {
    throw new TransferError("The first line is not that of an export of waygate.");
  }
  const known = migrationsOf("sqlite").length;
  if (schema > known) {
    throw new TransferError(`It was written by waygate ${waygate} with schema ${schema}; this one knows ${known}.`);
  }
}

/** Rows that came with their numbers do not move the counters behind them, which only PostgreSQL has. */
async function continueNumbers(database: OpenDatabase): Promise<void> {
  for (const table of ["usage", "audit"]) {
    await database.read(
      `SELECT setval(pg_get_serial_sequence('${table}', 'id'), coalesce((SELECT max(id) FROM ${table}), 0) + 1, false)`,
    );
  }
}
