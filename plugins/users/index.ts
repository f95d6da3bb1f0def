/** Users with tokens of their own, budgets and limits, in groups where they share them. */
import {
  addressHasher,
  type App,
  ConfigError,
  type Context,
  createTries,
  type DailyReset,
  dailyReset,
  definePlugin,
  loadCatalog,
  type Plugin,
  userSlot,
} from "waygate";
import { createPricer, type PriceOverrides } from "waygate/plugins/usage";
import { createAddresses } from "./addresses.ts";
import { authHook, type Door } from "./auth.ts";
import { createDirectory } from "./directory.ts";
import { createFollower } from "./follow.ts";
import { groupRoutes } from "./group-routes.ts";
import { keepRoster } from "./roster.ts";
import { readQuota } from "./input.ts";
import type { PersonLimits, QuotaInput, UserKind } from "./people.ts";
import { createPeriods } from "./periods.ts";
import { userRoutes } from "./routes.ts";
import type { Running } from "./running.ts";
import { createPeople, unsaved } from "./service.ts";
import { createSpending, isSelective } from "./spending.ts";
import { peopleStatements } from "./statements.ts";
import { peopleStore } from "./store.ts";
import { createUseBook } from "./use-book.ts";

export type { GroupDocument, QuotaDocument, UserDocument } from "./document.ts";
export type { PersonLimits, QuotaInput, QuotaUnit, UserKind } from "./people.ts";
export type { UserPage } from "./views.ts";

/** What new users have unless something else is said when they are made. */
export interface UserDefaults {
  readonly quotas?: readonly QuotaInput[];
  readonly limits?: PersonLimits;
  readonly models?: readonly string[];
  readonly maxIps?: number;
  readonly banOverIps?: boolean;
}

export interface UsersOptions {
  /** By kind; changing it changes nobody who is there. */
  readonly defaults?: { readonly [kind in UserKind]?: UserDefaults };
  /** When a day and a month begin, and the zone of cron expressions. Default 03:00 UTC. */
  readonly reset?: DailyReset;
  readonly temporary?: {
    /** Milliseconds that a new temporary user lasts. Default 24 h. */
    readonly lifetime?: number;
    /** Milliseconds behind its end after which it is removed. Default 48 h. */
    readonly keep?: number;
  };
  /** Unknown tokens that one address may send within a window of milliseconds. Default 20 in 10 min. */
  readonly tries?: { readonly most?: number; readonly window?: number };
  /** Tokens an answer is taken for before it is known, unless the request allows fewer. Default 1024. */
  readonly answer?: number;
  /** For budgets of money, as in `usage()`. */
  readonly prices?: PriceOverrides;
  /** Milliseconds between two looks at what other workers have edited. Default 2000. */
  readonly follow?: number;
}

const HOUR = 3_600_000;

/**
 * Tokens are kept as hashes and looked up in memory, so no request waits for the database. Requests, tokens and money
 * are reserved before a request is sent and put right after it, in `state`, which workers may share. Users are edited
 * over `/api/users` or with `proxy users`.
 */
