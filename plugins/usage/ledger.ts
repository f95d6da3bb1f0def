/** Rows on their way to the database, and with each batch of them, in the same transaction, the sums per hour. */
import { type Contributor, type DatabaseWrite, dayOf, endOfDay, type SqlValue } from "waygate";
import type { Entry } from "./entry.ts";
import { bucketOf } from "./percentiles.ts";

export interface Ledger extends Contributor {
  add(entry: Entry): void;
  /** Rows that were given up because the database was away for too long; their sums are kept. */
  readonly lost: number;
}

/** Rows that wait at most. */
const KEPT = 50_000;
const HOUR = 3_600_000;

const columns =
  "request_id, at, user_id, group_id, protocol, operation, asked, provider, model, credential, status, ended, error, stream, fell_back, input, output, cached, cache_write, reasoning, cost, duration, first_byte, attempts, tags, ip";
const ROW = `INSERT INTO usage (${columns}) VALUES (${columns.replaceAll(/\w+/g, "?")})`;

const sums = [
  ...["requests", "failed", "refused", "fell_back", "input", "output", "cached", "cache_write", "reasoning"],
  ...["cost", "unpriced", "duration"],
] as const;

interface Summary {
  readonly sql: string;
  key(entry: Entry): readonly (string | number)[];
}

/** A small table for each question: one for all of them would have as many rows as there are requests. */
const summaries: readonly Summary[] = [
  {
    sql: upsert("usage_hours", ["hour", "provider", "model"], sums),
    key: (entry) => [hourOf(entry), entry.provider, entry.model],
  },
  {
    sql: upsert("usage_users", ["hour", "user_id", "group_id"], sums),
    key: (entry) => [hourOf(entry), entry.user, entry.group],
  },
  {
    sql: upsert("usage_user_models", ["user_id", "hour", "provider", "model"], sums),
    key: (entry) => [entry.user, hourOf(entry), entry.provider, entry.model],
  },
  {
    sql: upsert("usage_keys", ["hour", "provider", "credential", "model"], sums),
    key: (entry) => [dayOfKeys(entry.at), entry.provider, entry.credential, entry.model],
  },
];
const LATENCY = upsert("usage_latency", ["hour", "bucket"], ["requests"]);
const MODEL_LATENCY = upsert("usage_model_latency", ["hour", "provider", "model", "bucket"], ["requests"]);

function upsert(table: string, key: readonly string[], added: readonly string[]): string {
  const all = [...key, ...added];
  const set = added.map((name) => `${name} = ${table}.${name} + excluded.${name}`).join(", ");
  return `INSERT INTO ${table} (${all.join(", ")}) VALUES (${all.map(() => "?").join(", ")})
    ON CONFLICT (${key.join(", ")}) DO UPDATE SET ${set}`;
}

export function createLedger(): Ledger {
  let waiting: Entry[] = [];
  let taken: readonly Entry[] = [];
  /** Of rows given up. */
  let orphans: Entry[] = [];
  let takenOrphans: readonly Entry[] = [];
  let lost = 0;

  const giveUp = (): void => {
    if (waiting.length <= KEPT) return;
    const over = waiting.splice(0, waiting.length - KEPT);
    lost += over.length;
    orphans = over.length + orphans.length > KEPT ? [...orphans, ...over].slice(-KEPT) : [...orphans, ...over];
  };
  return {
    get lost() {
      return lost;
    },
    add(entry) {
      waiting.push(entry);
      if (waiting.length > KEPT + 1000) giveUp();
    },
    collect(most) {
      taken = waiting.splice(0, most);
      takenOrphans = orphans;
      orphans = [];
      const counted = [...takenOrphans, ...taken];
      if (counted.length === 0) return [];
      return [
        { sql: ROW, rows: taken.map(rowOf) },
        ...summaries.map(({ sql, key }) => ({
          sql,
          rows: summed(counted, (entry) => ({ key: key(entry), add: sumsOf(entry) })),
        })),
        { sql: LATENCY, rows: latencyOf(counted, (entry) => [hourOf(entry)]) },
        {
          sql: MODEL_LATENCY,
          rows: latencyOf(counted, (entry) => [dayOfKeys(entry.at), entry.provider, entry.model]),
        },
      ].filter(({ rows }) => rows.length > 0) satisfies DatabaseWrite[];
    },
    putBack() {
      waiting = [...taken, ...waiting];
      orphans = [...takenOrphans, ...orphans];
      taken = takenOrphans = [];
      giveUp();
    },
    // What a damaged file held is lost with it; what comes is written into the new one.
    startAfresh: () => undefined,
  };
}

function rowOf(entry: Entry): readonly SqlValue[] {
  const { usage } = entry;
  return [
    ...[entry.requestId, entry.at, entry.user, entry.group, entry.protocol, entry.operation, entry.asked],
    ...[entry.provider, entry.model, entry.credential, entry.status, entry.end, entry.error],
    ...[Number(entry.stream), Number(entry.fellBack)],
    ...[count(usage?.input), count(usage?.output), count(usage?.cacheRead), count(usage?.cacheWrite)],
    ...[count(usage?.reasoning), entry.cost, entry.duration, entry.firstByte, JSON.stringify(entry.attempts)],
    ...[entry.tags.length === 0 ? null : JSON.stringify(entry.tags), entry.ip],
  ];
}

/** Upstreams have sent negative and broken numbers; a column of whole numbers takes neither. */
function count(tokens: number | undefined): number | null {
  return tokens === undefined || !Number.isFinite(tokens) ? null : Math.max(0, Math.round(tokens));
}

function sumsOf({ usage, end, status, cost, fellBack, duration }: Entry): readonly number[] {
  const wasRefused = end === "refused";
  const billed = usage !== undefined && !wasRefused;
  return [
    ...[1, Number(end === "upstream-failed" || (wasRefused && status >= 500)), Number(wasRefused), Number(fellBack)],
    ...[count(usage?.input) ?? 0, count(usage?.output) ?? 0, count(usage?.cacheRead) ?? 0],
    ...[count(usage?.cacheWrite) ?? 0, count(usage?.reasoning) ?? 0],
    ...[cost ?? 0, Number(billed && cost === null), duration],
  ];
}

function latencyOf(
  entries: readonly Entry[],
  keyOf: (entry: Entry) => readonly (string | number)[],
): readonly (readonly SqlValue[])[] {
  return summed(
    entries.filter(({ firstByte }) => firstByte !== null),
    (entry) => ({ key: [...keyOf(entry), bucketOf(entry.firstByte!)], add: [1] }),
  );
}

function hourOf({ at }: Entry): number {
  return Math.floor(at / HOUR) * HOUR;
}

/** When the day of a key's counters began that holds this time. */
export function dayOfKeys(time: number): number {
  return endOfDay(dayOf(time) - 1);
}

interface Summand {
  readonly key: readonly (string | number)[];
  readonly add: readonly number[];
}

/** One row per key, so that a batch of a thousand requests touches a few rows. */
function summed(entries: readonly Entry[], part: (entry: Entry) => Summand): readonly (readonly SqlValue[])[] {
  const rows = new Map<string, { readonly key: readonly (string | number)[]; readonly sums: number[] }>();
  for (const entry of entries) {
    const { key, add } = part(entry);
    const name = JSON.stringify(key);
    const row = rows.get(name);
    if (row === undefined) rows.set(name, { key, sums: [...add] });
    else for (const [index, value] of add.entries()) row.sums[index]! += value;
  }
  return [...rows.values()].map(({ key, sums: all }) => [...key, ...all]);
}
