/** `GET` and `POST /v1/quota-stats`: every provider's keys with their state, what they have served and what rests. */
import { HTTPError } from "h3";
import type { App, Credential, Database, Rest } from "waygate";

type Status = "active" | "cooldown" | "exhausted" | "mixed";

const sums = ["requests", "input", "output", "cached", "cost"] as const;

type Row = { readonly [name in (typeof sums)[number]]: number } & {
  readonly credential: string;
  readonly model: string;
};

const actions = ["reload", "force_refresh"];
/** Keys asked at the same time. */
const AT_ONCE = 5;

/** All there is since the ledger began; providers that have served nothing are left out. */
export async function quotaStats(app: App, database: Database, provider: string | null): Promise<object> {
  const builder = await database.builder();
  const rows: readonly Row[] = await database.read(
    builder
      .selectFrom("usage_keys")
      .select(["credential", "model"])
      .select(({ fn }) => sums.map((name) => fn.sum<number>(name).as(name)))
      .where("credential", "<>", "")
      .groupBy(["credential", "model"]),
  );
  const byKey = Map.groupBy(rows, ({ credential }) => credential);
  const providers: { [name: string]: ProviderStats } = {};
  for (const { name } of app.providers) {
    if (provider !== null && provider !== name) continue;
    const stats = providerStats(app, name, byKey);
    if (stats.total_requests > 0) providers[name] = stats;
  }
  const all = Object.values(providers);
  const sum = (read: (stats: ProviderStats) => number): number => all.reduce((total, each) => total + read(each), 0);
  return {
    providers,
    summary: {
      total_providers: all.length,
      total_credentials: sum((each) => each.credential_count),
      active_credentials: sum((each) => each.active_count),
      exhausted_credentials: sum((each) => each.exhausted_count),
      total_requests: sum((each) => each.total_requests),
      tokens: tokensOf(rows.filter((row) => provider === null || ofProvider(app, row, provider))),
      approx_total_cost: round(sum((each) => each.approx_cost)),
    },
    data_source: "cache",
    timestamp: app.runtime.clock.now() / 1000,
  };
}

/** `{ action: "reload" | "force_refresh", scope: "all" | "provider" | "credential", provider?, credential? }`. */
export async function refreshStats(app: App, database: Database, text: string): Promise<object> {
  const body = parsed(text);
  const action = String(body["action"]);
  if (!actions.includes(action)) throw bad(`"action" must be one of ${actions.join(", ")}.`);
  const began = app.runtime.clock.now();
  const wanted = credentialsOf(app, body);
  let failed = 0;
  if (action === "force_refresh") {
    const left = [...wanted];
    const worker = async (): Promise<void> => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) {
        // What is wrong with a key is in its state; here only how many there are.
        await app.credentials.probe(next).catch(() => failed++);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  }
  await database.flush();
  const stats = await quotaStats(app, database, typeof body["provider"] === "string" ? body["provider"] : null);
  const asked = action === "force_refresh" ? `${wanted.length} keys were asked` : "The ledger was read again";
  return {
    ...stats,
    data_source: action === "force_refresh" ? "refreshed" : "cache",
    refresh_result: {
      action,
      scope: body["scope"] ?? "all",
      duration_ms: app.runtime.clock.now() - began,
      success: failed === 0,
      message: failed === 0 ? `${asked}.` : `${asked}, ${failed} did not answer.`,
      failed_count: failed,
    },
  };
}

interface ProviderStats {
  readonly credential_count: number;
  readonly active_count: number;
  readonly on_cooldown_count: number;
  readonly exhausted_count: number;
  readonly total_requests: number;
  readonly tokens: object;
  readonly approx_cost: number;
  readonly credentials: readonly object[];
}

