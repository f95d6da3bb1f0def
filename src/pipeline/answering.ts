/** The loop's answer, and its end told only after it. */
import type { Answer, AnswerEnd } from "./answer.ts";
import type { RunningAttempt } from "./attempt.ts";
import { type LoopInit, type LoopResult, runLoop } from "./loop.ts";

/** Called once when nothing more of the answer will come, with the bytes that were sent. */
export type AnswerEnded = (answer: Answer, attempt: RunningAttempt, end: AnswerEnd, bytes: number) => void;

/** A whole answer has ended before it is known here: `ended` is told after `given`. */
export async function answerFrom(
  init: Omit<LoopInit, "onEnd">,
  ended: AnswerEnded,
  given?: (result: LoopResult) => void,
): Promise<LoopResult> {
  let answered: Answer | undefined = undefined;
  let early: ((answer: Answer) => void) | undefined;
  const result = await runLoop({
    ...init,
    onEnd(attempt, end, bytes) {
      const settle = (answer: Answer): void => ended(answer, attempt, end, bytes);
      if (answered) settle(answered);
      else early = settle;
    },
  });
  answered = result.answer;
  given?.(result);
  early?.(result.answer);
  return result;
}
