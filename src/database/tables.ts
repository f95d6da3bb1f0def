/** The tables as the query builder knows them. Times are epoch milliseconds, truth values 0 and 1, lists and objects JSON. */
import type { Generated } from "kysely";

export interface Tables {
  meta: { name: string; value: string };
  snapshot: { section: string; key: string; version: number; value: string; until: number | null };
  users: UserTable;
  user_groups: GroupTable;
  /** Addresses are HMACs with the instance's secret. */
  user_ips: { user_id: string; ip: string; first_at: number; last_at: number };
  quotas: QuotaTable;
  /** What is used of a quota in its present window. */
  quota_use: Omit<QuotaTable, "amount"> & { began_at: number; used: number };
  usage: UsageTable;
  usage_hours: UsageSums & { hour: number; provider: string; model: string };
  usage_users: UsageSums & { hour: number; user_id: string; group_id: string };
  usage_user_models: UsageSums & { user_id: string; hour: number; provider: string; model: string };
  /** By day: `hour` is 03:00 UTC, when the counters of keys begin anew. */
  usage_keys: UsageSums & { hour: number; provider: string; credential: string; model: string };
  /** Requests by time to the first byte; the bucket is the ledger's. */
  usage_latency: { hour: number; bucket: number; requests: number };
  /** By day, as `usage_keys`. */
  usage_model_latency: { hour: number; provider: string; model: string; bucket: number; requests: number };
  /** What was changed at run time; the config wins for what it names. */
  settings: { name: string; value: string; changed_by: string; changed_at: number; version: Generated<number> };
  audit: { id: Generated<number>; at: number; actor: string; action: string; subject: string; detail: string };
}

export interface UserTable {
  id: string;
  kind: string;
  name: Generated<string>;
  note: Generated<string>;
  /** Of a random token of 256 bits, so a plain SHA-256 is enough. */
  token_hash: string;
  /** Its last characters, to tell tokens apart. */
  token_hint: string;
  group_id: string | null;
  models: string | null;
  /** Globs over `provider/key`: the only keys that may be used for it. */
  credentials: string | null;
  limits: string | null;
  max_ips: number | null;
  ban_over_ips: Generated<number>;
  created_at: number;
  last_used_at: number | null;
  expires_at: number | null;
  disabled_at: number | null;
  disabled_reason: string | null;
  /** Goes up with every edit. */
  version: Generated<number>;
}

export interface GroupTable {
  id: string;
  name: string;
  note: Generated<string>;
  models: string | null;
  credentials: string | null;
  limits: string | null;
  created_at: number;
  version: Generated<number>;
}

export interface QuotaTable {
  /** `user:ID`, `group:ID`. */
  owner: string;
  /** A glob over models, or `*`. */
  family: string;
  /** `tokens`, `requests` or `cost` (US dollars). */
  unit: string;
  /** `hourly`, `daily`, `monthly`, `total`, or a cron expression. */
  period: string;
  amount: number;
}

/** One row per request. */
export interface UsageTable {
  id: Generated<number>;
  request_id: string;
  at: number;
  user_id: Generated<string>;
  group_id: Generated<string>;
  protocol: string;
  operation: string;
  /** The model as the client named it. */
  asked: string;
  provider: Generated<string>;
  model: Generated<string>;
  credential: Generated<string>;
  status: number;
  ended: string;
  error: string | null;
  stream: number;
  fell_back: number;
  input: number | null;
  output: number | null;
  cached: number | null;
  cache_write: number | null;
  reasoning: number | null;
  /** US dollars; null where no price is known. */
  cost: number | null;
  duration: number;
  first_byte: number | null;
  /** Null when there was none, or only one, which is as the other columns say. */
  attempts: string | null;
  tags: string | null;
  ip: string | null;
}

/** Sums of requests; small tables for each question, because one for all would have as many rows as the ledger. */
export interface UsageSums {
  requests: number;
  failed: number;
  refused: number;
  fell_back: number;
  input: number;
  output: number;
  cached: number;
  cache_write: number;
  reasoning: number;
  cost: number;
  unpriced: number;
  duration: number;
}
