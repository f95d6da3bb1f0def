/** The end of a request: exactly one outcome, given to every `record` hook and to the request log. */
import type { Outcome } from "../plugin/context.ts";
import type { RequestState } from "./context.ts";
import { parallel } from "./hooks.ts";
import type { Pipeline } from "./pipeline.ts";

export type OutcomeParts = Pick<Outcome, "status" | "end"> & Partial<Outcome>;

/** Does nothing when the request has been recorded already. */
export function finishRequest(pipeline: Pipeline, state: RequestState, parts: OutcomeParts): void {
  if (state.recorded) return;
  state.recorded = true;
  const { ctx } = state;
  const { runtime, log } = pipeline.app;
  const outcome: Outcome = {
    path: "none",
    error: undefined,
    usage: undefined,
    finish: undefined,
    bytes: 0,
    startedAt: state.startedAt,
    firstByteAt: parts.answeredBy?.firstByteAt,
    endedAt: runtime.clock.now(),
    losses: state.losses,
    answeredBy: undefined,
    ...parts,
  };
  try {
    pipeline.sink?.(outcome, ctx);
  } catch (error) {
    log.error("Writing a request to the log failed:", error);
  }
  if (pipeline.hooks.record.length === 0) return;
  void parallel(
    pipeline.hooks.record,
    runtime.tracer,
    ctx,
    (hook) => hook.handler(outcome, ctx),
    (error) => log.error("A record hook failed:", error),
  );
}
