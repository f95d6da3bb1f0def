/** Answers that say nothing though the model was free to: no content, no call, and no reason for it. */
import { ProxyError } from "../failure/error.ts";
import type { Finish } from "../protocols/canonical.ts";
import type { Probe } from "../protocols/types.ts";
import type { RunningAttempt } from "./attempt.ts";
import type { RequestState } from "./context.ts";
import { overdue } from "./refusal.ts";

/** What such a failure has among its details: nothing is wrong with the key, and the same one may be asked again. */
const MARK = "empty";

/** With these there is nothing to say: another try would end in the same way. */
const explained: ReadonlySet<Finish | undefined> = new Set<Finish>(["length", "content-filter", "pause"]);

/**
 * What this attempt fails with when it answers nothing. `undefined` = such an answer is one: nobody has asked for more,
 * this request has had its share of them, or none is left to ask. A second part of an answer may be empty.
 */
export function emptyAnswerOf(
  state: RequestState,
  attempt: RunningAttempt,
): ((probe: Probe) => ProxyError | undefined) | undefined {
  const { ctx, attempts } = state;
  const most = ctx.delivery?.retryEmpty ?? 0;
  if (most === 0 || attempt.soFar !== undefined || ctx.operation !== "generate") return undefined;
  if (attempts.filter(({ error }) => error !== undefined && isEmpty(error)).length >= most) return undefined;
  return (probe) => {
    if (probe.said !== false || explained.has(probe.finish)) return undefined;
    if (attempts.length >= ctx.app.config.retry.attempts || overdue(state)) return undefined;
    return new ProxyError({
      kind: "upstream",
      // Models do that too, and no key must rest for it.
      scope: "request",
      message: "The upstream's answer has neither content nor a call.",
      details: { [MARK]: true },
    });
  };
}

export function isEmpty({ details }: ProxyError): boolean {
  return details?.[MARK] === true;
}
