/** A change to requests and the way back from it in their answers, as prefixes of tools' names are. */
import type { Attempt, Body, Rewriter } from "waygate";

/** One per attempt, so it may keep state. */
export interface Guard {
  /** The request of the Gemini protocol, without its envelope. Must not change its input. */
  readonly body: Body;
  /** Sees the answer without its envelope, message by message. Absent: nothing in it has to be changed. */
  readonly answers?: Rewriter;
}

/** `undefined` where there is nothing to do for this request. */
export type GuardMaker = (body: Body, attempt: Attempt) => Guard | undefined;

/** What several guards make of one request, the first one first; their rewriters see an answer in the reverse order. */
export function guarded(
  makers: readonly GuardMaker[],
  body: Body,
  attempt: Attempt,
): { readonly body: Body; readonly answers: readonly Rewriter[] } {
  let current = body;
  const answers: Rewriter[] = [];
  for (const make of makers) {
    const guard = make(current, attempt);
    if (!guard) continue;
    current = guard.body;
    if (guard.answers) answers.unshift(guard.answers);
  }
  return { body: current, answers };
}
