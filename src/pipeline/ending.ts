/** How a request ends: its last attempt is settled, who must know is told, and the one outcome is recorded. */
import { ProxyError } from "../failure/error.ts";
import type { Outcome } from "../plugin/context.ts";
import type { Answer, AnswerEnd } from "./answer.ts";
import type { RunningAttempt } from "./attempt.ts";
import type { RequestState } from "./context.ts";
import { logLosses } from "./loss-log.ts";
import { finishRequest } from "./outcome.ts";
import type { Pipeline } from "./pipeline.ts";
import { remember } from "./remember.ts";
import { totalUsage } from "./thread.ts";
import { askFail } from "./verdict.ts";

/** The end of a request that was given no answer. `status` is what the client is told. */
export function refuse(pipeline: Pipeline, state: RequestState, error: unknown, status: number): void {
  const fault = state.upload?.failure;
  const left = state.cancellation.aborted || fault?.kind === "aborted";
  if (!ProxyError.is(error)) state.ctx.log.error(`Request ${state.ctx.id} failed inside the proxy:`, error);
  else logMistake(state, error);
  finishRequest(pipeline, state, {
    status: left && status !== 200 ? 499 : status,
    end: left ? "client-aborted" : state.attempts.length > 0 && !fault ? "upstream-failed" : "refused",
    error: ProxyError.is(error) ? error : undefined,
  });
}

/** Settles the answering attempt, tells `fail` about a break after commit, records. */
export function conclude(
  pipeline: Pipeline,
  state: RequestState,
  attempt: RunningAttempt,
  { reply, end, bytes }: { readonly reply: Answer; readonly end: AnswerEnd; readonly bytes: number },
): void {
  if (state.losses.length > 0) logLosses(state, attempt);
  const seen = reply.seen();
  const { usage, finish } = seen;
  attempt.usage = usage;
  const outcome = {
    status: reply.status,
    end: "complete" as Outcome["end"],
    path: reply.path,
    usage: totalUsage(state.spent, usage),
    finish,
    bytes,
    answeredBy: attempt,
    error: undefined as ProxyError | undefined,
  };
  if (end.how === "cancelled") outcome.end = "client-aborted";
  if (end.how === "failed") {
    outcome.end = "upstream-failed";
    outcome.error = attempt.error = end.error;
    logMistake(state, end.error);
  }
  // Told before the place is given back: whoever waits for it must not get a key that is about to rest.
  const telling =
    end.how === "failed" && !attempt.told ? askFail(state, pipeline.hooks, end.error, attempt) : undefined;
  const settling = attempt.settle();
  const remembering = remember(state, attempt, seen);
  if (!telling && !settling && !remembering) {
    finishRequest(pipeline, state, outcome);
    return;
  }
  const after = async (): Promise<void> => {
    await settling;
    await telling;
    await remembering;
    finishRequest(pipeline, state, outcome);
  };
  after().catch((error: unknown) => state.ctx.log.error("The end of a request could not be recorded:", error));
}

/** The client is told nothing of what plugins and the proxy do wrong, so it must be found here. */
function logMistake({ ctx }: RequestState, error: ProxyError): void {
  if (error.kind === "internal") ctx.log.error(`Request ${ctx.id}: ${error.message}`, error.cause ?? "");
}
