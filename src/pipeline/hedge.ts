/**
 * Two candidates for one request: when the first is late, a second is asked beside it. Whichever is first with an answer
 * gives it; the other is cancelled, and nobody blames it.
 */
import { ProxyError } from "../failure/error.ts";
import type { Timer } from "../runtime.ts";
import type { Answer, OnEnd } from "./answer.ts";
import type { RunningAttempt } from "./attempt.ts";
import type { RequestState } from "./context.ts";

export interface RaceInit {
  readonly state: RequestState;
  readonly first: RunningAttempt;
  /** Asks, up to the point of commit. */
  readonly call: (attempt: RunningAttempt, onEnd: OnEnd) => Promise<Answer>;
  /** A second attempt, ready to be called; `undefined` when nobody else can be asked at once. */
  readonly another: () => Promise<RunningAttempt | undefined>;
  /** This attempt counts from now on: it has won, or is all that is left. */
  readonly lead: (attempt: RunningAttempt) => void;
  /** One of two has failed and the other goes on. */
  readonly failed: (attempt: RunningAttempt, thrown: unknown) => void;
  readonly onEnd: (attempt: RunningAttempt, ...end: Parameters<OnEnd>) => void;
}

/** The first answer. Rejects when all who were asked have failed, with the failure of the last. */
export function race(init: RaceInit): Promise<Answer> {
  const { state, first, call, onEnd } = init;
  const hedge = state.stream && state.ctx.operation === "generate" ? state.ctx.delivery?.hedge : undefined;
  const after = hedge?.after(first);
  if (!hedge || after === undefined) return call(first, (...end) => onEnd(first, ...end));
  return run(init, Math.max(0, after), () => hedge.begins(first));
}

function run(
  { state, first, call, another, lead, failed, onEnd }: RaceInit,
  after: number,
  begins: () => boolean,
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const running = new Set<RunningAttempt>();
  let decided = false;
  let seeking = false;
  /** The failure of the first while a second is looked for. */
  let alone: { readonly thrown: unknown } | undefined;

  const ask = (attempt: RunningAttempt): void => {
    let ended: Parameters<OnEnd> | undefined;
    let won = false;
    running.add(attempt);
    call(attempt, (...end) => {
      if (won) onEnd(attempt, ...end);
      else ended = end;
    }).then(
      (answer) => {
        running.delete(attempt);
        // Both may have answered in the same instant.
        if (decided) return lose(attempt);
        decide(attempt);
        won = true;
        resolve(answer);
        if (ended) onEnd(attempt, ...ended);
      },
      (thrown: unknown) => {
        running.delete(attempt);
        if (decided) return;
        const [other] = running;
        if (other) {
          failed(attempt, thrown);
          lead(other);
        } else if (seeking) alone = { thrown };
        else giveUp(attempt, thrown);
      },
    );
  };
  const decide = (winner: RunningAttempt): void => {
    decided = true;
    timer.cancel();
    for (const other of running) lose(other);
    running.clear();
    // What was lost in translation is told of the request that was answered; who answered is the last one named.
    if (winner === first && second) state.losses.splice(0, Infinity, ...losses);
    winner.comeLast();
    lead(winner);
  };
  const giveUp = (attempt: RunningAttempt, thrown: unknown): void => {
    decided = true;
    timer.cancel();
    lead(attempt);
    reject(thrown as Error);
  };
  const lose = (attempt: RunningAttempt): void => {
    const lost = new ProxyError({ kind: "aborted", message: "Another candidate has answered first." });
    attempt.error = lost;
    attempt.committed = false;
    attempt.cancel(lost);
    // Errors of its clean-ups are logged where they run.
    void attempt.settle();
  };

  let second = false;
  let losses: typeof state.losses = [];
  const seek = async (): Promise<void> => {
    // What is only held back from the client is not late.
    if (decided || first.firstByteAt !== undefined || !begins()) return;
    seeking = true;
    losses = [...state.losses];
    let found: RunningAttempt | undefined;
    try {
      found = await another();
    } catch (error) {
      state.ctx.log.error(`Request ${state.ctx.id}: no second candidate could be asked:`, error);
    }
    seeking = false;
    if (found) second = true;
    if (found && decided) return lose(found);
    if (!found) {
      if (alone) giveUp(first, alone.thrown);
      return;
    }
    if (alone) {
      failed(first, alone.thrown);
      lead(found);
    }
    ask(found);
  };
  const timer: Timer = state.ctx.app.runtime.clock.timer(() => void seek(), after);
  ask(first);
  return promise;
}
