/** A network without one: upstreams that do what a `Play` says at virtual times, over the transport's own streams. */
import { ProxyError } from "../failure/error.ts";
import type { Wire } from "../plugin/provider.ts";
import type { Clock, SendOptions, Timer, Transport } from "../runtime.ts";
import { abortedError, timeoutError } from "../transport/errors.ts";
import { responseOf } from "../transport/response.ts";
import { openBody } from "../transport/stream.ts";
import type { Play } from "./play.ts";

/** One call on its way. */
export interface NetworkCall {
  readonly wire: Wire;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly play: Play;
  /** How far the answer has come: pieces sent. */
  sent: number;
}

/** How a call ended: by itself, or because the proxy let go of it. */
export type CallEnd = "complete" | "cut" | "lost" | "timeout" | "left";

export interface NetworkInit {
  readonly clock: Clock;
  /** Decides what the upstream does; called when the request is on its way. */
  readonly play: (wire: Wire) => Play;
  readonly begun?: (call: NetworkCall) => void;
  /** Once per call that was begun. */
  readonly ended?: (call: NetworkCall, how: CallEnd) => void;
}

const encoder = new TextEncoder();

export function simulatedNetwork(init: NetworkInit): Transport {
  return {
    send: (wire, options) => send(init, wire, options),
    close: () => Promise.resolve(),
  };
}

function send({ clock, play: choose, begun, ended }: NetworkInit, wire: Wire, options: SendOptions): Promise<Response> {
  const place = { origin: new URL(wire.url).origin };
  const { signal } = options;
  if (signal.aborted) return Promise.reject(abortedError(place));
  const play = choose(wire);
  const call: NetworkCall = { wire, at: clock.now(), play, sent: 0 };
  begun?.(call);

  return new Promise((resolve, reject) => {
    let timer: Timer | undefined;
    let body: ReturnType<typeof openBody> | undefined;
    let open = true;
    const finish = (how: CallEnd): boolean => {
      if (!open) return false;
      open = false;
      timer?.cancel();
      signal.removeEventListener("abort", leave);
      ended?.(call, how);
      return true;
    };
    const fail = (how: CallEnd, error: ProxyError): void => {
      if (!finish(how)) return;
      if (body) body.fail(error);
      else reject(error);
    };
    const leave = (): void => fail("left", abortedError(place));
    const limited = (what: "connect" | "headers", ms: number, next: () => void): void => {
      const most = what === "connect" ? options.connectTimeout : options.headersTimeout;
      const late = most > 0 && ms > most;
      if (!late && ms === Number.POSITIVE_INFINITY) return;
      timer = clock.timer(late ? () => fail("timeout", timeoutError(place, what, most)) : next, late ? most : ms);
    };
    const begin = (): void => limited("headers", play.headers, play.head ? () => answer(play.head!) : lose);
    const lose = (): void =>
      fail("lost", new ProxyError({ kind: "network", message: "The connection was closed before an answer came." }));
    const answer = (head: NonNullable<Play["head"]>): void => {
      const abort = (): void => void finish("left");
      body = openBody(head.status, head.headers, { pause() {}, resume() {}, abort }, () => undefined);
      resolve(responseOf(body.stream, clock));
      next();
    };
    const next = (): void => {
      const piece = play.pieces[call.sent];
      if (piece) {
        const pass = (): void => {
          call.sent++;
          body?.feed.data(encoder.encode(piece.text));
          if (open) next();
        };
        // What comes together is one delivery more, and no wait.
        timer = clock.timer(pass, piece.after);
        return;
      }
      if (play.end === "complete" && finish("complete")) body?.feed.end();
      else if (play.end === "cut") {
        fail(
          "cut",
          new ProxyError({ kind: "network", message: "The connection was closed in the middle of the answer." }),
        );
      }
    };
    signal.addEventListener("abort", leave);
    if (play.connect > 0) limited("connect", play.connect, begin);
    else begin();
  });
}