export function users(options: UsersOptions = {}): Plugin<readonly []> {
  const { defaults = {}, temporary = {}, tries = {}, answer = 1024, follow = 2000 } = options;
  const quotas = new Map(
    Object.entries(defaults).map(([kind, { quotas: list = [] }]) => [
      kind,
      list.map((quota, index) => checked(() => readQuota(quota, `defaults.${kind}.quotas[${index}]`))),
    ]),
  );
  const dayEnds = checked(() => dailyReset(options.reset));
  // The same plugin may be part of several proxies.
  const running = new WeakMap<App, Running & { readonly door: Door; stop(): void }>();
  let latest: Running | undefined;
  const current = (): Running => {
    if (latest !== undefined) return latest;
    throw new Error("users: there is no database");
  };
  const routes = { ...userRoutes(current), ...groupRoutes(current) };

  return definePlugin({
    name: "users",
    usesDatabase: true,
    routes,
    adminRoutes: Object.keys(routes),
    async setup(app) {
      const { database } = app;
      if (app.config.database === false) throw noDatabase();
      // A command that only looks opens none.
      if (database === undefined) return;
      const log = app.log.withTag("users");
      const { clock } = app.runtime;
      const [builder, catalog] = await Promise.all([database.builder(), loadCatalog()]);
      const store = peopleStore(database, builder, clock.now);
      const statements = peopleStatements(builder);
      const directory = createDirectory();
      const book = createUseBook(builder);
      const addresses = createAddresses(addressHasher(app), builder, () => app.database);
      const people = createPeople({ app, store, statements, directory, book, addresses });
      const periods = createPeriods(options.reset);
      const pricer = createPricer(options.prices ?? {}, catalog, (model) =>
        log.warn(`No price is known for ${model}: budgets of money do not count it.`),
      );
      const spending = createSpending(app, {
        ...{ book, periods, catalog, answer, dayEnds },
        costOf: ({ answeredBy, usage }) =>
          answeredBy === undefined || usage === undefined ? null : pricer.cost(answeredBy, usage),
      });
      const follower = createFollower({
        ...{ app, store, people, directory, addresses },
        every: follow,
        keep: temporary.keep ?? 48 * HOUR,
      });
      const door: Door = {
        directory,
        addresses,
        tries: createTries({ clock, most: tries.most ?? 20, window: tries.window ?? 600_000 }),
        get isLoaded() {
          return follower.isLoaded;
        },
        ban: people.ban,
        touch(user, now) {
          if (book.touch(user, now)) database.wake();
        },
      };
      const leave = [database.attach(keepRoster(directory, statements)), database.attach(book)];
      const run = {
        ...{ app, store, statements, directory, addresses, book, periods, people, follower, spending, door },
        lifetime: temporary.lifetime ?? 24 * HOUR,
        defaultsOf(kind: UserKind) {
          const { quotas: _, ...rest } = defaults[kind] ?? {};
          return rest;
        },
        quotasOf: (kind: UserKind) => quotas.get(kind) ?? [],
        save: (...change: Parameters<Running["save"]>) =>
          store.change(...change).catch((error: unknown) => {
            throw unsaved(error);
          }),
        async forgetAddresses(user: string) {
          database.write(statements.forgetAddresses.with({ user }));
          addresses.forget(user);
        },
        stop() {
          follower.stop();
          spending.close();
          for (const end of leave) end();
        },
      } satisfies Running & { readonly door: Door; stop(): void };
      running.set(app, run);
      latest = run;
      await follower.load().catch((error: unknown) => {
        log.warn("The users could not be read yet, so their tokens are answered with 503 until they are:", error);
      });
    },
    ready(app) {
      running.get(app)?.follower.start();
    },
    async close(app) {
      const run = running.get(app);
      // What has been used is saved while it is still attached.
      await app.database?.flush();
      run?.stop();
    },
    hooks: {
      auth: authHook((ctx: Context) => running.get(ctx.app)?.door),
      filter: {
        // Before what other filters answer by themselves: that is an accepted request too.
        order: "pre",
        handler(ctx) {
          const run = running.get(ctx.app);
          const who = ctx.get(userSlot);
          const user = who && run?.directory.user(who.user);
          return user && run?.spending.take(ctx, run.directory.entry(user));
        },
      },
      selectKey: {
        precedence: "drop",
        when: isSelective,
        handler: (candidates, ctx, selection) => running.get(ctx.app)!.spending.select(candidates, ctx, selection),
      },
      record: (outcome, ctx) => running.get(ctx.app)?.spending.settle(outcome, ctx),
    },
  });
}

function checked<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new ConfigError([
      {
        code: "config_invalid",
        path: ["plugins", "users"],
        what: "users: an option cannot be used",
        why: error instanceof Error ? error.message : String(error),
        fix: 'write for instance { unit: "tokens", period: "daily", amount: 100_000 }, or reset: { at: "03:00", zone: "Europe/Berlin" }',
      },
    ]);
  }
}

function noDatabase(): ConfigError {
  return new ConfigError([
    {
      code: "config_invalid",
      path: ["database"],
      what: "users() keeps its users in the database, and there is none",
      why: "the config says database: false",
      fix: "take that line out for a file in .waygate, or use proxyKey() alone",
    },
  ]);
}
