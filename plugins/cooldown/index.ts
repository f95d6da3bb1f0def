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
import { type Effect, effects as usualEffects, WEEK } from "./effects.ts";
import { createStreaks, type Place } from "./streaks.ts";

export type { Effect as CooldownEffect };

export interface CooldownOptions {
  /** Replaces rows of the table; `undefined` takes one out. */
  readonly effects?: { readonly [Kind in ErrorKind]?: Effect | undefined };
  /** Milliseconds from now up to which a time the upstream names is believed. Default 7 days. */
  readonly most?: number;
  /** How many models of a key must rest long before the key rests. 0 = never. Default 3. */
  readonly models?: number;
}

/** A rest of one model that counts as long. */
const LONG = 120_000;
/** How long a key rests when several of its models do. */
const LOCK = 300_000;

/**
 * Rests are set by the outcome of attempts only; what is in a row starts again with a success and at 03:00 UTC. A client
 * that leaves and a request that is itself at fault let nothing rest.
 */
export function cooldown(options: CooldownOptions = {}): Plugin<readonly []> {
  const { most = WEEK, models = 3 } = options;
  const effects = { ...usualEffects, ...options.effects };
  const streaks = createStreaks();

  return definePlugin({
    name: "cooldown",
    hooks: {
      fail(error, attempt) {
        const effect = effects[error.kind];
        if (effect === undefined || error.scope === "request" || attempt.ctx.signal.aborted) return;
        const { credentials, runtime } = attempt.ctx.app;
        // Somebody has renewed the token since: the refusal of the old one says nothing any more.
        if (effect.refresh && credentials.get(attempt.credential.id) !== attempt.credential) return;

        const now = runtime.clock.now();
        streaks.turn(now);
        const target = targetOf(error.scope ?? effect.scope, attempt);
        const place = placeOf(target, attempt);
        const named = timeNamed(error, now, Math.min(effect.most ?? most, most));
        const isFinal = effect.steps[0] === Number.POSITIVE_INFINITY;
        const { until, first } =
          named !== undefined && !isFinal
            ? { until: named, first: true }
            : streaks.climb(place, effect.streak, {
                steps: effect.steps,
                jitter: effect.jitter ? runtime.random() : undefined,
                startedAt: attempt.startedAt,
                now,
              });
        if (until > now) credentials.rest(target, restOf(effect, error, attempt, { now, until }));
        if (effect.refresh && first && until !== Number.POSITIVE_INFINITY) {
          void refresh(attempt, () => {
            streaks.reopen(place, effect.streak, runtime.clock.now());
            credentials.wake(target);
          });
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
            },
          );
        }
      },
      record(outcome, { app, operation }) {
        // A counter of tokens has limits of its own: that it works says nothing about the key's answers.
        if (operation === "count-tokens") return;
        const attempt = outcome.answeredBy;
        if (outcome.end !== "complete" || attempt === undefined || attempt.error !== undefined) return;
        const { name } = attempt.provider;
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
  const what =
    error.upstream?.status ?? (attempt.status !== undefined && attempt.status >= 400 ? attempt.status : error.kind);
  const length = isFinal ? state : `${Math.ceil((until - now) / 1000)} s`;
  return { state, until, policy: "cooldown", reason: `${what}, ${length}`, kind: effect.drop };
}

/** In the background: the request goes on with the next key. */
async function refresh({ provider, credential, ctx }: Attempt, onFresh: () => void): Promise<void> {
  if (provider.refresh === undefined) return;
  try {
    await ctx.app.credentials.refresh(credential);
    onFresh();
  } catch (error) {
    ctx.log.warn(
      `The credential ${credential.label ?? credential.id} of ${provider.name} could not be refreshed:`,
      error,
    );
  }
}
