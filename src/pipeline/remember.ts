/** What later requests of a conversation will refer to. */
import type { Probe } from "../protocols/types.ts";
import type { RunningAttempt } from "./attempt.ts";
import type { RequestState } from "./context.ts";
import { noteAnswer } from "./continuation.ts";
import { noteSeals } from "./seal-ledger.ts";

/** `undefined` when there is nothing to keep. */
export function remember(
  state: RequestState,
  attempt: RunningAttempt,
  { answerId, seals }: Pick<Probe, "answerId" | "seals">,
): Promise<void> | undefined {
  // The id of a translated answer is this proxy's own, and no upstream could continue it.
  const id = state.keeps && attempt.protocol === state.ctx.protocol ? answerId : undefined;
  if (id === undefined && !seals?.length) return undefined;
  const keep = async (): Promise<void> => {
    if (id !== undefined) await noteAnswer(state, attempt, id);
    if (seals) await noteSeals(attempt, seals);
  };
  return keep();
}
