/** The accounts of one provider in one running proxy. */
import {
  type AccountContext,
  type AccountFields,
  type AccountKind,
  accountStore,
  type App,
  type Attempt,
  fetchThrough,
  type MaybePromise,
  ProxyError,
} from "waygate";
import { credentialOf, type Entry, hasSameTokens, nameOf, targetOf, timesOf } from "./entry.ts";
import type { Account, AccountHolderOptions, Keeping } from "./holder-types.ts";
import { createLoader } from "./loader.ts";
import { createRenew, type Renew, renewed } from "./renewal.ts";
import { createRounds, type Rounds } from "./rounds.ts";
import { watchPlaces } from "./watch.ts";
import { within } from "./within.ts";

export interface Keeper {
  load(): Promise<void>;
  start(): void;
  stop(): Promise<void>;
  /** New tokens in place of those that the upstream has refused. */
  replace(account: Account, signal: AbortSignal): Promise<Account>;
  fresh(account: Account, attempt: Attempt): MaybePromise<AccountFields>;
  current(account: Account, signal: AbortSignal): MaybePromise<AccountFields>;
  context(signal: AbortSignal): AccountContext;
  save(id: string, change: (fields: AccountFields) => AccountFields): Promise<void>;
}

export interface KeeperInit {
  readonly kind: AccountKind;
  readonly options: AccountHolderOptions;
  readonly app: App;
  /** Hears of every account before anybody else does. */
  readonly own: (account: Account) => void;
}

/** Milliseconds of the machine that refreshes under way are given when the proxy ends. */
const LAST = 10_000;
/** Milliseconds between two times at which new tokens of others end a refusal by the upstream. */
const TRUST = 30 * 60_000;

export function createKeeper({ kind, options, app, own }: KeeperInit): Keeper {
  const { clock } = app.runtime;
  const entries = new Map<string, Entry>();
  const entryOf = new WeakMap<Account, Entry>();
  /** Nothing new begins. */
  const stopping = new AbortController();
  /** What has begun ends as well. */
  const ending = new AbortController();
  const store = storeOf(options, app);
  const times = timesOf(kind, options);
  const fetchThere = fetchThrough(app.runtime.transport, { proxy: options.proxy });
  const context = (signal: AbortSignal): AccountContext => ({
    signal,
    fetch: fetchThere,
    now: () => clock.now(),
    clock,
    warn: (message) => app.log.warn(message),
  });

  const publish = (entry: Entry): void => {
    entryOf.set(entry.account, entry);
    own(entry.account);
    // One that is gone is used to its end by the requests that have it.
    if (entries.get(entry.id) === entry) app.credentials.add(credentialOf(entry, options));
  };
  const adopt = (entry: Entry, fields: AccountFields): void => {
    if (!hasSameTokens(entry.account.fields, fields)) entry.since = clock.now();
    entry.account = { fields };
    publish(entry);
  };
  const renew: Renew = createRenew({
    kind,
    app,
    store,
    times,
    context: context(ending.signal),
    stopping: stopping.signal,
    adopt,
    ended: () => rounds.plan(),
  });
  const rounds: Rounds = createRounds({ app, entries, options, times, renew });
  const trusted = new WeakMap<Entry, number>();
  const loader = createLoader({
    kind,
    app,
    store,
    entries,
    publish,
    adopt,
    renewedElsewhere(entry) {
      renewed(app, entry);
      // A login ends that the upstream refused the account. That another process has renewed its token looks the same,
      // and must not let processes that refuse it wake each other for ever.
      const now = clock.now();
      if (app.credentials.restOf(targetOf(entry))?.state !== "invalid") return;
      if (now - (trusted.get(entry) ?? Number.NEGATIVE_INFINITY) < TRUST) return;
      trusted.set(entry, now);
      app.credentials.wake(targetOf(entry));
    },
  });
  let unwatch: (() => void) | undefined;

  const patience = (attempt: Attempt): number => {
    const { retry } = app.config;
    const left = (attempt.ctx.attempts[0]?.startedAt ?? attempt.startedAt) + retry.deadline - clock.now();
    return entries.size > 1 ? Math.min(retry.shortWait, left) : left;
  };
  const late = (entry: Entry): ProxyError =>
    new ProxyError({ kind: "timeout", scope: "credential", message: `${nameOf(entry)} has no new token in time.` });
  const isGood = (entry: Entry): boolean => !entry.needsLogin && times.ends(entry.account.fields) > clock.now();

  const lasting = (account: Account, signal: AbortSignal, most: () => number): MaybePromise<AccountFields> => {
    const entry = entryOf.get(account);
    if (!entry) throw gone(kind);
    if (entry.needsLogin && entry.error) throw entry.error;
    const now = clock.now();
    if (times.lasts(entry, now)) return entry.account.fields;
    if (entry.error && entry.notBefore > now) {
      if (isGood(entry)) return entry.account.fields;
      throw entry.error;
    }
    return within(renew(entry), { signal, clock, ms: most(), late: () => late(entry) }).then(
      () => entry.account.fields,
      (error: unknown) => {
        if (signal.aborted || !isGood(entry)) throw error;
        return entry.account.fields;
      },
    );
  };

  return {
    context,
    load: () => loader.load(),
    start() {
      const changed = async (): Promise<void> => {
        try {
          await loader.load();
          rounds.plan();
        } catch (error) {
          app.log.error(`The accounts of ${kind.provider} could not be read again:`, error);
        }
      };
      unwatch = watchPlaces({ clock, places: loader.places, changed });
      rounds.start();
    },
    async stop() {
      const closing = new ProxyError({ kind: "aborted", message: "The proxy is closing." });
      stopping.abort(closing);
      unwatch?.();
      rounds.stop();
      const timer = setTimeout(() => ending.abort(closing), LAST);
      await Promise.allSettled([...entries.values()].map(({ running }) => running));
      clearTimeout(timer);
      ending.abort(closing);
    },
    async replace(account, signal) {
      const entry = entryOf.get(account);
      if (!entry) throw gone(kind);
      // A refresh that was under way may end with the very token that was refused.
      for (let turn = 0; turn < 2 && entry.account.fields["access_token"] === account.fields["access_token"]; turn++) {
        if (entry.error && (entry.needsLogin || entry.notBefore > clock.now())) throw entry.error;
        await within(renew(entry), { signal, clock, ms: app.config.retry.deadline, late: () => late(entry) });
      }
      return entry.account;
    },
    fresh: (account, attempt) => lasting(account, attempt.signal, () => patience(attempt)),
    current: (account, signal) => lasting(account, signal, () => app.config.retry.deadline),
    async save(id, change) {
      const entry = entries.get(id);
      if (!entry) throw gone(kind);
      try {
        const changing = async (current: AccountFields): Promise<AccountFields> => change(current);
        entry.stored = await store.update(kind, entry.stored, changing, { signal: stopping.signal });
        adopt(entry, entry.isUnsaved ? { ...entry.stored.fields, ...entry.account.fields } : entry.stored.fields);
      } catch (error) {
        app.log.warn(`${nameOf(entry)}: what was learnt of it is in memory only:`, error);
        adopt(entry, change(entry.account.fields));
      }
    },
  };
}

function storeOf({ store }: AccountHolderOptions, app: App): Keeping {
  if (typeof store === "function") return store(app);
  const { dataDir } = app.config;
  return store ?? accountStore({ dataDir, cwd: app.root, warn: (message) => app.log.warn(message) });
}

function gone(kind: AccountKind): ProxyError {
  const message = `The account of ${kind.title} is not there any more.`;
  return new ProxyError({ kind: "credential_invalid", scope: "credential", message });
}
