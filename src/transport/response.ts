/** A `Response` that costs next to nothing until somebody reads it the web way. */
import type { Clock } from "../runtime.ts";
import { type SourceStream, type UpstreamStream, windowBytes } from "./stream.ts";

export type { Sink, UpstreamStream } from "./stream.ts";

const door = Symbol("waygate.upstream");

interface Lazy {
  readonly body: SourceStream;
  readonly clock: Clock;
  headers: Headers | undefined;
  native: Response | undefined;
}

/** The answer as a `Response`; `status` and `upstreamOf` are free, all else makes web objects on first use. */
export function responseOf(body: SourceStream, clock: Clock): Response {
  const response = Object.create(prototype) as Response & { [door]: Lazy };
  response[door] = { body, clock, headers: undefined, native: undefined };
  return response;
}

/**
 * The direct way to the body, or `undefined` when the response was not made by this transport or its body has been
 * asked for as a web stream.
 */
export function upstreamOf(response: Response): UpstreamStream | undefined {
  const lazy = lazyOf(response);
  return lazy?.native === undefined ? lazy?.body : undefined;
}

/** How long a small rest may take to arrive before its connection is given up: milliseconds. */
const drainTime = 1000;

/**
 * Frees the connection of a body nobody will read. A short rest is let run out, so that the connection can be used
 * again; an event stream or anything long is aborted.
 */
export function discard(response: Response): void {
  const lazy = lazyOf(response);
  if (lazy === undefined || lazy.native !== undefined) {
    // A locked body has an owner who ends it. Cancelling a failed body rejects with a failure that is of no interest.
    if (response.body !== null && !response.body.locked) response.body.cancel().catch(() => {});
    return;
  }
  const { body: stream, clock } = lazy;
  const { "content-type": type = "", "content-length": length = "0" } = stream.headers;
  if (stream.started() || type.includes("event-stream") || Number(length) > windowBytes) {
    stream.cancel();
    return;
  }
  let left = windowBytes;
  const timer = clock.timer(() => stream.cancel(), drainTime);
  stream.start({
    data(chunk) {
      left -= chunk.byteLength;
      if (left >= 0) return;
      timer.cancel();
      stream.cancel();
    },
    end: () => timer.cancel(),
    error: () => timer.cancel(),
  });
}

function lazyOf(response: Response): Lazy | undefined {
  return (response as { [door]?: Lazy })[door];
}

function ownOf(response: object): Lazy {
  return (response as { [door]: Lazy })[door];
}

function headersOf(response: object): Headers {
  const lazy = ownOf(response);
  if (lazy.headers !== undefined) return lazy.headers;
  const headers = new Headers(lazy.body.headers);
  // From here on somebody may change them, which has to be seen on the fast way too.
  Object.defineProperty(lazy.body, "headers", { get: () => Object.fromEntries(headers) });
  return (lazy.headers = headers);
}

function nativeOf(response: object): Response {
  const lazy = ownOf(response);
  if (lazy.native !== undefined) return lazy.native;
  const { status } = lazy.body;
  const headers = headersOf(response);
  // The constructor of Response refuses a body with these.
  const bodiless = status === 204 || status === 205 || status === 304;
  if (bodiless) discard(response as Response);
  return (lazy.native = new Response(bodiless ? null : webBody(lazy.body), { status, headers }));
}

/** Pull-based and without a queue of its own: what is not read stays in the upstream's window. */
function webBody(stream: UpstreamStream): ReadableStream<Uint8Array<ArrayBuffer>> {
  let started = false;
  return new ReadableStream(
    {
      pull(controller) {
        if (started) {
          stream.resume();
          return;
        }
        started = true;
        stream.start({
          data(chunk) {
            stream.pause();
            controller.enqueue(chunk as Uint8Array<ArrayBuffer>);
          },
          end: () => controller.close(),
          error: (error) => controller.error(error),
        });
      },
      cancel: (reason) => stream.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

const prototype: object = Object.create(
  Response.prototype,
  Object.getOwnPropertyDescriptors({
    get status(): number {
      return ownOf(this).body.status;
    },
    get ok(): boolean {
      return this.status >= 200 && this.status <= 299;
    },
    get headers(): Headers {
      return headersOf(this);
    },
    get body(): Response["body"] {
      return nativeOf(this).body;
    },
    get bodyUsed(): boolean {
      const { native, body } = ownOf(this);
      return native?.bodyUsed ?? body.started();
    },
    statusText: "",
    type: "default",
    url: "",
    redirected: false,
    arrayBuffer(): Promise<ArrayBuffer> {
      return nativeOf(this).arrayBuffer();
    },
    blob(): Promise<Blob> {
      return nativeOf(this).blob();
    },
    bytes(): Promise<Uint8Array> {
      return nativeOf(this).bytes();
    },
    formData(): Promise<FormData> {
      return nativeOf(this).formData();
    },
    json(): Promise<unknown> {
      return nativeOf(this).json();
    },
    text(): Promise<string> {
      return nativeOf(this).text();
    },
    clone(): Response {
      const { status, headers } = this;
      return new Response(nativeOf(this).clone().body, { status, headers });
    },
  }),
);
