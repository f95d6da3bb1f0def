/** Goes on with an answer that broke after commit, where the request asks for it and a model can. */
import type { ProxyError } from "../failure/error.ts";
import { errorTable } from "../failure/table.ts";
import type { Candidate } from "../plugin/context.ts";
import type { Usage } from "../protocols/canonical.ts";
import type { Answer } from "./answer.ts";
import { type AnswerEnded, answerFrom } from "./answering.ts";
import type { RequestState } from "./context.ts";
import type { LoopInit } from "./loop.ts";
import { totalUsage } from "./thread.ts";
import { askFail, createBarred } from "./verdict.ts";

export interface Resumed {
  /** The rest of the answer; rejects when nobody can give it. */
  readonly body: Promise<Answer["body"]>;
  /** The client has gone. */
  cancel(reason: unknown): void;
}

/** Given why the answer broke, the bytes of it so far and what it has used by its own account; `undefined` = nobody is to go on with it. */
export type Resume = (failure: ProxyError, bytes: number, usage: Usage | undefined) => Resumed | undefined;

/** Failures that say nothing against the text so far, nor against asking again. */
const passing: ReadonlySet<ProxyError["kind"]> = new Set([
  "network",
  "upstream",
  "timeout",
  "overloaded",
  "rate_limited",
  "quota_exhausted",
]);

/** What `state.resume` is, for requests that want it; `undefined` for all others. */
export function createResume(init: Omit<LoopInit, "onEnd">, ended: AnswerEnded): RequestState["resume"] {
  const { state, hooks } = init;
  const { ctx } = state;
  const { continuation } = ctx.delivery ?? {};
  if (!continuation || !state.stream || state.forward || ctx.operation !== "generate") return undefined;
  const left = createBarred();
  let times = 0;

  return (attempt, failure, bytes, usage) => {
    const { thread } = attempt;
    const said = thread?.soFar();
    if (!thread || said === undefined || times >= continuation.times || !passing.has(failure.kind)) return undefined;
    if ((failure.scope ?? errorTable[failure.kind].scope) === "request" || (ctx.request.choices ?? 1) > 1)
      return undefined;
    times++;
    left.candidate(attempt.candidate);
    const accepts = (candidate: Candidate): boolean => !left.has(candidate) && continuation.accepts(candidate);

    const go = async (): Promise<Answer["body"]> => {
      attempt.error = failure;
      attempt.usage = usage;
      attempt.told = true;
      attempt.cancel(failure);
      const telling = askFail(state, hooks, failure, attempt);
      await attempt.settle();
      const verdict = await telling;
      if (verdict?.then === "stop") throw failure;
      thread.usage = state.spent = totalUsage(state.spent, usage);
      state.thread = thread;
      const { answer } = await answerFrom({ ...init, accepts }, (reply, next, end, more) =>
        ended(reply, next, end, bytes + more),
      );
      return answer.body;
    };
    return { body: go(), cancel: (reason) => state.cancellation.abort(reason) };
  };
}
