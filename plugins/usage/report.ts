/**
 * What was used in a span of time, from the sums per hour; of keys, per day from 03:00 UTC. The hour or day that a span
 * begins in counts as a whole.
 */
import type { Database } from "waygate";
import { dayName, dayOfKeys, hourOf } from "./days.ts";
import { percentile } from "./percentiles.ts";
import { type Counted, type KeyColumn, type Source, type Sums, sumsBy, type SumTable, timesBy } from "./questions.ts";

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

const MOST = 1000;

/** Why no summary answers a question; `undefined` where one does. */
export function unanswered({ by, user, provider }: Pick<UsageQuery, "by" | "user" | "provider">): string | undefined {
  if (by === "key" && user !== undefined) return "how much one user used of a key is not kept";
  if (by === "group" && provider !== undefined) return "how much a group used of a provider is not kept";
  return undefined;
}

/** Which of the summaries answers a question with the fewest rows. */
function sourceOf({ by, user, provider }: UsageQuery): Source<SumTable> {
  const columns = by === undefined ? [] : columnsOf[by];
  if (by === "key") return { table: "usage_keys", columns };
  if (user !== undefined) return { table: "usage_user_models", columns: by === "group" ? [] : columns };
  if (by === "user" || by === "group") {
    return { table: provider === undefined ? "usage_users" : "usage_user_models", columns };
  }
  return { table: "usage_hours", columns };
}

const columnsOf: { readonly [by in Grouping]: readonly KeyColumn[] } = {
  hour: ["hour"],
  day: ["hour"],
  provider: ["provider"],
  model: ["provider", "model"],
  user: ["user_id"],
  group: ["group_id"],
  key: ["credential"],
};

/** Rejects with a `DatabaseError` while there is no database to ask. */
export async function usageReport(database: Database, query: UsageQuery): Promise<UsageReport> {
  const { by, user, provider } = query;
  const from = by === "key" ? dayOfKeys(query.from) : hourOf(query.from);
  const where = { from, to: query.to, user, provider };
  const source = sourceOf(query);
  const [total] = await sumsBy(database, { ...source, columns: [] }, where, 1);
  const rows = by === undefined ? [] : await sumsBy(database, source, where, MOST);
  // Which user and which key waited how long is not kept, and of one provider only by the day.
  const knowsTimes =
    user === undefined && provider === undefined && (by === undefined || !["user", "group", "key"].includes(by));
  const times = knowsTimes ? await timesOf(database, by, where) : undefined;
  const folded = by === "day" ? byDay(rows, query.zone) : rows;
  const dayTimes = by === "day" && times ? timesByDay(times, query.zone) : times;
  return {
    object: "usage",
    from: new Date(from).toISOString(),
    to: new Date(query.to).toISOString(),
    totals: sumsOf(total, times && [...times.values()].flat()),
    data: folded.map((row) => ({
      name: by === "hour" ? new Date(Number(row.name)).toISOString() : row.name,
      ...sumsOf(row, dayTimes?.get(row.name)),
    })),
  };
}

type Times = ReadonlyMap<string, readonly Counted[]>;

/** Of the whole by the hour, of providers and models by the day. */
function timesOf(
  database: Database,
  by: Grouping | undefined,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<Times> {
  const columns = by === undefined ? [] : columnsOf[by];
  return by === "provider" || by === "model"
    ? timesBy(database, { table: "usage_model_latency", columns }, { from: dayOfKeys(from), to })
    : timesBy(database, { table: "usage_latency", columns }, { from, to });
}

function byDay(rows: readonly (Sums & { readonly name: string })[], zone: string | undefined): typeof rows {
  const days = new Map<string, { -readonly [name in keyof Sums]: number }>();
  for (const { name, ...sums } of rows) {
    const day = dayName(Number(name), zone);
    const found = days.get(day);
    if (found === undefined) days.set(day, { ...sums });
    else for (const column of Object.keys(sums) as (keyof Sums)[]) found[column] += sums[column];
  }
  return [...days].map(([name, sums]) => ({ ...sums, name }));
}

function timesByDay(times: Times, zone: string | undefined): Times {
  const days = new Map<string, Counted[]>();
  for (const [hour, counts] of times) {
    const day = dayName(Number(hour), zone);
    days.set(day, [...(days.get(day) ?? []), ...counts]);
  }
  return days;
}

function sumsOf(sums: Sums | undefined, times: readonly Counted[] | undefined): UsageSums {
  const of = (column: keyof Sums): number => sums?.[column] ?? 0;
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
