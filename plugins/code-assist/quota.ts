/** Looks now and then at how much is left to accounts in use, so that what is used up is not asked for. */
import type { App, Credential, Timer } from "waygate";

/** What is left of one model, or of one window of it. */
export interface QuotaReading {
  /** As the service names it. */
  readonly model: string;
  /** From 0 to 1. */
  readonly left: number;
  /** Epoch milliseconds at which it is full again. */
  readonly resetAt?: number;
  /** For people: `5h`. */
  readonly window?: string;
}

export interface QuotaWatchInit {
  readonly provider: string;
  /** `undefined` when the account cannot be asked now, for want of a token that lasts. */
  read(app: App, credential: Credential, signal: AbortSignal): Promise<readonly QuotaReading[] | undefined>;
  /** Milliseconds between two looks. 0 = never. Default 300 s. */
  readonly interval?: number;
}

export interface QuotaWatch {
  /** A request of the account is about to be sent. */
  used(app: App, credential: string, model: string): void;
  start(app: App): void;
  stop(app: App): void;
}

/** Accounts that have not been used for so long are not looked at, in milliseconds, */
const RECENT = 3_600_000;
/** but for those that are used up: a quota may be back days before it was to be. Milliseconds between two looks at them. */
const USED_UP = 1_800_000;
/** How old the last request must be, in milliseconds, before what the service tells counts for more than what it refused. */
const SETTLED = 60_000;
/** Accounts that are asked about at the same time. */
const AT_ONCE = 5;
/** Uses that are remembered. */
const MOST = 10_000;
const POLICY = "quota";

interface Watch {
  readonly stopped: AbortController;
  readonly uses: Map<string, number>;
  /** When an account was looked at last. */
  readonly looks: Map<string, number>;
  timer: Timer | undefined;
}

export function quotaWatch({ provider, read, interval = 300_000 }: QuotaWatchInit): QuotaWatch {
  const watches = new WeakMap<App, Watch>();

  const look = async (app: App, watch: Watch, credential: Credential): Promise<void> => {
    const { signal } = watch.stopped;
    const asked = app.runtime.clock.now();
    watch.looks.set(credential.id, asked);
    try {
      const readings = await read(app, credential, signal);
      if (readings && !signal.aborted) apply(app, watch, credential, readings, asked);
    } catch (error) {
      if (!signal.aborted) app.log.debug(`What is left to an account of ${provider} could not be read:`, error);
    }
  };
  const apply = (
    app: App,
    { uses }: Watch,
    { id }: Credential,
    readings: readonly QuotaReading[],
    asked: number,
  ): void => {
    const now = app.runtime.clock.now();
    for (const [scope, { model, left, resetAt }] of byScope(app, readings)) {
      const target = { provider, credential: id, model };
      const rest = app.credentials.restOf(target);
      if (left <= 0) {
        const until = resetAt !== undefined && resetAt > now ? resetAt : now + interval;
        const reason = `nothing left until ${new Date(until).toISOString()}`;
        app.credentials.rest(target, { state: "exhausted", until, policy: POLICY, reason, kind: "quota_exhausted" });
      } else if (rest?.kind === "quota_exhausted" && asked - (uses.get(`${id}\0${scope}`) ?? 0) > SETTLED) {
        // Numbers from before the last request know nothing of what it was refused for.
        app.credentials.wake(target);
      }
    }
  };
  /** Of each group what its models have left at most: they share it, and what one has the others have. */
  const byScope = (app: App, readings: readonly QuotaReading[]): ReadonlyMap<string, QuotaReading> => {
    const models = new Map<string, QuotaReading>();
    for (const reading of readings) {
      const known = models.get(reading.model);
      if (!known || later(reading, known)) models.set(reading.model, reading);
    }
    const scopes = new Map<string, QuotaReading>();
    for (const reading of models.values()) {
      const scope = app.credentials.scope(provider, reading.model);
      const known = scopes.get(scope);
      if (!known || reading.left > known.left) scopes.set(scope, reading);
    }
    return scopes;
  };
  const round = async (app: App, watch: Watch, wanted: (credential: Credential) => boolean): Promise<void> => {
    const queue = app.credentials.list(provider).filter(wanted);
    const work = async (): Promise<void> => {
      for (let next = queue.shift(); next && !watch.stopped.signal.aborted; next = queue.shift()) {
        await look(app, watch, next);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    if (watch.stopped.signal.aborted) return;
    watch.timer = app.runtime.clock.timer(() => {
      const now = app.runtime.clock.now();
      const usedUp = new Set(
        app.credentials
          .rests()
          .flatMap(({ target, rest }) => (rest.kind === "quota_exhausted" ? [target.credential] : [])),
      );
      void round(
        app,
        watch,
        ({ id }) =>
          (watch.uses.get(id) ?? 0) > now - RECENT || (usedUp.has(id) && (watch.looks.get(id) ?? 0) <= now - USED_UP),
      );
    }, interval);
  };

  return {
    used(app, credential, model) {
      const uses = watches.get(app)?.uses;
      if (!uses) return;
      const now = app.runtime.clock.now();
      // Clients may make names of models up.
      if (uses.size > MOST) uses.clear();
      uses.set(credential, now);
      uses.set(`${credential}\0${app.credentials.scope(provider, model)}`, now);
    },
    start(app) {
      if (interval <= 0) return;
      const watch: Watch = { stopped: new AbortController(), uses: new Map(), looks: new Map(), timer: undefined };
      watches.set(app, watch);
      void round(app, watch, () => true);
    },
    stop(app) {
      const watch = watches.get(app);
      watch?.stopped.abort();
      watch?.timer?.cancel();
    },
  };
}

/** Of two windows of one model the one that keeps it out for longer. */
function later(one: QuotaReading, other: QuotaReading): boolean {
  if (one.left <= 0 && other.left <= 0) return (one.resetAt ?? 0) > (other.resetAt ?? 0);
  return one.left < other.left;
}

/** For people: `gemini-2.5-pro: 85 % left, full at 2026-01-08T10:00:00.000Z`. */
export function quotaNote({ model, left, resetAt, window }: QuotaReading): string {
  const when = resetAt === undefined ? "" : `, full at ${new Date(resetAt).toISOString()}`;
  return `${model}${window === undefined ? "" : ` (${window})`}: ${Math.round(left * 100)} % left${when}`;
}
