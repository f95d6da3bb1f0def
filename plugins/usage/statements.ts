/** What the ledger writes with, compiled once; the values are in the order of the columns here. */
import type { Database } from "waygate";

export interface Statements {
  readonly row: string;
  /** The others are given a key and its sums, which are added to what is there. */
  readonly hours: string;
  readonly users: string;
  readonly userModels: string;
  readonly keys: string;
  readonly latency: string;
  readonly modelLatency: string;
}

/** Of one request. */
const columns = [
  ...["request_id", "at", "user_id", "group_id", "protocol", "operation", "asked", "provider", "model", "credential"],
  ...["status", "ended", "error", "stream", "fell_back", "input", "output", "cached", "cache_write", "reasoning"],
  ...["cost", "duration", "first_byte", "attempts", "tags", "ip"],
] as const;

const sums = [
  ...["requests", "failed", "refused", "fell_back", "input", "output", "cached", "cache_write", "reasoning"],
  ...["cost", "unpriced", "duration"],
] as const;

export async function statementsFor(database: Pick<Database, "builder">): Promise<Statements> {
  const builder = await database.builder();
  const none = each(sums, () => 0);
  const hours = builder
    .insertInto("usage_hours")
    .values({ hour: 0, provider: "", model: "", ...none })
    .onConflict((conflict) =>
      conflict
        .columns(["hour", "provider", "model"])
        .doUpdateSet(({ eb, ref }) => each(sums, (name) => eb(`usage_hours.${name}`, "+", ref(`excluded.${name}`)))),
    );
  const users = builder
    .insertInto("usage_users")
    .values({ hour: 0, user_id: "", group_id: "", ...none })
    .onConflict((conflict) =>
      conflict
        .columns(["hour", "user_id", "group_id"])
        .doUpdateSet(({ eb, ref }) => each(sums, (name) => eb(`usage_users.${name}`, "+", ref(`excluded.${name}`)))),
    );
  const userModels = builder
    .insertInto("usage_user_models")
    .values({ user_id: "", hour: 0, provider: "", model: "", ...none })
    .onConflict((conflict) =>
      conflict
        .columns(["user_id", "hour", "provider", "model"])
        .doUpdateSet(({ eb, ref }) =>
          each(sums, (name) => eb(`usage_user_models.${name}`, "+", ref(`excluded.${name}`))),
        ),
    );
  const keys = builder
    .insertInto("usage_keys")
    .values({ hour: 0, provider: "", credential: "", model: "", ...none })
    .onConflict((conflict) =>
      conflict
        .columns(["hour", "provider", "credential", "model"])
        .doUpdateSet(({ eb, ref }) => each(sums, (name) => eb(`usage_keys.${name}`, "+", ref(`excluded.${name}`)))),
    );
  const latency = builder
    .insertInto("usage_latency")
    .values({ hour: 0, bucket: 0, requests: 0 })
    .onConflict((conflict) =>
      conflict
        .columns(["hour", "bucket"])
        .doUpdateSet(({ eb, ref }) => ({ requests: eb("usage_latency.requests", "+", ref("excluded.requests")) })),
    );
  const modelLatency = builder
    .insertInto("usage_model_latency")
    .values({ hour: 0, provider: "", model: "", bucket: 0, requests: 0 })
    .onConflict((conflict) =>
      conflict.columns(["hour", "provider", "model", "bucket"]).doUpdateSet(({ eb, ref }) => ({
        requests: eb("usage_model_latency.requests", "+", ref("excluded.requests")),
      })),
    );
  return {
    row: builder
      .insertInto("usage")
      .values(each(columns, () => "" as never))
      .compile().sql,
    hours: hours.compile().sql,
    users: users.compile().sql,
    userModels: userModels.compile().sql,
    keys: keys.compile().sql,
    latency: latency.compile().sql,
    modelLatency: modelLatency.compile().sql,
  };
}

function each<const N extends string, T>(names: readonly N[], make: (name: N) => T): { readonly [name in N]: T } {
  return Object.fromEntries(names.map((name) => [name, make(name)])) as { [name in N]: T };
}
