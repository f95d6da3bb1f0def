/** Lets many people share few keys: whoever finds none free waits in turn, knows where they stand, and is let go in time. */
import {
  type App,
  ConfigError,
  type Context,
  definePlugin,
  matchesGlob,
  type Plugin,
  ProxyError,
  userSlot,
} from "waygate";
import { createFamilies, type Families, type FamilyState } from "./families.ts";

export interface QueueOptions {
  /** Globs over the names clients ask for, by the name of the family; others are a family each. */
  readonly families?: { readonly [family: string]: readonly string[] };
  /** Globs over the names clients ask for that are waited for. Default: all. */
  readonly models?: readonly string[];
  /** Requests of one user, or of one address where there are no users, that may wait for a family. Default 1. */
  readonly perUser?: number;
  /**
   * Globs over clients' ids and addresses behind which several people stand: five times as many may wait. Callers with a
   * proxy key count as such.
   */
  readonly shared?: readonly string[];
  /** Callers with the same proxy key are told apart by their address. Default false. */
  readonly byAddress?: boolean;
  /** Requests that may wait for one family. Default 200. */
  readonly size?: number;
  /** Milliseconds a request waits at most. Default 5 min; `retry.deadline` bounds it too. */
  readonly wait?: number;
  /** Keys that rest are waited for too, if they are back in time. Default true. */
  readonly rests?: boolean;
  /** Milliseconds between two signs of life for a client that waits for a stream. Default 5000. */
  readonly heartbeat?: number;
}

/** How many times as many requests may wait for clients that are several people. */
const SHARED = 5;

/**
 * There is one queue, the core's, where clients take turns; this states who is whose turn it is, how many may wait and for how
 * long, and says so. `GET /v1/queue` tells every client how many wait and how long it takes. Special users wait without
 * being counted. Throws a `ConfigError` for options that make no sense.
 */
export function queue(options: QueueOptions = {}): Plugin<readonly []> {
  const { perUser = 1, size = 200, wait = 300_000, rests = true, heartbeat = 5000, byAddress = false } = options;
  for (const [name, value] of Object.entries({ perUser, size, wait, heartbeat })) positive(name, value);
  const isQueued = options.models === undefined ? () => true : matchesGlob(options.models);
  const isShared = matchesGlob(options.shared ?? []);
  const named = Object.entries(options.families ?? {}).map(([family, globs]) => ({ family, fits: matchesGlob(globs) }));
  // The same plugin may be part of several proxies.
  const books = new WeakMap<App, Families>();
  let latest: Families | undefined;

  const familyOf = (model: string): string => named.find(({ fits }) => fits(model))?.family ?? model;
  const whose = (ctx: Context): { readonly client: string; readonly most: number } => {
    const user = ctx.get(userSlot);
    if (user) return { client: user.user, most: user.special ? Number.POSITIVE_INFINITY : allowed(user.user, ctx.ip) };
    const principal = byAddress ? undefined : ctx.principal?.id;
    const client = principal ?? ctx.ip ?? "";
    return { client, most: principal === undefined ? allowed(client, ctx.ip) : perUser * SHARED };
  };
  const allowed = (client: string, ip = ""): number => (isShared(client) || isShared(ip) ? perUser * SHARED : perUser);

  return definePlugin({
    name: "queue",
    routes: { "GET /v1/queue": () => ({ object: "queue", queue: latest ? statesOf(latest) : {} }) },
    setup(app) {
      latest = createFamilies(app.runtime.clock);
      books.set(app, latest);
    },
    close: (app) => books.get(app)?.close(),
    hooks: {
      filter: {
        // Behind those that may ask for another model.
        order: "post",
        handler(ctx) {
          const families = books.get(ctx.app);
          if (!families || !isQueued(ctx.model)) return;
          const { client, most } = whose(ctx);
          const family = familyOf(ctx.model);
          let place: (() => string) | undefined;
          ctx.delivery = {
            ...ctx.delivery,
            queue: {
              ...{ wait, rests, client, heartbeat },
              enter() {
                const { all, own } = families.count(family, client);
                if (own >= most)
                  throw full(ctx, `${own} of your requests wait for ${family} already.`, families.state(family));
                if (all >= size && Number.isFinite(most))
                  throw full(ctx, `${all} requests wait for ${family} already.`, families.state(family));
                const waiter = families.enter(family, client);
                place = () => wordsOf(families.position(family, waiter), families.state(family));
                return (served) => {
                  place = undefined;
                  families.leave(family, waiter, served);
                };
              },
              says: () => place?.(),
            },
          };
        },
      },
    },
  });
}

/** By family: how many wait, and milliseconds that who comes now is likely to. */
function statesOf(families: Families): {
  readonly [family: string]: { readonly waiting: number; readonly estimate_ms: number };
} {
  return Object.fromEntries(
    families.names().map((name) => {
      const { waiting, estimate } = families.state(name);
      return [name, { waiting, estimate_ms: estimate }];
    }),
  );
}

function wordsOf(position: number, { estimate }: FamilyState): string {
  const wait = estimate === 0 ? "no wait" : `about ${Math.ceil(estimate / 1000)} s`;
  return `joining queue at position ${position}, ${wait}`;
}

function full({ app }: Context, why: string, { estimate }: FamilyState): ProxyError {
  return new ProxyError({
    kind: "no_candidate",
    scope: "request",
    status: 429,
    code: "queue_full",
    message: `No key is free, and ${why} Try again later.`,
    retryAt: app.runtime.clock.now() + Math.max(1000, estimate),
  });
}

function positive(name: string, value: number): void {
  if (Number.isFinite(value) && value > 0) return;
  throw new ConfigError([
    {
      code: "config_invalid",
      path: ["plugins", "queue", name],
      what: `queue: ${name} is ${String(value)}`,
      why: "it must be a number above 0",
      fix: "write a number, or leave it out",
      needle: name,
    },
  ]);
}
