/**
 * What requests add to the sums that questions are answered from: a small table for each question, because one for all
 * of them would have as many rows as there are requests.
 */
import type { DatabaseWrite } from "waygate";
import { dayOfKeys, hourOf } from "./days.ts";
import type { Entry } from "./entry.ts";
import { bucketOf } from "./percentiles.ts";
import type { Statements } from "./statements.ts";
import { createTally } from "./tally.ts";

/** In the order of the columns. */
const SUMS = 12;

/** One row per key, so that a batch of a thousand requests touches a few rows. */
export function sumsOf(entries: readonly Entry[], statements: Statements): readonly DatabaseWrite[] {
  const hours = createTally(SUMS);
  const users = createTally(SUMS);
  const userModels = createTally(SUMS);
  const keys = createTally(SUMS);
  const latency = createTally(1);
  const modelLatency = createTally(1);
  for (const entry of entries) {
    const { at, user, group, provider, model, credential, firstByte } = entry;
    const hour = hourOf(at);
    const day = dayOfKeys(at);
    const added = addedBy(entry);
    add(hours.of(hour, provider, model), added);
    add(users.of(hour, user, group), added);
    add(userModels.of(user, hour, provider, model), added);
    add(keys.of(day, provider, credential, model), added);
    if (firstByte === null) continue;
    const bucket = bucketOf(firstByte);
    latency.of(hour, bucket)[0]! += 1;
    modelLatency.of(day, provider, model, bucket)[0]! += 1;
  }
  return [
    { sql: statements.hours, rows: hours.rows() },
    { sql: statements.users, rows: users.rows() },
    { sql: statements.userModels, rows: userModels.rows() },
    { sql: statements.keys, rows: keys.rows() },
    { sql: statements.latency, rows: latency.rows() },
    { sql: statements.modelLatency, rows: modelLatency.rows() },
  ];
}

function add(sums: number[], added: readonly number[]): void {
  for (let index = 0; index < SUMS; index++) sums[index]! += added[index]!;
}

function addedBy({ usage, end, status, cost, fellBack, duration }: Entry): readonly number[] {
  const wasRefused = end === "refused";
  const wasFailed = end === "upstream-failed" || (wasRefused && status >= 500);
  const unpriced = usage !== undefined && !wasRefused && cost === null;
  return [
    1,
    wasFailed ? 1 : 0,
    wasRefused ? 1 : 0,
    fellBack ? 1 : 0,
    wholeOf(usage?.input) ?? 0,
    wholeOf(usage?.output) ?? 0,
    wholeOf(usage?.cacheRead) ?? 0,
    wholeOf(usage?.cacheWrite) ?? 0,
    wholeOf(usage?.reasoning) ?? 0,
    cost ?? 0,
    unpriced ? 1 : 0,
    duration,
  ];
}

/** Upstreams have sent negative and broken numbers; a column of whole numbers takes neither. */
export function wholeOf(tokens: number | undefined): number | null {
  return tokens === undefined || !Number.isFinite(tokens) ? null : Math.max(0, Math.round(tokens));
}
