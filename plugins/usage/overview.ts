/** What was used of what there is, by provider and key, since the day began. */
import type { App, Database } from "waygate";
import { dayOfKeys } from "./days.ts";

interface Share {
  readonly total_requests: number;
  /** Requests per day that the limits of its keys allow; null when one of them has none. */
  readonly total_capacity: number | null;
  readonly usage_percentage: number | null;
}

interface KeyUse {
  readonly requests: number;
  readonly usage_percentage: number | null;
  readonly rate_limit_windows: { readonly req_min: number | null; readonly req_day: number | null };
}

export interface Overview {
  readonly overview: { readonly [provider: string]: Share };
  readonly details: { readonly [provider: string]: { readonly keys: { readonly [id: string]: KeyUse } } };
}

/** Keys go by their ids, which tell nothing of them. */
export async function overviewOf(app: App, database: Database): Promise<Overview> {
  const builder = await database.builder();
  const rows = await database.read(
    builder
      .selectFrom("usage_keys")
      .select(["credential", ({ fn }) => fn.sum<number>("requests").as("requests")])
      .where("hour", "=", dayOfKeys(app.runtime.clock.now()))
      .groupBy("credential"),
  );
  const used = new Map(rows.map(({ credential, requests }) => [credential, requests]));
  const overview: { [provider: string]: Share } = {};
  const details: { [provider: string]: { keys: { [id: string]: KeyUse } } } = {};
  for (const { name } of app.providers) {
    const credentials = app.credentials.list(name);
    if (credentials.length === 0) continue;
    const keys: { [id: string]: KeyUse } = {};
    let total = 0;
    let capacity: number | null = 0;
    for (const { id, limits } of credentials) {
      const requests = used.get(id) ?? 0;
      const rpd = limits?.rpd ?? null;
      total += requests;
      capacity = capacity === null || rpd === null ? null : capacity + rpd;
      keys[id] = {
        requests,
        usage_percentage: percentage(requests, rpd),
        rate_limit_windows: { req_min: limits?.rpm ?? null, req_day: rpd },
      };
    }
    overview[name] = {
      total_requests: total,
      total_capacity: capacity,
      usage_percentage: percentage(total, capacity),
    };
    details[name] = { keys };
  }
  return { overview, details };
}

function percentage(used: number, capacity: number | null): number | null {
  return capacity === null || capacity === 0 ? null : Math.round((used / capacity) * 1000) / 10;
}
