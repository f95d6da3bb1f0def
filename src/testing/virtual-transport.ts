/** A transport without a network: what an upstream would answer, at virtual times. */
import { ProxyError } from "../failure/error.ts";
import type { MaybePromise, StreamedBody, Wire } from "../plugin/provider.ts";
import type { Clock, SendOptions, Transport } from "../runtime.ts";
import { abortedError, timeoutError } from "../transport/errors.ts";
import { resolveStep, type Step } from "./script.ts";
import { scriptRequest } from "./script-request.ts";
import { lost, pass, replyResponse, type VirtualCall } from "./virtual-response.ts";

/** Answers one call; a `ProxyError` that is returned or thrown is what the transport rejects with. */
export type VirtualHandler = (wire: Wire, call: VirtualCall) => MaybePromise<Response | ProxyError>;

/** Runs `handler` for every request, under the limits of `SendOptions` measured with `clock`. */
export function virtualTransport(handler: VirtualHandler, { clock }: { readonly clock: Clock }): Transport {
  let calls = 0;
  return {
    send: (wire, options) => send(handler, wire, { clock, options, index: calls++ }),
    close: () => Promise.resolve(),
  };
}

/** A handler that plays a step of the scripted upstream in virtual time. */
export function scripted(step: Step): VirtualHandler {
  return async (wire, call) => {
    const { pathname, search } = new URL(wire.url);
    const { method, headers } = wire;
    const facts = {
      index: call.index,
      method,
      path: pathname + search,
      headers,
      body: wire.stream ? await textOf(wire.stream) : (wire.body?.text ?? ""),
      reused: false,
    };
    const reply = resolveStep(step, scriptRequest(facts));
    for (const wait of reply.before) await pass(wait, call);
    if (reply.encoding) throw new Error("virtual transport: `encoded` replies need a socket; use createUpstream");
    if (reply.head) return replyResponse(reply, call);
    if (reply.end === "hang") return new Promise<never>(() => {});
    return lost("the connection was closed before an answer came", { reset: true });
  };
}

async function textOf(body: StreamedBody): Promise<string> {
  return Buffer.concat(await Array.fromAsync(body.open())).toString();
}

interface Sending {
  readonly clock: Clock;
  readonly options: SendOptions;
  readonly index: number;
}

async function send(handler: VirtualHandler, wire: Wire, { clock, options, index }: Sending): Promise<Response> {
  const place = { origin: new URL(wire.url).origin };
  if (options.signal.aborted) throw abortedError(place);
  const inner = new AbortController();
  const failed = Promise.withResolvers<never>();
  // The race below may be over when a limit fires; then nobody listens any more.
  failed.promise.catch(() => {});
  inner.signal.addEventListener("abort", () => failed.reject(inner.signal.reason), { once: true });
  const leave = (): void => inner.abort(abortedError(place));
  options.signal.addEventListener("abort", leave);
  const limit = (what: "connect" | "headers"): (() => void) => {
    const ms = what === "connect" ? options.connectTimeout : options.headersTimeout;
    const timer = ms > 0 ? clock.timer(() => inner.abort(timeoutError(place, what, ms)), ms) : undefined;
    return () => timer?.cancel();
  };
  let stop = limit("headers");
  const wait = (ms: number): Promise<void> => sleep(clock, ms, inner.signal);
  const connect = async (ms: number): Promise<void> => {
    stop();
    stop = limit("connect");
    await wait(ms);
    stop();
    stop = limit("headers");
  };
  try {
    const call = { clock, signal: inner.signal, index, wait, connect };
    const result = await Promise.race([Promise.resolve().then(() => handler(wire, call)), failed.promise]);
    if (ProxyError.is(result)) throw result;
    return guarded(result, inner, {
      release: () => options.signal.removeEventListener("abort", leave),
      // Ends what the handler still waits for; the timers of a body nobody reads must not linger.
      abandon: () => inner.abort(abortedError(place)),
    });
  } catch (error) {
    options.signal.removeEventListener("abort", leave);
    inner.abort(error);
    throw error;
  } finally {
    stop();
  }
}

interface Leaving {
  /** The caller's signal matters no more. */
  release(): void;
  /** The caller has lost interest. */
  abandon(): void;
}

/** The response with a body that fails when the call is given up, whatever the handler made it of. */
function guarded(response: Response, { signal }: AbortController, { release, abandon }: Leaving): Response {
  if (!response.body) {
    release();
    return response;
  }
  const reader = response.body.getReader();
  let leave = (): void => {};
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        leave = () => {
          controller.error(signal.reason);
          // What the source says to being cancelled concerns nobody: the reader has its error.
          reader.cancel(signal.reason).catch(() => {});
        };
        if (signal.aborted) leave();
        else signal.addEventListener("abort", leave, { once: true });
      },
      async pull(controller) {
        const { done, value } = await reader.read();
        if (signal.aborted) return;
        if (!done) return controller.enqueue(value);
        release();
        signal.removeEventListener("abort", leave);
        controller.close();
      },
      cancel(reason) {
        release();
        signal.removeEventListener("abort", leave);
        abandon();
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, response);
}

function sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error);
    const leave = (): void => {
      timer.cancel();
      reject(signal.reason as Error);
    };
    const timer = clock.timer(() => {
      signal.removeEventListener("abort", leave);
      resolve();
    }, ms);
    signal.addEventListener("abort", leave, { once: true });
  });
}