function providerStats(app: App, provider: string, byKey: ReadonlyMap<string, readonly Row[]>): ProviderStats {
  const now = app.runtime.clock.now();
  const keys = app.credentials.list(provider).map((credential) => {
    const rows = byKey.get(credential.id) ?? [];
    const rests = app.credentials.rests().filter(({ target }) => target.credential === credential.id);
    const status = statusOf(rests.map(({ target, rest }) => ({ whole: target.model === undefined, rest })));
    return {
      status,
      rows,
      shown: {
        stable_id: credential.id,
        accessor_masked: credential.masked ?? null,
        identifier: nameOf(credential),
        priority: credential.priority ?? null,
        active_requests: app.credentials.inFlight(credential.id),
        status,
        totals: totalsOf(rows),
        model_usage: Object.fromEntries(rows.map((row) => [row.model, totalsOf([row])])),
        cooldowns: Object.fromEntries(
          rests.map(({ target, rest }) => [
            target.model ?? "_global_",
            {
              reason: rest.reason,
              remaining_seconds: Number.isFinite(rest.until)
                ? Math.max(0, Math.round((rest.until - now) / 1000))
                : null,
              source: rest.policy,
            },
          ]),
        ),
      },
    };
  });
  const count = (...wanted: readonly Status[]): number => keys.filter(({ status }) => wanted.includes(status)).length;
  const rows = keys.flatMap((key) => key.rows);
  const { requests, approx_cost } = totalsOf(rows);
  return {
    credential_count: keys.length,
    active_count: count("active", "mixed"),
    on_cooldown_count: count("cooldown"),
    exhausted_count: count("exhausted"),
    total_requests: requests,
    tokens: tokensOf(rows),
    approx_cost,
    credentials: keys.map(({ shown }) => shown),
  };
}

function statusOf(rests: readonly { readonly whole: boolean; readonly rest: Rest }[]): Status {
  const own = rests.find(({ whole }) => whole)?.rest;
  if (own !== undefined) return own.state === "exhausted" ? "exhausted" : "cooldown";
  return rests.length === 0 ? "active" : "mixed";
}

function nameOf({ id, label }: Credential): string {
  return label ?? id.slice(id.lastIndexOf(":") + 1);
}

function ofProvider(app: App, row: Row, provider: string): boolean {
  return app.credentials.get(row.credential)?.provider === provider;
}

function totalsOf(rows: readonly Row[]): {
  readonly requests: number;
  readonly tokens: object;
  readonly approx_cost: number;
} {
  return { requests: sumOf(rows, "requests"), tokens: tokensOf(rows), approx_cost: round(sumOf(rows, "cost")) };
}

function tokensOf(rows: readonly Row[]): object {
  const [input, cached] = [sumOf(rows, "input"), sumOf(rows, "cached")];
  return {
    input_cached: cached,
    input_uncached: Math.max(0, input - cached),
    input_cache_pct: input === 0 ? 0 : Math.round((cached / input) * 1000) / 10,
    output: sumOf(rows, "output"),
  };
}

function sumOf(rows: readonly Row[], column: (typeof sums)[number]): number {
  return rows.reduce((total, row) => total + row[column], 0);
}

function round(dollars: number): number {
  return Number(dollars.toPrecision(12));
}

function credentialsOf(app: App, body: { readonly [field: string]: unknown }): readonly Credential[] {
  const { scope = "all", provider, credential } = body;
  if (scope === "credential") {
    const found = typeof credential === "string" ? app.credentials.get(credential) : undefined;
    if (found === undefined) throw bad('"credential" must be the stable_id of a key.');
    return [found];
  }
  if (scope !== "all" && scope !== "provider") throw bad('"scope" must be all, provider or credential.');
  const names = app.providers.map(({ name }) => name).filter((name) => scope === "all" || name === provider);
  if (names.length === 0) throw bad('"provider" must be a provider of this proxy.');
  return names.flatMap((name) => app.credentials.list(name));
}

function parsed(text: string): { readonly [field: string]: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as { readonly [field: string]: unknown };
  } catch {
    // Said below.
  }
  throw bad("The body must be a JSON object.");
}

function bad(message: string): HTTPError {
  return new HTTPError({ status: 400, message });
}
