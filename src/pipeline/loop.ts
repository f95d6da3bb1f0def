/**
 * The loop of contract 3.3: choose, call, and after a failure before commit choose again. It is the core's alone; a
 * plugin gives a verdict and never loops by itself.
 */
import type { Pool } from "../candidates/pool.ts";
import type { Placed } from "../candidates/in-flight.ts";
import type { ProxyError } from "../failure/error.ts";
import { discard } from "../transport/response.ts";
import type { Candidate, Target } from "../plugin/context.ts";
import type { Answer, OnEnd } from "./answer.ts";
import type { RunningAttempt } from "./attempt.ts";
import { createChooser } from "./chooser.ts";
import type { RequestState } from "./context.ts";
import { isEmpty } from "./empty.ts";
import { receive } from "./exchange.ts";
import { giveBack, settleWith } from "./gates.ts";
import { race } from "./hedge.ts";
import { type CompiledHooks, isPromise } from "./hooks.ts";
import { clientGone, exhausted, overdue, pastDeadline, usedUp } from "./refusal.ts";
import { sendAttempt } from "./send.ts";
import { failedWithoutAnswer } from "./own-rules.ts";
import { asError, start } from "./start.ts";
import { isUnsupported } from "./translate.ts";
import { askFail, type Bars, createBarred, defaultVerdict } from "./verdict.ts";
import { pause, storm } from "./waiting.ts";

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
  /** Who may be asked; absent = all. */
  readonly accepts?: (candidate: Candidate) => boolean;
  /** Called when the answer of the attempt has ended. */
  readonly onEnd: (attempt: RunningAttempt, ...end: Parameters<OnEnd>) => void;
}

