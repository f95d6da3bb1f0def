/**
 * What was used in a span of time, from the sums per hour; of keys, per day from 03:00 UTC. The hour or day that a span
 * begins in counts as a whole.
 */
import type { Database, SqlRow, SqlValue } from "waygate";
import { dayOfKeys } from "./ledger.ts";
import { percentile } from "./percentiles.ts";
import { dayName } from "./days.ts";

export type Grouping = "hour" | "day" | "provider" | "model" | "user" | "group" | "key";

export interface UsageQuery {
  /** Epoch milliseconds; `to` is not in it any more. */
  readonly from: number;
  readonly to: number;
  /** Only this user's. */
  readonly user?: string;
  readonly provider?: string;
  readonly by?: Grouping;
  /** Of days, from the IANA database. Default UTC. */
  readonly zone?: string;
}

export interface UsageSums {
  readonly requests: number;
  /** That no upstream could answer, or that broke off. */
  readonly failed: number;
  /** That were answered with an error before anything was sent. */
  readonly refused: number;
  /** Answered by another candidate than the first that was asked. */
  readonly fell_back: number;
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cached_tokens: number;
  readonly cache_write_tokens: number;
  readonly reasoning_tokens: number;
  /** US dollars; a lower bound where `unpriced` is not 0. */
  readonly cost: number;
  /** Requests with tokens whose price is not known. */
  readonly unpriced: number;
  readonly mean_ms: number | null;
  /** To the first byte; null where it is not kept, as per user. */
  readonly first_byte_ms: { readonly p50: number | null; readonly p95: number | null } | null;
}

export interface UsageReport {
  readonly object: "usage";
  /** ISO 8601. */
  readonly from: string;
  readonly to: string;
  readonly totals: UsageSums;
  /** Ascending by time, else most requests first, at most 1000; `name` is the hour, the day, or whose it is. */
  readonly data: readonly (UsageSums & { readonly name: string })[];
}

const HOUR = 3_600_000;
const MOST = 1000;

interface Source {
  readonly table: string;
  /** What rows are grouped by. */
  readonly column: string;
}

/** Which of the summaries answers a question with the fewest rows. */
function sourceOf({ by, user, provider }: UsageQuery): Source {
  const column = columns[by === "day" ? "hour" : (by ?? "hour")];
  if (by === "key") return { table: "usage_keys", column };
  if (user !== undefined) return { table: "usage_user_models", column: by === "group" ? "''" : column };
  if (by === "user" || by === "group") {
    return provider === undefined
      ? { table: "usage_users", column }
      : { table: "usage_user_models", column: "user_id" };
  }
  return { table: "usage_hours", column };
}

const columns: { readonly [by in Exclude<Grouping, "day">]: string } = {
  hour: "hour",
  provider: "provider",
  model: "provider || '/' || model",
  user: "user_id",
  group: "group_id",
  key: "credential",
};
const SUMS = [
  ...["requests", "failed", "refused", "fell_back", "input", "output", "cached", "cache_write", "reasoning", "cost"],
  ...["unpriced", "duration"],
]
  .map((name) => `sum(${name}) AS ${name}`)
  .join(", ");

/** Rejects with a `DatabaseError` while there is no database to ask. */
export async function usageReport(database: Database, query: UsageQuery): Promise<UsageReport> {
  const { by, user } = query;
  const span: Span = {
    from: by === "key" ? dayOfKeys(query.from) : Math.floor(query.from / HOUR) * HOUR,
    to: query.to,
  };
  const where = conditions(span, query);
  const source = sourceOf(query);
  const [total] = await database.read(`SELECT ${SUMS} FROM ${source.table} ${where.sql}`, ...where.values);
  const rows = by === undefined ? [] : await grouped(database, by, source, where);
  // Which user and which key waited how long is not kept, and of one provider only by the day.
  const knowsTimes =
    user === undefined && query.provider === undefined && (by === undefined || !["user", "group", "key"].includes(by));
  const times = knowsTimes ? await timesBy(database, by, span) : undefined;
  const folded = by === "day" ? byDay(rows, query.zone) : rows.map((row) => ({ ...row, name: nameOf(row, by) }));
  const dayTimes = by === "day" && times ? timesByDay(times, query.zone) : times;
  return {
    object: "usage",
    from: new Date(span.from).toISOString(),
    to: new Date(query.to).toISOString(),
    totals: sumsOf(total ?? {}, times && [...times.values()].flat()),
    data: folded.slice(0, by === "hour" || by === "day" ? undefined : MOST).map((row) => ({
      name: String(row.name),
      ...sumsOf(row, dayTimes?.get(String(row.name))),
    })),
  };
}

