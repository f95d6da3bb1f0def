/** Why nothing could (any longer) be asked, as an error the client can use: what was tried, why, and until when. */
import { ProxyError, withError } from "../failure/error.ts";
import { errorTable, statusOf } from "../failure/table.ts";
import type { Pool } from "../candidates/pool.ts";
import type { Attempt, DropKind, Target } from "../plugin/context.ts";
import type { RequestState } from "./context.ts";
import { kindOfAttempt, rows, skippedCandidates } from "./tried.ts";

/** No candidate is left: all rest, are busy, were dropped or have been tried. */
export function exhausted(state: RequestState, pool: Pool, targets: readonly Target[]): ProxyError {
  const last = state.attempts.at(-1);
  const skipped = skippedCandidates(state, pool, targets);
  // What cannot do this at all is no shortage, and does not come back.
  const short = skipped.map((each) => each.kind).filter((kind) => kind !== "filtered");
  const kinds = new Set<DropKind>([...short, ...state.attempts.map(kindOfAttempt)]);
  // Whoever stood behind others has perhaps never seen for what.
  if (kinds.size === 0 && state.waited) kinds.add("busy");
  const now = state.ctx.app.runtime.clock.now();
  // What failed and does not rest may be asked again at once: then there is no time to name.
  const earliest = Math.min(
    ...skipped.map((each) => each.until),
    ...state.attempts.map((attempt) => pool.resting(attempt.candidate)?.until ?? attempt.error?.retryAt ?? now),
  );
  const retryAt = earliest > now && Number.isFinite(earliest) ? earliest : undefined;
  const details = { attempts: rows(state, skipped) };
  const model = JSON.stringify(state.ctx.model.slice(0, 200));

  if (state.turnedAway && state.attempts.length === 0) {
    return new ProxyError({
      kind: "no_candidate",
      status: 429,
      code: "queue_full",
      message: `Every key for ${model} is busy or at a limit, and ${state.ctx.app.config.retry.queueSize} requests wait already.${comeBack(retryAt, now)} retry.queueSize lets more wait.`,
      retryAt: retryAt ?? now + 1000,
      details,
    });
  }
  const limits = [...kinds].filter((kind) => kind === "rate_limited" || kind === "quota_exhausted").length;
  const limited = limits > 0 && limits === kinds.size - (kinds.has("busy") ? 1 : 0);
  if (limited) {
    const quota = !kinds.has("rate_limited");
    return new ProxyError({
      kind: "no_candidate",
      status: 429,
      code: quota ? "quota_exceeded" : "rate_limit_exceeded",
      message: `Every key for ${model} ${kinds.has("busy") ? "is busy or " : ""}has reached a limit.${comeBack(retryAt, now)}`,
      retryAt: retryAt ?? now + 10_000,
      details,
    });
  }
  if (kinds.size > 0 && [...kinds].every((kind) => kind === "busy")) {
    return new ProxyError({
      kind: "no_candidate",
      status: 429,
      code: "queue_full",
      message: `Every key for ${model} is busy, and none became free within retry.queueWait. Try again soon, or raise the concurrency limit.`,
      retryAt: now + 1000,
      details,
    });
  }
  // A failure of the upstream is reported as that; only keys that cannot be used at all are "all exhausted".
  if (last?.error && kindOfAttempt(last) !== "dead") return usedUp(state, last, details, retryAt);
  const none = skipped.length === 0 && state.attempts.length === 0;
  return new ProxyError({
    kind: "no_candidate",
    status: 503,
    code: "all_credentials_exhausted",
    message: none
      ? `${namesOf(targets)} has no key yet, so ${model} cannot be asked. Add one to the config or to .env.`
      : `No key for ${model} can be used now.${comeBack(retryAt, now)} GET /health shows the states of the keys.`,
    retryAt: retryAt ?? now + 30_000,
    details,
  });
}

/** The attempts are used up, or the last failure is final: the last upstream status, as `upstream_error`. */
export function usedUp(
  state: RequestState,
  last: Attempt,
  details: { readonly [key: string]: unknown } = { attempts: rows(state, []) },
  retryAt?: number,
): ProxyError {
  const error = last.error!;
  const row = errorTable[error.kind];
  const request = (error.scope ?? row.scope) === "request";
  return withError(error, {
    // The status of the upstream is kept; our client's own key is not at fault when the upstream refuses ours.
    status: statusOf(error),
    code: request ? error.code : "upstream_error",
    retryAt: retryAt ?? error.retryAt,
    details: { ...error.details, ...details },
  });
}

/** `retry.deadline` has passed: no attempt begins any more. */
export function overdue({ ctx, startedAt }: RequestState): boolean {
  return ctx.app.runtime.clock.now() - startedAt >= ctx.app.config.retry.deadline;
}

/** What was tried stays in the details; the failure itself is now that it took too long. */
export function pastDeadline(state: RequestState): ProxyError {
  const { deadline } = state.ctx.app.config.retry;
  return new ProxyError({
    kind: "deadline",
    message: `No answer began within retry.deadline of ${deadline} ms.`,
    details: { attempts: rows(state, []) },
    cause: state.attempts.at(-1)?.error,
  });
}

export function clientGone(): ProxyError {
  return new ProxyError({ kind: "aborted", message: "The client has closed the connection." });
}

function comeBack(retryAt: number | undefined, now: number): string {
  return retryAt === undefined ? "" : ` The first one is back in ${Math.ceil((retryAt - now) / 1000)} s.`;
}

function namesOf(targets: readonly Target[]): string {
  return [...new Set(targets.map((target) => target.provider.name))].join(", ") || "No provider";
}
