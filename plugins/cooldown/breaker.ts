/** When a provider as a whole is to pause: its own failures pile up, whichever key asks. */
import type { Attempt, ErrorKind } from "waygate";

export interface BreakerOptions {
  /** Failures since the last success that pause the provider. Default 4. */
  readonly failures?: number;
  /** Milliseconds after which a failure counts no more. Default 60 s. */
  readonly within?: number;
  /** Milliseconds of the first pause, the next after another failure and so on; the last one stays. Default 5, 10, 20 s. */
  readonly pauses?: readonly number[];
}

export interface Breaker {
  readonly pauses: readonly number[];
  /** Takes note of a failure and says whether the provider is to pause. `keys`: how many it has. */
  failed(attempt: Attempt, keys: number, now: number): boolean;
  /** The provider pauses until then. */
  paused(provider: string, until: number): void;
  /** True for an attempt from before the end of the last pause: it says nothing of how the provider is now. */
  isLate(attempt: Attempt): boolean;
  /** The provider has answered. */
  forget(provider: string, now: number): void;
}

/** Failures that no key is to blame for. */
export const outages: ReadonlySet<ErrorKind> = new Set(["upstream", "overloaded", "timeout", "network"]);

/** Keys that must have failed, and of a provider with fewer so many of its models and keys. */
const PLACES = 3;
/** One request may be what an upstream cannot stand. */
const REQUESTS = 2;
/**
 * Milliseconds that a provider must not have answered. Of a hundred requests at once the few that fail may well end one
 * after the other, between two answers.
 */
const SILENT = 1000;
/** Failures remembered per provider. */
const KEPT = 64;

interface Failure {
  readonly at: number;
  readonly key: string;
  readonly place: string;
  readonly request: object;
}

export function createBreaker(options: BreakerOptions = {}): Breaker {
  const { failures: most = 4, within = 60_000, pauses = [5000, 10_000, 20_000] } = options;
  const failing = new Map<string, Failure[]>();
  const ends = new Map<string, number>();
  const answers = new Map<string, number>();

  return {
    pauses,
    failed({ provider, credential, model, ctx }, keys, now) {
      const recent = (failing.get(provider.name) ?? []).filter(({ at }) => at > now - within).slice(1 - KEPT);
      recent.push({ at: now, key: credential.id, place: `${credential.id}\0${model}`, request: ctx });
      failing.set(provider.name, recent);
      const silence = now - (answers.get(provider.name) ?? Number.NEGATIVE_INFINITY);
      if (recent.length < most || (silence >= 0 && silence < SILENT)) return false;
      const different = (of: keyof Failure): number => new Set(recent.map((each) => each[of])).size;
      const places = Math.max(2, Math.min(PLACES, keys));
      return (
        different("place") >= places && different("key") >= Math.min(PLACES, keys) && different("request") >= REQUESTS
      );
    },
    paused: (provider, until) => void ends.set(provider, until),
    isLate: ({ provider, startedAt }) => startedAt < (ends.get(provider.name) ?? Number.NEGATIVE_INFINITY),
    forget(provider, now) {
      answers.set(provider, now);
      failing.delete(provider);
      ends.delete(provider);
    },
  };
}
