/** Lets what failed rest: the model of a key, the key or the provider, for as long as the failure deserves. */
import {
  type Attempt,
  definePlugin,
  type ErrorKind,
  type Plugin,
  type ProxyError,
  type Rest,
  type RestTarget,
} from "waygate";
import { type BreakerOptions, createBreaker, outages } from "./breaker.ts";
import { earlyTrials } from "./early.ts";
import { type Effect, effects as usualEffects, WEEK } from "./effects.ts";
import { createRenewals, wasRefused } from "./renewal.ts";
import { createStreaks, type Place } from "./streaks.ts";

export type { BreakerOptions, Effect as CooldownEffect };

export interface CooldownOptions {
  /** Replaces rows of the table; `undefined` takes one out. */
  readonly effects?: { readonly [Kind in ErrorKind]?: Effect | undefined };
  /** Milliseconds from now up to which a time is believed. Default 7 days, and 31 of a quota whose calendar a provider knows. */
  readonly most?: number;
  /**
   * False: what an upstream says to rest for more than an hour rests to the end. Default: every 30 to 60 minutes one
   * request tries it.
   */
  readonly tryEarly?: boolean;
  /** How many models of a key must rest long before the key rests. 0 = never. Default 3. */
  readonly models?: number;
  /** When a provider pauses as a whole because its own failures pile up. `false` = never. */
  readonly breaker?: false | BreakerOptions;
}

/** A rest of one model that counts as long. */
const LONG = 120_000;
/** How long a key rests when several of its models do. */
const LOCK = 300_000;
/** The row of failures of a provider as a whole. */
const OUTAGE = "transient";

/**
 * Rests are set by the outcome of attempts only; what is in a row starts again with a success and at 03:00 UTC. A client
 * that leaves and a request that is itself at fault let nothing rest.
 */
export function cooldown(options: CooldownOptions = {}): Plugin<readonly []> {
  const { most = Number.POSITIVE_INFINITY, models = 3, breaker: wanted = {}, tryEarly = true } = options;
  const effects = { ...usualEffects, ...options.effects };
  const streaks = createStreaks();
  const renewals = createRenewals();
  const breaker = createBreaker(wanted === false ? {} : wanted);
  const early = earlyTrials("cooldown");

  /** Answers at all, so it is not down: what a request was let through for to find out. */
  const alive = ({ provider, ctx }: Attempt): void => {
    const target = { provider: provider.name };
    if (ctx.app.credentials.restOf(target)?.state !== "half-open") return;
    ctx.app.credentials.wake(target);
    streaks.forget(provider.name, "", "");
    breaker.forget(provider.name, ctx.app.runtime.clock.now());
  };

  /** Pauses the provider when its failures pile up, and again when the one request that tried it has failed. */
  const noteOutage = (error: ProxyError, attempt: Attempt, now: number): void => {
    const { name } = attempt.provider;
    const { credentials, runtime } = attempt.ctx.app;
    // Whoever has begun to answer is there: what breaks off afterwards says something of that key and model.
    if (wanted === false || attempt.committed || breaker.isLate(attempt)) return;
    const target = { provider: name };
    const before = credentials.restOf(target);
    if (before !== undefined && before.state !== "half-open") return;
    const piled = breaker.failed(attempt, credentials.list(name).length, now);
    if (before === undefined && !piled) return;
    const { until } = streaks.climb({ owner: name, scope: "" }, OUTAGE, {
      steps: breaker.pauses,
      jitter: runtime.random(),
      startedAt: attempt.startedAt,
      now,
    });
    breaker.paused(name, until);
    const seconds = Math.ceil((until - now) / 1000);
    const reason = `${causeOf(error, attempt)} for several requests, ${seconds} s`;
    credentials.rest(target, { state: "cooling", until, policy: "cooldown", reason, kind: "failing", probe: true });
  };

  return definePlugin({
    name: "cooldown",
    setup({ snapshot }) {
      if (snapshot !== undefined) streaks.keep(snapshot);
    },
    ready(app) {
      if (tryEarly) early.start(app);
    },
    close: (app) => early.stop(app),
    hooks: {
      fail(error, attempt) {
        const effect = effects[error.kind];
        const { ruling } = error;
        if (attempt.ctx.signal.aborted) return;
        // With rests of its own it is about that model and key, and comes from somebody who is there.
        const isOutage = outages.has(error.kind) && error.rests === undefined;
        if (!isOutage && error.upstream && error.scope !== "provider") alive(attempt);
        // Asked again at once because a rule says so: nothing is known yet.
        if (error.scope === "request" || ruling?.then === "same") return;
        const { credentials, runtime } = attempt.ctx.app;
        const now = runtime.clock.now();
        if (ruling?.cooldown !== undefined) {
          const target = targetOf(error.scope ?? effect?.scope ?? "model", attempt);
          if (ruling.cooldown > 0)
            credentials.rest(target, restByRule(effect, error, attempt, now + Math.ceil(ruling.cooldown)));
          return;
        }
        if (effect === undefined) return;
        // Somebody has renewed the token since: the refusal of the old one says nothing any more.
        if (effect.refresh && credentials.get(attempt.credential.id) !== attempt.credential) {
          return attempt.committed || wasRefused(attempt) ? undefined : { then: "same" };
        }

        streaks.turn(now);
        const target = targetOf(error.scope ?? effect.scope, attempt);
        const place = placeOf(target, attempt);
        const isWhole = target.credential === undefined;
        if (isWhole && breaker.isLate(attempt)) return;
        const named = timeNamed(error, now, Math.min(effect.most ?? WEEK, most));
        const steps = error.rests ?? effect.steps;
        const isFinal = steps[0] === Number.POSITIVE_INFINITY;
        const { until, first } =
          named !== undefined && !isFinal
            ? { until: named, first: true }
            : streaks.climb(place, effect.streak, {
                steps,
                jitter: effect.jitter ? runtime.random() : undefined,
                startedAt: attempt.startedAt,
                now,
              });
        const probe = isWhole || (effect.probe === true && named === undefined);
        if (isOutage && !isWhole) noteOutage(error, attempt, now);
        if (until > now) {
          if (isWhole) breaker.paused(target.provider, until);
          const rest = { ...restOf(effect, error, attempt, { now, until }), ...(probe && { probe }) };
          credentials.rest(target, rest);
          if (tryEarly && !isWhole && named !== undefined) early.watch(attempt.ctx.app, target, rest);
        }
        // A little below, because a step may have been shortened by its jitter.
        const isLong = effect.blamesCredential && target.model !== undefined && until - now >= LONG * 0.9;
        if (isLong && models > 0 && streaks.countLong(place, until, now) >= models) {
          credentials.rest(
            { provider: target.provider, credential: attempt.credential.id },
            {
              state: "cooling",
              until: now + LOCK,
              policy: "cooldown",
              reason: `${models} models of this key fail, ${LOCK / 1000} s`,
              kind: "failing",
              probe: true,
            },
          );
        }
        if (!effect.refresh || attempt.provider.refresh === undefined) return;
        if (first && until !== Number.POSITIVE_INFINITY) {
          renewals.start(attempt, () => {
            streaks.reopen(place, effect.streak, runtime.clock.now());
            // A quota that was used up meanwhile stays so.
            if (credentials.restOf(target)?.kind === effect.drop) credentials.wake(target);
          });
        }
        return renewals.await(attempt);
      },
      record(outcome, { app, operation }) {
        // A counter of tokens has limits of its own: that it works says nothing about the key's answers.
        if (operation === "count-tokens") return;
        const attempt = outcome.answeredBy;
        if (outcome.end !== "complete" || attempt === undefined || attempt.error !== undefined) return;
        const { name } = attempt.provider;
        breaker.forget(name, app.runtime.clock.now());
        streaks.forget(name, attempt.credential.id, app.credentials.scope(name, attempt.model));
      },
    },
  });
}