interface Span {
  readonly from: number;
  readonly to: number;
}

interface Where {
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

type Times = ReadonlyMap<string, readonly { readonly bucket: number; readonly requests: number }[]>;

function conditions({ from, to }: Span, { user, provider }: Pick<UsageQuery, "user" | "provider">): Where {
  const parts = ["hour >= ?", "hour < ?"];
  const values: SqlValue[] = [from, to];
  if (user !== undefined) {
    parts.push("user_id = ?");
    values.push(user);
  }
  if (provider !== undefined) {
    parts.push("provider = ?");
    values.push(provider);
  }
  return { sql: `WHERE ${parts.join(" AND ")}`, values };
}

async function grouped(
  database: Database,
  by: Grouping,
  { table, column }: Source,
  { sql, values }: Where,
): Promise<readonly SqlRow[]> {
  const order = by === "day" || by === "hour" ? "1" : `sum(requests) DESC, 1`;
  return database.read(
    `SELECT ${column} AS name, ${SUMS} FROM ${table} ${sql} GROUP BY ${column} ORDER BY ${order}`,
    ...values,
  );
}

/** Of the whole by the hour, of providers and models by the day. */
async function timesBy(database: Database, by: Grouping | undefined, span: Span): Promise<Times> {
  const isByModel = by === "provider" || by === "model";
  const column = by === undefined ? "''" : columns[by === "day" ? "hour" : by];
  const { sql, values } = conditions({ ...span, ...(isByModel && { from: dayOfKeys(span.from) }) }, {});
  const rows = await database.read(
    `SELECT ${column} AS name, bucket, sum(requests) AS requests
     FROM ${isByModel ? "usage_model_latency" : "usage_latency"} ${sql} GROUP BY 1, bucket`,
    ...values,
  );
  const found = new Map<string, { bucket: number; requests: number }[]>();
  for (const row of rows) {
    const name = nameOf(row, by);
    const counts = found.get(name) ?? [];
    counts.push({ bucket: Number(row["bucket"]), requests: Number(row["requests"]) });
    found.set(name, counts);
  }
  return found;
}

function nameOf(row: SqlRow, by: Grouping | undefined): string {
  return by === "hour" || by === "day" ? new Date(Number(row["name"])).toISOString() : String(row["name"]);
}

function byDay(rows: readonly SqlRow[], zone: string | undefined): (SqlRow & { readonly name: string })[] {
  const days = new Map<string, { [column: string]: number }>();
  for (const row of rows) {
    const day = dayName(Number(row["name"]), zone);
    const sums = days.get(day) ?? {};
    for (const [column, value] of Object.entries(row)) {
      if (column !== "name") sums[column] = (sums[column] ?? 0) + Number(value);
    }
    days.set(day, sums);
  }
  return [...days].map(([name, sums]) => ({ ...sums, name }) as unknown as SqlRow & { readonly name: string });
}

function timesByDay(times: Times, zone: string | undefined): Times {
  const days = new Map<string, { bucket: number; requests: number }[]>();
  for (const [hour, counts] of times) {
    const day = dayName(Date.parse(hour), zone);
    days.set(day, [...(days.get(day) ?? []), ...counts]);
  }
  return days;
}

function sumsOf(
  row: { readonly [column: string]: unknown },
  times: readonly { readonly bucket: number; readonly requests: number }[] | undefined,
): UsageSums {
  const of = (column: string): number => Number(row[column] ?? 0);
  const requests = of("requests");
  return {
    requests,
    failed: of("failed"),
    refused: of("refused"),
    fell_back: of("fell_back"),
    input_tokens: of("input"),
    output_tokens: of("output"),
    cached_tokens: of("cached"),
    cache_write_tokens: of("cache_write"),
    reasoning_tokens: of("reasoning"),
    // Sums of binary fractions carry digits that mean nothing.
    cost: Number(of("cost").toPrecision(12)),
    unpriced: of("unpriced"),
    mean_ms: requests === 0 ? null : Math.round(of("duration") / requests),
    first_byte_ms: times === undefined ? null : { p50: percentile(times, 0.5), p95: percentile(times, 0.95) },
  };
}
