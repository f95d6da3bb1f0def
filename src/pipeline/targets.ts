/** Where a request may go: what its model's name stands for, and what its content leaves of that. */
import type { Target } from "../plugin/context.ts";
import type { MaybePromise } from "../plugin/provider.ts";
import type { RequestState } from "./context.ts";
import { continuedTargets } from "./continuation.ts";
import { fittingTargets } from "./fitting.ts";
import { forwardTargets } from "./forward/accept.ts";
import { permitted } from "./permission.ts";
import { findMinters } from "./seal-ledger.ts";

/** Throws, or rejects with, a `ProxyError` when there is no place for it. A promise only where state has to be asked. */
export function targetsOf(state: RequestState): MaybePromise<readonly Target[]> {
  const { ctx } = state;
  const named = homeOnly(ctx.req, ctx.app.models.resolve(ctx.model));
  const allowed = permitted(state.principal, ctx.model, named);
  if (state.forward) return forwardTargets(state, allowed);
  if (state.continues === undefined && !state.sealsShared) return fittingTargets(state, allowed);
  return informed(state, allowed);
}

async function informed(state: RequestState, allowed: readonly Target[]): Promise<readonly Target[]> {
  const targets = await continuedTargets(state, allowed);
  if (state.sealsShared) state.minters = await findMinters(state);
  return fittingTargets(state, targets);
}

/** `x-waygate-fallback: off` keeps a request at its first target. */
function homeOnly(req: Request, targets: readonly Target[]): readonly Target[] {
  return req.headers.get("x-waygate-fallback") === "off" ? targets.slice(0, 1) : targets;
}