function targetOf(scope: "model" | "credential" | "provider", { provider, credential, model }: Attempt): RestTarget {
  if (scope === "provider") return { provider: provider.name };
  return { provider: provider.name, credential: credential.id, ...(scope === "model" && { model }) };
}

function placeOf({ provider, credential, model }: RestTarget, { ctx }: Attempt): Place {
  return {
    owner: credential ?? provider,
    scope: model === undefined ? "" : ctx.app.credentials.scope(provider, model),
  };
}

/** The upstream's time, never later than `most` from now; `undefined` without one, or with one that has passed. */
function timeNamed({ retryAt }: ProxyError, now: number, most: number): number | undefined {
  return retryAt !== undefined && retryAt > now ? Math.min(retryAt, now + most) : undefined;
}

function restOf(
  effect: Effect,
  error: ProxyError,
  attempt: Attempt,
  { now, until }: { now: number; until: number },
): Rest {
  const isFinal = until === Number.POSITIVE_INFINITY;
  const state = isFinal ? (effect.finalState ?? effect.state) : effect.state;
  const length = isFinal ? state : `${Math.ceil((until - now) / 1000)} s`;
  return { state, until, policy: "cooldown", reason: `${causeOf(error, attempt)}, ${length}`, kind: effect.drop };
}

/** The status of the upstream, else what went wrong in one word. */
function causeOf(error: ProxyError, { status }: Attempt): string | number {
  return error.upstream?.status ?? (status !== undefined && status >= 400 ? status : error.kind);
}

/** The rest that a rule of `errors` names. Its end is known, so it is none that waits for a human. */
function restByRule(effect: Effect | undefined, error: ProxyError, attempt: Attempt, until: number): Rest {
  const waits = effect?.steps[0] === Number.POSITIVE_INFINITY;
  const seconds = Math.ceil((error.ruling?.cooldown ?? 0) / 1000);
  return {
    state: effect === undefined || waits ? "cooling" : effect.state,
    until,
    policy: "cooldown",
    reason: `${causeOf(error, attempt)}, errors[${error.ruling?.rule}], ${seconds} s`,
    kind: effect?.drop ?? "failing",
  };
}
