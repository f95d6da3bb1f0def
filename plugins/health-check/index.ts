/** Asks now and then whether keys that were given up work again. */
import { type App, definePlugin, normalizeId, type Plugin, providerNamed, ProxyError, type Timer } from "waygate";
import { createLine } from "./line.ts";
import { isSuspect, suspectsOf } from "./suspects.ts";

export interface HealthCheckRule {
  /** Milliseconds between two rounds. Default 6 h. */
  readonly every?: number;
  /** Share of `every` by which a round may be earlier or later. Default 0.25. */
  readonly jitter?: number;
  /**
   * `list`: a key is asked for its models; `completion`: for one token of an answer. Default: the list, where the provider
   * has one and it is not about money.
   */
  readonly probe?: "list" | "completion";
  /** The model for a completion. Default: the first that the provider lists. */
  readonly model?: string;
}

export interface HealthCheckOptions extends HealthCheckRule {
  /** What differs for a provider; `false` = its keys are never asked about. */
  readonly providers?: { readonly [provider: string]: false | HealthCheckRule };
}

const HOUR = 3_600_000;
/** A probe that takes longer has failed. */
const LIMIT = 10_000;
/** After a round in which the network failed the next one comes sooner, so often at most. */
const SOON = 60_000;
const SOONER = 3;

/**
 * Every round asks each such key once; an answer wakes it. Tried are keys that were refused or have no credit, and those
 * that rest for long because they failed. A limit or a quota is left to end by itself, and accounts that are banned or
 * were disabled by somebody are left alone. No two probes of one proxy are closer than 3 s.
 */
export function healthCheck({ providers = {}, ...usual }: HealthCheckOptions = {}): Plugin<readonly []> {
  const closing = new AbortController();
  const timers = new Map<string, Timer>();
  const line = createLine();

  const watch = (app: App, provider: string, rule: HealthCheckRule): void => {
    const { every = 6 * HOUR, jitter = 0.25 } = rule;
    const { clock } = app.runtime;
    let sooner = 0;
    const plan = (isOffline: boolean): void => {
      if (closing.signal.aborted) return;
      sooner = isOffline ? sooner + 1 : 0;
      const usualWait = every * (1 + jitter * (2 * app.runtime.random() - 1));
      const wait = sooner > 0 && sooner <= SOONER ? Math.min(SOON, usualWait) : usualWait;
      if (sooner > SOONER) sooner = 0;
      const begin = (): void => {
        round(app, provider, rule)
          .catch((error: unknown) => {
            app.log.error("health-check: a round failed:", error);
            return false;
          })
          .then(plan);
      };
      timers.set(provider, clock.timer(begin, wait));
    };
    plan(false);
  };

  /** True when the network failed, so that nothing was found out. */
  const round = async (app: App, provider: string, rule: HealthCheckRule): Promise<boolean> => {
    const log = app.log.withTag("health-check");
    let isOffline = false;
    for (const id of suspectsOf(app, provider)) {
      await line.turn(app.runtime.clock, closing.signal);
      if (closing.signal.aborted) return false;
      const credential = app.credentials.get(id);
      // It may have come back, been tried or been taken out while others were asked.
      if (credential === undefined || !isSuspect(app, provider, id)) continue;
      const name = `${credential.provider} ${credential.label ?? id}`;
      try {
        const { by } = await withLimit(app, (signal) =>
          app.credentials.probe(credential, { by: rule.probe, model: rule.model, signal }),
        );
        log.info(`${name} answers again${by === "completion" ? ", to one token" : ""}.`);
      } catch (error) {
        isOffline ||= ProxyError.is(error) && error.kind === "network";
        log.debug(`${name} still fails:`, error);
      }
    }
    return isOffline;
  };

  const withLimit = async <T>(app: App, ask: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const limit = new AbortController();
    const timer = app.runtime.clock.timer(() => limit.abort(new Error(`no answer within ${LIMIT} ms`)), LIMIT);
    try {
      return await ask(AbortSignal.any([closing.signal, limit.signal]));
    } finally {
      timer.cancel();
    }
  };

  return definePlugin({
    name: "health-check",
    setup(app) {
      for (const name of Object.keys(providers)) providerNamed(name, app.providers, ["healthCheck", "providers", name]);
    },
    ready(app) {
      for (const { name } of app.providers) {
        const own = ruleOf(providers, name);
        if (own !== false) watch(app, name, { ...usual, ...own });
      }
    },
    close() {
      closing.abort();
      for (const timer of timers.values()) timer.cancel();
    },
  });
}

function ruleOf(rules: NonNullable<HealthCheckOptions["providers"]>, name: string): false | HealthCheckRule {
  const found = Object.entries(rules).find(([id]) => normalizeId(id) === normalizeId(name));
  return found?.[1] ?? {};
}
