/** One request and its answer: limits, abort, the silent retry, and the hand-over to the body. */
import type { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import type { ProxyError } from "../failure/error.ts";
import type { HeaderRecord, StreamedBody } from "../plugin/provider.ts";
import type { Clock, SendOptions, Timer } from "../runtime.ts";
import { codingsOf, decode } from "./decode.ts";
import { abortedError, answerError, isReset, networkError, type Place, timeoutError } from "./errors.ts";
import type { Attachable, Connection } from "./pools.ts";
import { responseOf } from "./response.ts";
import { openBody, type Sink, type Valve } from "./stream.ts";
import { upload } from "./upload.ts";

export interface Exchange extends SendOptions {
  readonly place: Place;
  readonly request: Dispatcher.DispatchOptions;
  /** The body, where the request itself has none. */
  readonly stream: StreamedBody | undefined;
  readonly clock: Clock;
  dispatcher(fresh: boolean): Dispatcher;
}

/** Why undici is told to drop a request. Made once: nobody reads its stack. */
const dropped = new Error("the request was given up");

/** undici's parser cannot be entered twice, and waking a paused connection enters it. */
let insideParser = false;

/** Resolves with the response's headers; rejects with a `ProxyError`. */
export function exchange(options: Exchange): Promise<Response> {
  const { place, request, stream, clock, signal, connectTimeout, headersTimeout } = options;
  if (signal.aborted) return Promise.reject(abortedError(place));
  return new Promise((resolve, reject) => {
    let timer: Timer | undefined;
    let connection: Connection | undefined;
    let controller: Dispatcher.DispatchController | undefined;
    let feed: Sink | undefined;
    let failBody: ((error: ProxyError) => void) | undefined;
    let over = false;
    /** How often the body has been opened. */
    let sent = 0;

    const finish = (): void => {
      over = true;
      timer?.cancel();
      signal.removeEventListener("abort", onAbort);
    };
    const stop = (error: ProxyError): void => {
      if (over) return;
      if (failBody !== undefined) {
        failBody(error);
        return;
      }
      finish();
      reject(error);
      if (controller === undefined) connection?.abandon?.();
      else controller.abort(dropped);
    };
    const onAbort = (): void => stop(abortedError(place));
    const arm = (limit: "connect" | "headers", ms: number): void => {
      timer?.cancel();
      timer = ms > 0 ? clock.timer(() => stop(timeoutError(place, limit, ms)), ms) : undefined;
    };

    /** The request with its body from the beginning. Time counts as the upstream's only while it has something to do. */
    const whole = (): Dispatcher.DispatchOptions => {
      if (stream === undefined) return request;
      const mine = ++sent;
      // What was opened before a silent retry has no say any more.
      const events = {
        waiting() {
          if (mine === sent && !over && feed === undefined) timer?.cancel();
        },
        given() {
          if (mine === sent && !over && feed === undefined) arm("headers", headersTimeout);
        },
        failed(error: ProxyError) {
          if (mine === sent) stop(error);
        },
      };
      return { ...request, body: upload(stream, events) as unknown as Readable };
    };

    const answer = (status: number, received: HeaderRecord): void => {
      const coding = received["content-encoding"];
      const bodiless = coding === undefined || status === 204 || status === 304 || request.method === "HEAD";
      const codings = bodiless ? [] : codingsOf(coding);
      if (codings === undefined) {
        stop(
          answerError(place, `answered with the content-encoding "${coding?.slice(0, 40)}", which cannot be decoded`),
        );
        return;
      }
      if (status > 599) {
        stop(answerError(place, `answered with the status ${status}, which is none of HTTP's`));
        return;
      }
      const headers = codings.length === 0 ? received : decodedHeaders(received);
      const open = (valve: Valve): Sink => {
        const body = openBody(status, headers, valve, finish);
        failBody = body.fail;
        resolve(responseOf(body.stream, clock));
        return body.feed;
      };
      timer?.cancel();
      const valve = valveOf(controller);
      feed =
        codings.length === 0
          ? open(valve)
          : decode(codings, valve, open, (name, cause) =>
              answerError(place, `sent a body that is not valid ${name}`, cause),
            );
    };

    const attempt = (fresh: boolean): void => {
      let reused = false;
      let silent = true;
      const handler: Attachable = {
        attach(given) {
          connection = given;
        },
        onRequestStart(given) {
          // Thrown, not aborted: undici then keeps the connection, which has just become ready, for the next request.
          if (over) throw dropped;
          controller = given;
          reused = connection !== undefined && connection.requests++ > 0;
          arm("headers", headersTimeout);
        },
        onResponseStarted() {
          silent = false;
        },
        onResponseStart(_controller, status, headers) {
          if (status >= 200 && !over) answer(status, joined(headers));
        },
        onResponseData(_controller, chunk) {
          insideParser = true;
          feed?.data(chunk);
          insideParser = false;
        },
        onResponseEnd() {
          insideParser = true;
          feed?.end();
          insideParser = false;
        },
        onResponseError(given, error) {
          insideParser = false;
          if (feed !== undefined) feed.error(networkError(place, "body", error));
          else if (!over && reused && silent && !fresh && isReset(error) && stream?.repeatable !== false) {
            controller = undefined;
            attempt(true);
            return;
          } else stop(networkError(place, controller === undefined ? "connect" : "headers", error));
          // Some errors come without the end of the request, for instance a proxy's 407.
          given?.abort(dropped);
        },
      };
      arm("connect", connectTimeout);
      options.dispatcher(fresh).dispatch(whole(), handler);
    };

    signal.addEventListener("abort", onAbort);
    attempt(false);
  });
}

function valveOf(controller: Dispatcher.DispatchController | undefined): Valve {
  return {
    pause: () => controller?.pause(),
    resume() {
      if (insideParser) queueMicrotask(() => controller?.resume());
      else controller?.resume();
    },
    abort: () => controller?.abort(dropped),
  };
}

/** Without what describes the encoded body only. */
function decodedHeaders(headers: HeaderRecord): HeaderRecord {
  const { "content-encoding": _coding, "content-length": _length, ...rest } = headers;
  return rest;
}

/** undici's headers with lists joined; the very object when there are none. */
function joined(headers: { [name: string]: string | string[] | undefined }): HeaderRecord {
  for (const name in headers) {
    const value = headers[name];
    if (typeof value !== "string") headers[name] = value === undefined ? "" : value.join(", ");
  }
  return headers as HeaderRecord;
}
