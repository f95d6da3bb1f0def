/** One attempt up to the response's headers: body, transforms, the provider's `prepare`, the call onion, the wire. */
import { ProxyError } from "../failure/error.ts";
import { forwardable } from "../transport/headers.ts";
import { discard } from "../transport/response.ts";
import type { Protocol } from "../protocols/types.ts";
import type { Candidate } from "../plugin/context.ts";
import type { Timeouts, Wire } from "../plugin/provider.ts";
import type { RunningAttempt } from "./attempt.ts";
import type { RequestState } from "./context.ts";
import { type CompiledHooks, isPromise, onion, series } from "./hooks.ts";

export function protocolOf(state: RequestState, candidate: Pick<Candidate, "provider" | "model">): Protocol {
  const { protocol } = candidate.provider;
  return state.ctx.app.protocol(
    typeof protocol === "function" ? protocol(candidate.model, state.ctx.protocol.id) : protocol,
  );
}

export function timeoutsOf(state: RequestState, candidate: Candidate): Timeouts {
  const own = candidate.provider.timeouts;
  return own ? { ...state.ctx.app.config.timeouts, ...own } : state.ctx.app.config.timeouts;
}

/** Sends the attempt and resolves with the response, its body unread. Rejects as soon as the attempt is given up. */
export async function sendAttempt(
  state: RequestState,
  hooks: CompiledHooks,
  attempt: RunningAttempt,
): Promise<Response> {
  attempt.watchdog.total(attempt.timeouts.total);
  const preparing = prepare(state, hooks, attempt);
  if (preparing) await untilAborted(preparing, attempt);
  const pending = call(state, hooks, attempt);
  // The transport listens to the attempt by itself; plugins around it or in its place may not.
  const alone = attempt.provider.call === undefined && hooks.call.length === 0;
  const response = await (alone ? pending : untilAborted(pending, attempt, discard));
  attempt.status = response.status;
  attempt.headersAt = state.ctx.app.runtime.clock.now();
  attempt.watchdog.progress();
  return response;
}

/** Transforms, then the provider's `prepare`. Synchronous as long as they are. */
function prepare(state: RequestState, hooks: CompiledHooks, attempt: RunningAttempt): Promise<void> | undefined {
  const { ctx } = state;
  const transformed = series(hooks.transform, ctx.app.runtime.tracer, ctx, (hook) => hook.handler(attempt));
  if (isPromise(transformed)) return transformed.then(() => sign(attempt));
  return sign(attempt);
}

function sign(attempt: RunningAttempt): Promise<void> | undefined {
  const { stream } = attempt.wire;
  const prepared = attempt.provider.prepare(attempt.wire, attempt);
  if (isPromise(prepared)) {
    return prepared.then((wire) => {
      attempt.wire = keepStream(wire as Wire, stream);
    });
  }
  attempt.wire = keepStream(prepared, stream);
  return undefined;
}

/** A provider that knows nothing of streamed bodies names the fields it knows, and would send none. */
function keepStream(wire: Wire, stream: Wire["stream"]): Wire {
  return stream && !wire.stream && !wire.body ? { ...wire, stream } : wire;
}

function call(state: RequestState, hooks: CompiledHooks, attempt: RunningAttempt): Promise<Response> {
  const { ctx } = state;
  const { transport, tracer } = ctx.app.runtime;
  const { provider, timeouts, watchdog } = attempt;
  const core = async (): Promise<Response> => {
    if (attempt.cancellation.aborted) throw abortedBy(attempt);
    // A whole answer is made before its headers come, which is what `timeouts.whole` is for.
    if (state.stream && timeouts.firstToken > 0) watchdog.firstToken(timeouts.firstToken);
    else if (state.stream) watchdog.idle(timeouts.idle);
    attempt.sent = true;
    return provider.call
      ? provider.call(attempt.wire, attempt)
      : transport.send(attempt.wire, {
          signal: attempt.cancellation,
          connectTimeout: timeouts.connect,
          headersTimeout: state.stream ? timeouts.headers : timeouts.whole,
        });
  };
  return onion(hooks.call, tracer, ctx, (hook, next) => hook.handler(attempt, next), core);
}

/** A plugin that does not listen to the attempt's signal holds nobody up; what it gives later goes to `tooLate`. */
function untilAborted<T>(pending: Promise<T>, attempt: RunningAttempt, tooLate?: (value: T) => void): Promise<T> {
  const { cancellation } = attempt;
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(abortedBy(attempt));
    if (cancellation.aborted) leave();
    else cancellation.addEventListener("abort", leave);
    pending
      .then((value) => {
        if (cancellation.aborted) tooLate?.(value);
        else resolve(value);
      }, reject)
      .finally(() => cancellation.removeEventListener("abort", leave));
  });
}

/** The client's headers that may go on to an upstream of this protocol, looked at once per request. */
export function forwardedHeaders(
  state: RequestState,
  protocol: Protocol = state.ctx.protocol,
): { readonly [name: string]: string } {
  const { req, protocol: own } = state.ctx;
  if (protocol === own) return (state.forwarded ??= forwardable(req.headers));
  return (state.forwardedAbroad ??= forwardable(req.headers, false));
}

/** Why an attempt whose signal is aborted was: a limit's own error, else the client's leaving. */
export function abortedBy(attempt: RunningAttempt): ProxyError {
  return (
    attempt.expired ??
    new ProxyError({ kind: "aborted", message: "The client has closed the connection.", status: 499 })
  );
}
