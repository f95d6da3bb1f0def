/** `GET /v1/usage` for everybody's own, `GET /api/usage` for administrators, and the ledger's rows as CSV or JSON. */
import { type H3Event, HTTPError } from "h3";
import { type App, type Database, type Plugin, routeCaller } from "waygate";
import { spanOf } from "./days.ts";
import { exportRows } from "./export.ts";
import { overviewOf } from "./overview.ts";
import { quotaStats, refreshStats } from "./quota-stats.ts";
import { type Grouping, unanswered, type UsageQuery, usageReport } from "./report.ts";

const groupings: readonly Grouping[] = ["hour", "day", "provider", "model", "user", "group", "key"];

/** Hung up by the plugin; `app` is the proxy that the event came to. */
export function usageRoutes(app: () => App): Required<Pick<Plugin, "routes" | "adminRoutes">> {
  const database = (): Database => {
    const found = app().database;
    if (found !== undefined) return found;
    throw new HTTPError({ status: 503, message: "There is no database: the config says database: false." });
  };
  const of = async (event: H3Event, user: string | undefined): Promise<object> => {
    const query: UsageQuery = { ...queryOf(event, app()), ...(user !== undefined && { user }) };
    const reason = unanswered(query);
    if (reason !== undefined) throw bad("by", `something else: ${reason}`);
    return usageReport(database(), query);
  };
  const all = (event: H3Event): Promise<object> => of(event, event.url.searchParams.get("user") ?? undefined);
  return {
    routes: {
      "GET /v1/usage": async (event) => {
        const { principal } = routeCaller(event);
        // Without auth the proxy answers this machine alone.
        if (principal === undefined || principal.admin) {
          return { ...(await all(event)), ...(await overviewOf(app(), database())) };
        }
        const wanted = event.url.searchParams.get("user");
        if (wanted !== null && wanted !== principal.id) {
          throw new HTTPError({ status: 403, message: "Only administrators see the usage of others." });
        }
        return of(event, principal.id);
      },
      "GET /v1/quota-stats": (event) => quotaStats(app(), database(), event.url.searchParams.get("provider")),
      "POST /v1/quota-stats": async (event) => refreshStats(app(), database(), await event.req.text()),
      "GET /api/usage": all,
      "GET /api/usage/rows": (event) => {
        const format = event.url.searchParams.get("format") ?? "jsonl";
        if (format !== "csv" && format !== "jsonl") throw bad("format", "csv or jsonl");
        const { from, to } = queryOf(event, app());
        return exportRows(database(), { from, to, format });
      },
    },
    adminRoutes: ["POST /v1/quota-stats", "GET /api/usage", "GET /api/usage/rows"],
  };
}

function queryOf({ url }: H3Event, { runtime }: App): UsageQuery {
  const read = (name: string): string | undefined => url.searchParams.get(name) ?? undefined;
  const now = runtime.clock.now();
  const time = (name: string, otherwise: number): number => {
    const text = read(name);
    if (text === undefined) return otherwise;
    const value = Date.parse(text);
    if (Number.isNaN(value)) throw bad(name, "an ISO 8601 time, as 2026-11-21T00:00:00Z");
    return value;
  };
  const last = read("last") ?? "24h";
  const span = spanOf(last);
  if (span === undefined) throw bad("last", "a span like 24h or 7d");
  const to = time("to", now + 1);
  const from = time("from", to - span);
  if (from >= to) throw bad("from", "before to");
  const by = read("by");
  if (by !== undefined && !groupings.includes(by as Grouping)) throw bad("by", `one of ${groupings.join(", ")}`);
  const zone = read("zone");
  if (zone !== undefined && !isZone(zone)) throw bad("zone", "a name of the IANA database, as Europe/Berlin");
  const provider = read("provider");
  return {
    from,
    to,
    zone,
    ...(by !== undefined && { by: by as Grouping }),
    ...(provider !== undefined && { provider }),
  };
}

function isZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone !== "";
  } catch {
    return false; // That is how a zone is found out to be none.
  }
}

function bad(name: string, expected: string): HTTPError {
  return new HTTPError({ status: 400, message: `"${name}" must be ${expected}.` });
}
