/** Asks now and then whether keys that were given up work again. */
import { type App, type Credential, definePlugin, type Plugin, type Rest, type RestTarget, type Timer } from "waygate";
import { pause } from "./pause.ts";

export interface HealthCheckOptions {
  /** Milliseconds between two rounds. Default 6 h. */
  readonly every?: number;
  /** Share of `every` by which a round may be earlier or later. Default 0.25. */
  readonly jitter?: number;
}

const HOUR = 3_600_000;
/** A rest must have this long to go before somebody asks. */
const LONG = HOUR / 6;
/** A probe that takes longer has failed. */
const LIMIT = 10_000;
/** Between two probes, so that many dead keys do not look like an attack. */
const BREAK = 3000;

type RestingTarget = { readonly target: RestTarget; readonly rest: Rest };

/**
 * Every round asks each such key once for its models, through the provider's `discover`; an answer wakes it. Tried are
 * keys that were refused or have no credit, and those that rest for long because they failed. A limit or a quota is
 * left to end by itself, because a list of models says nothing about it, and a banned account is left alone.
 */
export function healthCheck({ every = 6 * HOUR, jitter = 0.25 }: HealthCheckOptions = {}): Plugin<readonly []> {
  const closing = new AbortController();
  let timer: Timer | undefined;

  return definePlugin({
    name: "health-check",
    ready(app) {
      const { runtime } = app;
      const plan = (): void => {
        if (closing.signal.aborted) return;
        const wait = every * (1 + jitter * (2 * runtime.random() - 1));
        timer = runtime.clock.timer(() => {
          void round(app, closing.signal)
            .catch((error: unknown) => app.log.error("health-check: a round failed:", error))
            .then(plan);
        }, wait);
      };
      plan();
    },
    close() {
      closing.abort();
      timer?.cancel();
    },
  });
}

async function round(app: App, signal: AbortSignal): Promise<void> {
  const { clock } = app.runtime;
  const log = app.log.withTag("health-check");
  let isFirst = true;
  for (const [id, resting] of suspects(app)) {
    if (!isFirst) await pause(clock, BREAK, signal);
    if (signal.aborted) return;
    isFirst = false;
    const credential = app.credentials.get(id);
    if (credential === undefined) continue;
    const name = `${credential.provider} ${credential.label ?? id}`;
    try {
      const models = await probe(app, credential, signal);
      for (const { target } of resting) {
        if (target.model === undefined || models.includes(target.model)) app.credentials.wake(target);
      }
      log.info(`${name} answers again.`);
    } catch (error) {
      log.debug(`${name} still fails:`, error);
    }
  }
}

/** What rests and may be woken, by credential. */
function suspects(app: App): ReadonlyMap<string, readonly RestingTarget[]> {
  const soon = app.runtime.clock.now() + LONG;
  const asked = new Set(app.providers.filter((provider) => provider.discover).map((provider) => provider.name));
  const candidates = app.credentials
    .rests()
    .filter(
      ({ target, rest }) => asked.has(target.provider) && target.credential !== undefined && mayHaveEnded(rest, soon),
    );
  return Map.groupBy(candidates, ({ target }) => target.credential ?? "");
}

function mayHaveEnded({ state, until, kind }: Rest, soon: number): boolean {
  if (state === "invalid" || state === "no-credit") return true;
  return state === "cooling" && until > soon && kind !== "rate_limited" && kind !== "quota_exhausted";
}

async function probe(app: App, credential: Credential, closing: AbortSignal): Promise<readonly string[]> {
  const limit = new AbortController();
  const timer = app.runtime.clock.timer(() => limit.abort(new Error(`no answer within ${LIMIT} ms`)), LIMIT);
  const provider = app.providers.find(({ name }) => name === credential.provider);
  try {
    return (await provider?.discover?.(credential, AbortSignal.any([closing, limit.signal]))) ?? [];
  } finally {
    timer.cancel();
  }
}