export async function runLoop({ state, pool, hooks, targets, accepts, onEnd }: LoopInit): Promise<LoopResult> {
  const { ctx } = state;
  const { retry } = ctx.app.config;
  const { clock } = ctx.app.runtime;
  const barred = createBarred(accepts);
  const chooser = createChooser({ state, pool, policies: hooks.selectKey, targets, barred });
  /** To be asked once more, and what is barred when another one is asked in its place. */
  let pinned: { readonly candidate: Candidate; readonly bars: Bars } | undefined;
  /** One of two that were asked side by side whose failure is final, whatever the other one does. */
  let beside: Promise<RunningAttempt | undefined> | undefined;
  /** Why an upstream cannot be asked for this at all. */
  let unfit: ProxyError | undefined;
  let sameUsed = 0;

  try {
    for (;;) {
      if (state.cancellation.aborted) throw clientGone();
      const last = state.attempts.at(-1);
      if (last && state.attempts.length >= retry.attempts) throw usedUp(state, last);
      if (overdue(state)) throw pastDeadline(state);

      const placed = again() ?? (await chooser.choose());
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
      const passing = chooser.pass(placed);
      const chosen = isPromise(passing) ? await passing : passing;
      if (!chosen) continue;
      if (pinned && !isSame(pinned.candidate, chosen.candidate)) unpin(pinned);
      pinned = undefined;

      let attempt: RunningAttempt;
      try {
        attempt = start(state, chosen);
        settleWith(state, attempt, chosen.grants);
      } catch (error) {
        giveBack(state, chosen.grants);
        if (!isUnsupported(error)) throw error;
        unfit ??= error;
        barred.model(chosen.candidate);
        continue;
      }
      try {
        const answer = await race({
          state,
          first: attempt,
          call,
          another: () => second(chosen.candidate),
          lead: (leading) => void (attempt = leading),
          failed: failedBeside,
          onEnd,
        });
        pool.answered(attempt.candidate, attempt.startedAt);
        return { answer, attempt, preferred: chooser.preferred() };
      } catch (thrown) {
        const error = fell(attempt, thrown);
        const gone = state.cancellation.aborted || error.kind === "aborted";
        // The hooks hear of it first: whoever waits for this place must not get a key that is about to rest.
        const telling = gone ? undefined : askFail(state, hooks, error, attempt);
        const settled = attempt.settle();
        if (settled) await settled;
        if (gone) throw clientGone();

        const said = await telling;
        const final = await beside;
        if (final) throw usedUp(state, final);
        const byDefault = defaultVerdict(error, state, sameUsed);
        const verdict = said ?? byDefault;
        // A form of which a part was sent and not kept cannot be sent to anybody else.
        if (verdict.then === "stop" || state.upload?.repeatable === false) throw usedUp(state, attempt);
        const { candidate } = attempt;
        const { bars } = byDefault;
        let wait = verdict.after ?? 0;
        if (verdict.then === "same") pinned = { candidate, bars: "candidate" };
        else {
          // A short wait for the same credential beats failing, but only where no other can be asked.
          const back = Math.max(pool.resting(candidate)?.until ?? 0, error.retryAt ?? 0) - clock.now();
          const isShort = back > 0 && back <= retry.shortWait && sameUsed < retry.sameCredential;
          const may = !said && (isEmpty(error) || (isShort && error.kind !== "timeout"));
          if (may && (await chooser.noneBeside(candidate, Math.max(0, back)))) {
            pinned = { candidate, bars };
            wait = Math.max(0, back);
          } else barred[bars](candidate);
        }
        sameUsed = pinned ? sameUsed + 1 : 0;
        if (wait > 0) await pause(state, wait);
      }
    }
  } finally {
    chooser.close();
  }

  /** A place at the one to be asked once more. When others have taken it, that one is chosen from like any other. */
  function again(): Placed | undefined {
    if (!pinned) return undefined;
    const placed = chooser.again(pinned.candidate);
    if (!placed && !pool.current(pinned.candidate)) unpin(pinned);
    return placed;
  }

  function unpin({ candidate, bars }: NonNullable<typeof pinned>): void {
    barred[bars](candidate);
    pinned = undefined;
    sameUsed = 0;
  }

  function fell(attempt: RunningAttempt, thrown: unknown): ProxyError {
    const error = failedWithoutAnswer(attempt, asError(thrown, attempt));
    attempt.error = error;
    attempt.endedAt = clock.now();
    attempt.cancel(error);
    return error;
  }

  /** An attempt beside the one that is late. It counts as one of `retry.attempts`. */
  async function second(candidate: Candidate): Promise<RunningAttempt | undefined> {
    if (state.attempts.length >= retry.attempts || overdue(state)) return undefined;
    const chosen = await chooser.beside(candidate);
    if (!chosen) return undefined;
    try {
      const attempt = start(state, chosen);
      settleWith(state, attempt, chosen.grants);
      return attempt;
    } catch (error) {
      giveBack(state, chosen.grants);
      if (!isUnsupported(error)) throw error;
      barred.model(chosen.candidate);
      return undefined;
    }
  }

  /** One of two has failed: it counts as any failure does, but the request waits for the other. */
  function failedBeside(attempt: RunningAttempt, thrown: unknown): void {
    const error = fell(attempt, thrown);
    if (!state.cancellation.aborted && error.kind !== "aborted") {
      const byDefault = defaultVerdict(error, state, retry.sameCredential);
      barred[byDefault.bars](attempt.candidate);
      beside = askFail(state, hooks, error, attempt).then((said) =>
        (said ?? byDefault).then === "stop" ? attempt : undefined,
      );
    }
    void attempt.settle();
  }

  async function call(attempt: RunningAttempt, ended: OnEnd): Promise<Answer> {
    const response = await sendAttempt(state, hooks, attempt);
    try {
      return await receive(state, hooks, attempt, response, ended);
    } catch (error) {
      discard(response);
      throw error;
    }
  }
}

/** Candidates are made anew when keys change, so the object does not tell. */
function isSame(one: Candidate, other: Candidate): boolean {
  return one.provider === other.provider && one.model === other.model && one.credential.id === other.credential.id;
}
