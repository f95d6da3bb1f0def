/**
 * The loop of contract 3.3: choose, call, and after a failure before commit choose again. It is the core's alone; a
 * plugin gives a verdict and never loops by itself.
 */
import type { Pool } from "../candidates/pool.ts";
import type { Placed } from "../candidates/in-flight.ts";
import { ProxyError } from "../failure/error.ts";
import { discard } from "../transport/response.ts";
import type { Candidate, Target } from "../plugin/context.ts";
import type { Answer, OnEnd } from "./answer.ts";
import { RunningAttempt } from "./attempt.ts";
import type { RequestState } from "./context.ts";
import { receive } from "./exchange.ts";
import { forwardWire } from "./forward/accept.ts";
import type { CompiledHooks } from "./hooks.ts";
import { clientGone, exhausted, overdue, pastDeadline, usedUp } from "./refusal.ts";
import { createSelector } from "./select.ts";
import { abortedBy, forwardedHeaders, protocolOf, sendAttempt, timeoutsOf } from "./send.ts";
import { outgoing } from "./side/outgoing.ts";
import { isUnsupported } from "./translate.ts";
import { askFail, createBarred, defaultVerdict } from "./verdict.ts";
import { pause, storm, waitForPlace } from "./waiting.ts";

export interface LoopResult {
  readonly answer: Answer;
  readonly attempt: RunningAttempt;
  /** The candidate that would have been asked first. */
  readonly preferred: Candidate | undefined;
}

export interface LoopInit {
  readonly state: RequestState;
  readonly pool: Pool;
  readonly hooks: CompiledHooks;
  readonly targets: readonly Target[];
  /** Called when the answer of the attempt has ended. */
  readonly onEnd: (attempt: RunningAttempt, ...end: Parameters<OnEnd>) => void;
}

