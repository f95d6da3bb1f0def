/** What is asked of the sums per hour and per day, in one statement each. */
import type { Database, DatabaseTables } from "waygate";

/** By the names of their columns. */
export type Sums = Readonly<Omit<DatabaseTables["usage_hours"], "hour" | "provider" | "model">>;
export type SumTable = "usage_hours" | "usage_users" | "usage_user_models" | "usage_keys";
export type TimeTable = "usage_latency" | "usage_model_latency";
export type KeyColumn = "hour" | "provider" | "model" | "user_id" | "group_id" | "credential";

/** A table, and which of its columns rows are grouped by; none = all of them are one. */
export interface Source<Table> {
  readonly table: Table;
  readonly columns: readonly KeyColumn[];
}

/** Which rows: `user` and `provider` where the table has them. */
export interface Where {
  /** Epoch milliseconds; `to` is not in it any more. */
  readonly from: number;
  readonly to: number;
  readonly user?: string;
  readonly provider?: string;
}

/** Parts of the key with a slash between them; of a time its epoch milliseconds. */
interface Named {
  readonly name: string;
}

export interface Counted {
  readonly bucket: number;
  readonly requests: number;
}

const columnsOfSums = [
  ...(["requests", "failed", "refused", "fell_back", "input", "output", "cached", "cache_write", "reasoning"] as const),
  ...(["cost", "unpriced", "duration"] as const),
] satisfies readonly (keyof Sums)[];

/** Ascending by time where that is the key; else most requests first, and of those at most `most`. */
export async function sumsBy(
  database: Database,
  { table, columns }: Source<SumTable>,
  { from, to, user, provider }: Where,
  most: number,
): Promise<readonly (Sums & Named)[]> {
  const builder = await database.builder();
  const { ref } = builder.dynamic;
  const keys = columns.map((column) => ref<KeyColumn>(column));
  let query = builder
    .selectFrom(builder.dynamic.table(table).as("sums"))
    .select(keys)
    .select(({ fn }) => columnsOfSums.map((name) => fn.sum<number | null>(name).as(name)))
    .where("hour", ">=", from)
    .where("hour", "<", to);
  if (user !== undefined) query = query.where(ref("user_id"), "=", user);
  if (provider !== undefined) query = query.where(ref("provider"), "=", provider);
  if (keys.length > 0) query = query.groupBy(keys);
  if (columns[0] !== "hour") query = query.orderBy("requests", "desc").limit(most);
  for (const key of keys) query = query.orderBy(key);
  const rows = await database.read(query);
  // Without a key there is one row even of nothing, and no number in it.
  return rows
    .filter((row): row is typeof row & Sums => row.requests !== null)
    .map((row) => ({ ...row, name: nameOf(row, columns) }));
}

/** How many requests waited how long for their first byte. */
export async function timesBy(
  database: Database,
  { table, columns }: Source<TimeTable>,
  { from, to }: Pick<Where, "from" | "to">,
): Promise<ReadonlyMap<string, readonly Counted[]>> {
  const builder = await database.builder();
  const keys = columns.map((column) => builder.dynamic.ref<KeyColumn>(column));
  const rows = await database.read(
    builder
      .selectFrom(builder.dynamic.table(table).as("times"))
      .select(keys)
      .select(["bucket", ({ fn }) => fn.sum<number>("requests").as("requests")])
      .where("hour", ">=", from)
      .where("hour", "<", to)
      .groupBy([...keys, "bucket"]),
  );
  return Map.groupBy(rows, (row) => nameOf(row, columns));
}

function nameOf(row: { readonly [column in KeyColumn]?: string | number }, columns: readonly KeyColumn[]): string {
  return columns.map((column) => row[column]).join("/");
}
