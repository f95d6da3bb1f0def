/** What follows a failed attempt: the defaults, what a `fail` hook may change, and which candidates are barred. */
import type { ProxyError } from "../failure/error.ts";
import { errorTable } from "../failure/table.ts";
import type { Candidate } from "../plugin/context.ts";
import type { Verdict } from "../plugin/hooks.ts";
import type { RunningAttempt } from "./attempt.ts";
import type { RequestState } from "./context.ts";
import { isEmpty } from "./empty.ts";
import { applies, type CompiledHooks, callHook, isPromise } from "./hooks.ts";
import { pauseFor } from "./own-rules.ts";

/** Milliseconds before the same credential is asked again after a 5xx; half of it is chance. */
const SAME_AGAIN = 200;

/** Tells every `fail` hook; a rule of `errors` wins, then the first verdict. Their own failures are logged, the default then applies. */
export async function askFail(
  state: RequestState,
  hooks: CompiledHooks,
  error: ProxyError,
  attempt: RunningAttempt,
): Promise<Verdict | undefined> {
  let verdict: Verdict | undefined;
  for (const hook of hooks.fail) {
    try {
      if (!applies(hook, state.ctx)) continue;
      const pending = callHook(state.ctx.app.runtime.tracer, hook, () => hook.handler(error, attempt));
      // Synchronous hooks are through before this returns, so what they let rest rests before anything else runs.
      const said = isPromise(pending) ? await pending : pending;
      verdict ??= (said as Verdict | undefined) ?? undefined;
    } catch (failure) {
      state.ctx.log.error("A fail hook failed:", failure);
    }
  }
  // The user's own rules come first, and hooks that let something rest have to be told all the same.
  const own = error.ruling?.then;
  if (own === undefined) return verdict;
  return own === "same" ? { then: own, after: pauseFor(error, attempt) } : { then: own };
}

/** What a failure keeps a request from. */
export type Bars = "candidate" | "credential" | "model" | "provider";

/** Candidates this request will not go to (again), as failures add to them. */
export interface Barred {
  readonly has: (candidate: Candidate) => boolean;
  candidate(candidate: Candidate): void;
  /** Not with another model either: what is wrong is the key. */
  credential(candidate: Candidate): void;
  /** No other credential of this (provider, model) either. */
  model(candidate: Candidate): void;
  /** No other account of this provider. */
  provider(candidate: Candidate): void;
}

/** `accepts` says who may be asked at all. */
export function createBarred(accepts?: (candidate: Candidate) => boolean): Barred {
  // One set for all, with a mark for the kind: most requests never put anything in.
  const barred = new Set<string>();
  const modelKey = (candidate: Candidate): string => `${candidate.provider.name}/${candidate.model}`;
  return {
    has: (candidate) =>
      accepts?.(candidate) === false ||
      (barred.size > 0 &&
        (barred.has(`p${candidate.provider.name}`) ||
          barred.has(`m${modelKey(candidate)}`) ||
          barred.has(`k${candidate.credential.id}`) ||
          barred.has(`c${modelKey(candidate)}\0${candidate.credential.id}`))),
    candidate: (candidate) => void barred.add(`c${modelKey(candidate)}\0${candidate.credential.id}`),
    credential: (candidate) => void barred.add(`k${candidate.credential.id}`),
    model: (candidate) => void barred.add(`m${modelKey(candidate)}`),
    provider: (candidate) => void barred.add(`p${candidate.provider.name}`),
  };
}

/** The default of contract 3.3 and 3.4. `sameUsed`: how often this candidate has been tried again already. */
export function defaultVerdict(
  error: ProxyError,
  state: RequestState,
  sameUsed: number,
): Verdict & { readonly bars: Bars } {
  const row = errorTable[error.kind];
  const scope = error.scope ?? row.scope;
  const { retry } = state.ctx.app.config;
  if (row.skipProvider) return { then: "next", bars: "provider" };
  if (row.nextTarget) {
    return { then: state.ctx.app.models.isAlias(state.ctx.model) ? "next" : "stop", bars: "model" };
  }
  if (isEmpty(error)) return { then: "next", bars: "candidate" };
  if (scope === "request" || row.retry === "stop") return { then: "stop", bars: "model" };
  if (sameUsed < retry.sameCredential) {
    if (error.reset) return { then: "same", bars: "candidate" };
    const status = error.upstream?.status ?? 0;
    if ((error.kind === "upstream" || error.kind === "overloaded") && status >= 500 && error.retryAt === undefined) {
      const after = Math.min(retry.shortWait, SAME_AGAIN * (0.5 + state.ctx.app.runtime.random() / 2));
      return { then: "same", after, bars: "candidate" };
    }
  }
  return { then: "next", bars: scope === "provider" || scope === "credential" ? scope : "candidate" };
}
