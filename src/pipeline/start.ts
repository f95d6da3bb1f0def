/** The beginning of an attempt, and what was thrown inside one. */
import type { Placed } from "../candidates/in-flight.ts";
import { ProxyError } from "../failure/error.ts";
import { RunningAttempt } from "./attempt.ts";
import type { RequestState } from "./context.ts";
import { forwardWire } from "./forward/accept.ts";
import { abortedBy, forwardedHeaders, protocolOf, timeoutsOf } from "./send.ts";
import { outgoing } from "./side/outgoing.ts";

/** Makes the attempt and the request that it sends. Gives the place back when that cannot be made. */
export function start(state: RequestState, { candidate, lease }: Placed): RunningAttempt {
  try {
    const { forward, ctx } = state;
    if (forward) {
      const wire = forwardWire(state, forward, candidate);
      const timeouts = timeoutsOf(state, candidate);
      return new RunningAttempt(state, { candidate, protocol: ctx.protocol, lease, timeouts, wire });
    }
    const protocol = protocolOf(state, candidate);
    const { body, toolNames, operation } = outgoing(state, candidate, protocol);
    return new RunningAttempt(state, {
      candidate,
      protocol,
      lease,
      timeouts: timeoutsOf(state, candidate),
      wire: {
        url: protocol.path(candidate.model, state.stream, operation),
        method: "POST",
        headers: forwardedHeaders(state, protocol),
        body,
      },
      toolNames,
    });
  } catch (error) {
    lease.release();
    throw error;
  }
}

/** What was thrown inside an attempt as the failure of it. */
export function asError(thrown: unknown, attempt: RunningAttempt): ProxyError {
  if (attempt.expired) return attempt.expired;
  if (ProxyError.is(thrown))
    return thrown.kind === "aborted" && attempt.cancellation.aborted ? abortedBy(attempt) : thrown;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return new ProxyError({
    kind: "internal",
    scope: "request",
    message: `[${attempt.provider.name}] call: ${text}`,
    cause: thrown,
  });
}
