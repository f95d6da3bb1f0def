/** What was tried and what was skipped, for the client: who, why, and until when. */
import type { Pool } from "../candidates/pool.ts";
import type { Attempt, Candidate, DropKind, Target } from "../plugin/context.ts";
import type { RequestState } from "./context.ts";

/** Rows in an error at most. */
const SHOWN = 20;

/** One entry of `error.details.attempts`. */
export interface Row {
  readonly provider: string;
  readonly model?: string;
  readonly key?: string;
  readonly status?: number | null;
  readonly reason: string;
  readonly retry_at?: string;
}

/** A candidate, or a whole provider, that was not asked. */
export interface Skipped {
  readonly candidate?: Candidate;
  readonly provider: string;
  readonly reason: string;
  readonly kind: DropKind;
  readonly until: number;
}

/** Everything the targets have that was not tried, with the reason that holds now. */
export function skippedCandidates(state: RequestState, pool: Pool, targets: readonly Target[]): Skipped[] {
  const found = new Map<string, Skipped>();
  const tried = new Set(state.attempts.map((attempt) => placeOf(attempt.candidate)));
  for (const decision of state.decisions) {
    const { candidate } = decision;
    if (decision.action !== "drop" || tried.has(placeOf(candidate))) continue;
    found.set(placeOf(candidate), {
      candidate,
      provider: candidate.provider.name,
      reason: `${decision.policy}: ${decision.reason}`,
      kind: decision.kind ?? "other",
      until: decision.until ?? Number.POSITIVE_INFINITY,
    });
  }
  // A rest is later news than a decision: it holds now.
  for (const target of targets) {
    const whole = pool.closed(target);
    if (whole) {
      found.set(target.provider.name, { provider: target.provider.name, ...whole });
      continue;
    }
    for (const candidate of pool.ring(target).resting(SHOWN)) {
      const rest = pool.resting(candidate);
      if (!rest || tried.has(placeOf(candidate))) continue;
      found.set(placeOf(candidate), { candidate, provider: target.provider.name, ...rest });
    }
  }
  return [...found.values()];
}

/** Candidates are made anew when keys change, so the object does not tell whether it is the same one. */
function placeOf({ provider, model, credential }: Candidate): string {
  return `${provider.name}/${model}\0${credential.id}`;
}

/** The shortage that a failed attempt is a sign of. */
export function kindOfAttempt(attempt: Attempt): DropKind {
  switch (attempt.error?.kind) {
    case "rate_limited":
      return "rate_limited";
    case "quota_exhausted":
      return "quota_exhausted";
    case "no_credit":
      // Where the upstream itself speaks of a quota, so does the answer.
      return attempt.status === 429 ? "quota_exhausted" : "dead";
    case "credential_invalid":
    case "banned":
      return "dead";
    default:
      return "failing";
  }
}

/** Callers who are not admin see provider and reason only. */
export function rows(state: RequestState, skipped: readonly Skipped[]): Row[] {
  const admin = state.principal?.admin === true;
  const now = state.ctx.app.runtime.clock.now();
  const time = (at: number | undefined): { retry_at?: string } =>
    at !== undefined && at > now && Number.isFinite(at) ? { retry_at: new Date(at).toISOString() } : {};
  const tried = state.attempts.map((attempt): Row => {
    const reason = attempt.error?.kind ?? "none";
    if (!admin) return { provider: attempt.provider.name, reason };
    const { credential } = attempt;
    return {
      provider: attempt.provider.name,
      model: attempt.model,
      key: credential.label ?? credential.masked ?? credential.id,
      status: attempt.status ?? null,
      reason,
      ...time(attempt.error?.retryAt),
    };
  });
  const left = skipped.map((each): Row => {
    if (!admin || !each.candidate) return { provider: each.provider, reason: each.kind };
    const { credential, model } = each.candidate;
    const key = credential.label ?? credential.masked ?? credential.id;
    return { provider: each.provider, model, key, status: null, reason: each.reason, ...time(each.until) };
  });
  return [...tried, ...left].slice(0, SHOWN);
}