export async function runLoop({ state, pool, hooks, targets, onEnd }: LoopInit): Promise<LoopResult> {
  const { ctx } = state;
  const { retry } = ctx.app.config;
  const { clock } = ctx.app.runtime;
  const selector = createSelector(state, pool, hooks.selectKey);
  const barred = createBarred();
  let preferred: Candidate | undefined;
  let pinned: Candidate | undefined;
  /** Why an upstream cannot be asked for this at all. */
  let unfit: ProxyError | undefined;
  let sameUsed = 0;

  for (;;) {
    if (state.cancellation.aborted) throw clientGone();
    const last = state.attempts.at(-1);
    if (last && state.attempts.length >= retry.attempts) throw usedUp(state, last);
    if (overdue(state)) throw pastDeadline(state);

    const placed = (pinned && (await again(pinned))) ?? (await choose());
    if (state.cancellation.aborted) {
      placed?.lease.release();
      throw clientGone();
    }
    if (!placed && unfit && state.attempts.length === 0) throw unfit;
    if (!placed) throw overdue(state) ? pastDeadline(state) : exhausted(state, pool, targets);
    const calm = storm(state);
    if (calm > 0) {
      placed.lease.release();
      await pause(state, calm);
      continue;
    }
    pinned = undefined;

    let attempt: RunningAttempt;
    try {
      attempt = start(state, placed);
    } catch (error) {
      if (!isUnsupported(error)) throw error;
      unfit ??= error;
      barred.model(placed.candidate);
      continue;
    }
    try {
      const answer = await call(attempt);
      return { answer, attempt, preferred };
    } catch (thrown) {
      const error = asError(thrown, attempt);
      attempt.error = error;
      attempt.endedAt = clock.now();
      attempt.cancel(error);
      const gone = state.cancellation.aborted || error.kind === "aborted";
      // The hooks hear of it first: whoever waits for this place must not get a key that is about to rest.
      const telling = gone ? undefined : askFail(state, hooks, error, attempt);
      const settled = attempt.settle();
      if (settled) await settled;
      if (gone) throw clientGone();

      const said = await telling;
      const byDefault = defaultVerdict(error, state, sameUsed);
      const verdict = said ?? byDefault;
      // A form of which a part was sent and not kept cannot be sent to anybody else.
      if (verdict.then === "stop" || state.upload?.repeatable === false) throw usedUp(state, attempt);
      let wait = verdict.after ?? 0;
      if (verdict.then === "same") pinned = attempt.candidate;
      else {
        barred[byDefault.bars](attempt.candidate);
        // A short wait for the same credential beats failing, but only where no other can be asked.
        const back = Math.max(pool.resting(attempt.candidate)?.until ?? 0, error.retryAt ?? 0) - clock.now();
        const may =
          !said && back > 0 && back <= retry.shortWait && sameUsed < retry.sameCredential && error.kind !== "timeout";
        if (may && (await noneFree())) {
          pinned = attempt.candidate;
          wait = back;
        }
      }
      sameUsed = pinned ? sameUsed + 1 : 0;
      if (wait > 0) await pause(state, wait);
    }
  }

  /** The same candidate once more, unless it has been taken out of rotation or let rest meanwhile. */
  async function again(candidate: Candidate): Promise<Placed | undefined> {
    const until = Math.min(clock.now() + retry.queueWait, state.startedAt + retry.deadline);
    const placed = await waitForPlace(state, pool, [candidate], until);
    if (typeof placed === "object") return placed;
    barred.candidate(candidate);
    pinned = undefined;
    sameUsed = 0;
    return undefined;
  }

  async function choose(): Promise<Placed | undefined> {
    const until = Math.min(clock.now() + retry.queueWait, state.startedAt + retry.deadline);
    for (;;) {
      const choice = await selector.next(targets, barred.has);
      preferred ??= choice.preferred;
      if (choice.placed || choice.busy.length === 0) return choice.placed;
      const placed = await waitForPlace(state, pool, choice.busy, until);
      if (placed !== "gone") return placed === "cancelled" ? undefined : placed;
    }
  }

  async function noneFree(): Promise<boolean> {
    const choice = await selector.next(targets, barred.has);
    choice.placed?.lease.release();
    return choice.placed === undefined && choice.busy.length === 0;
  }

  async function call(attempt: RunningAttempt): Promise<Answer> {
    const response = await sendAttempt(state, hooks, attempt);
    try {
      return await receive(state, hooks, attempt, response, (end, bytes) => onEnd(attempt, end, bytes));
    } catch (error) {
      discard(response);
      throw error;
    }
  }
}

function start(state: RequestState, { candidate, lease }: Placed): RunningAttempt {
  try {
    const { forward, ctx } = state;
    if (forward) {
      const wire = forwardWire(state, forward, candidate);
      const timeouts = timeoutsOf(state, candidate);
      return new RunningAttempt(state, { candidate, protocol: ctx.protocol, lease, timeouts, wire });
    }
    const protocol = protocolOf(state, candidate);
    const { body, toolNames, operation } = outgoing(state, candidate, protocol);
    return new RunningAttempt(state, {
      candidate,
      protocol,
      lease,
      timeouts: timeoutsOf(state, candidate),
      wire: {
        url: protocol.path(candidate.model, state.stream, operation),
        method: "POST",
        headers: forwardedHeaders(state, protocol),
        body,
      },
      toolNames,
    });
  } catch (error) {
    lease.release();
    throw error;
  }
}

/** What was thrown inside an attempt as the failure of it. */
export function asError(thrown: unknown, attempt: RunningAttempt): ProxyError {
  if (attempt.expired) return attempt.expired;
  if (ProxyError.is(thrown))
    return thrown.kind === "aborted" && attempt.cancellation.aborted ? abortedBy(attempt) : thrown;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return new ProxyError({
    kind: "internal",
    scope: "request",
    message: `[${attempt.provider.name}] call: ${text}`,
    cause: thrown,
  });
}
