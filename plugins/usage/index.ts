/** The ledger: one row per request, what it used and what it cost; asked over HTTP and by `proxy usage`. */
import { addressHasher, type App, definePlugin, loadCatalog, type Plugin } from "waygate";
import { type EntryInit, entryOf } from "./entry.ts";
import { createLedger, type Ledger } from "./ledger.ts";
import { createPricer, type PriceOverrides } from "./prices.ts";
import { startRetention, type RetentionOptions } from "./retention.ts";
import { usageRoutes } from "./routes.ts";
import { statementsFor } from "./statements.ts";

export { createPricer } from "./prices.ts";
export type { PriceOverride, PriceOverrides, Pricer } from "./prices.ts";
export type { RetentionOptions } from "./retention.ts";
export { unanswered, usageReport } from "./report.ts";
export type { Grouping, UsageQuery, UsageReport, UsageSums } from "./report.ts";
export { usageLines } from "./export.ts";
export { spanOf } from "./days.ts";

export interface UsageOptions {
  /** By `provider/model`, globs allowed: US dollars per million tokens, in place of the catalogue's. */
  readonly prices?: PriceOverrides;
  /** How long and how much is kept. */
  readonly keep?: RetentionOptions;
  /** Whether addresses are kept, as HMACs. Default true. */
  readonly addresses?: boolean;
}

interface Running {
  readonly ledger: Ledger;
  readonly init: EntryInit;
  stop(): void;
}

/**
 * Keeps numbers and names, never a prompt or an answer. Rows reach the disk within a second, off the requests' path; while
 * the database is away 50,000 of them wait. Sums per hour are kept longer than rows. Tags come in `x-waygate-tags`.
 */
export function usage(options: UsageOptions = {}): Plugin<readonly []> {
  // The same plugin may be part of several proxies.
  const running = new WeakMap<App, Running>();
  let latest: App | undefined;
  return definePlugin({
    name: "usage",
    usesDatabase: true,
    ...usageRoutes(() => latest!),
    async setup(app) {
      latest = app;
      const { database } = app;
      const log = app.log.withTag("usage");
      const pricer = createPricer(options.prices ?? {}, await loadCatalog(), (model) =>
        log.warn(`No price is known for ${model}: its cost is left out. State one: usage({ prices: { … } }).`),
      );
      if (database === undefined) {
        log.warn("Nothing is kept: the config says database: false.");
        return;
      }
      const ledger = createLedger(await statementsFor(database));
      const leave = database.attach(ledger);
      const retention = startRetention(database, app.runtime.clock, log.warn, options.keep);
      running.set(app, {
        ledger,
        init: { cost: pricer.cost, hashIp: options.addresses === false ? () => null : addressHasher(app) },
        stop() {
          retention.stop();
          leave();
        },
      });
    },
    async close(app) {
      const found = running.get(app);
      // What is left is saved while it is still attached.
      await app.database?.flush();
      found?.stop();
    },
    hooks: {
      record(outcome, ctx) {
        const found = running.get(ctx.app);
        if (found === undefined) return;
        const entry = entryOf(outcome, ctx, found.init);
        if (entry === undefined) return;
        found.ledger.add(entry);
        ctx.app.database?.wake();
      },
    },
  });
}
