/** The body of one answer as it arrives: delivered to a sink, held back in a bounded window while nobody listens. */
import { ProxyError } from "../failure/error.ts";
import type { HeaderRecord } from "../plugin/provider.ts";

/** Receives a body. `end` or `error` comes once and last; neither may throw. */
export interface Sink {
  data(chunk: Uint8Array): void;
  end(): void;
  error(error: ProxyError): void;
}

/** The direct way to an upstream's answer, without a `ReadableStream` in between. */
export interface UpstreamStream {
  readonly status: number;
  /** Lower-case names; repeated headers are joined with ", ". */
  readonly headers: HeaderRecord;
  /** Starts delivery, at once for what has arrived already. A body has one sink: throws on the second call. */
  start(sink: Sink): void;
  /** No more calls until `resume`, but for the error of an abort. */
  pause(): void;
  resume(): void;
  /** Ends the request. The sink hears nothing more. */
  cancel(reason?: unknown): void;
}

/** What a body does to the connection it comes from. */
export interface Valve {
  pause(): void;
  resume(): void;
  abort(): void;
}

/**
 * Bytes held for a sink that is absent or paused before the connection itself is stopped. The bound is what keeps a
 * slow client from growing our memory; it is not zero because stopping the parser inside a segment makes it parse the
 * rest again, once per event, and because small answers can then complete (and free their socket) unread.
 */
export const windowBytes = 65_536;

/** With what the `Response` around it has to know. */
export interface SourceStream extends UpstreamStream {
  /** True after `start` or `cancel`. */
  started(): boolean;
}

interface Body {
  readonly stream: SourceStream;
  /** The side the connection writes to. */
  readonly feed: Sink;
  /** Fails the body now: what is held is dropped, the request is ended. */
  fail(error: ProxyError): void;
}

/** `done` runs once, when the sink has heard the last of it or the body was cancelled. */
export function openBody(status: number, headers: HeaderRecord, valve: Valve, done: () => void): Body {
  let sink: Sink | undefined;
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let paused = false;
  let stopped = false;
  let closed = false;
  let arrived: "end" | ProxyError | undefined;

  const close = (): Sink | undefined => {
    closed = true;
    held = [];
    done();
    return sink;
  };
  const fail = (error: ProxyError): void => {
    if (closed) return;
    arrived = error;
    held = [];
    heldBytes = 0;
    valve.abort();
    if (sink !== undefined) close()?.error(error);
  };
  const deliver = (target: Sink, chunk: Uint8Array): void => {
    try {
      target.data(chunk);
    } catch (cause) {
      fail(
        new ProxyError({ kind: "internal", message: `Reading an upstream's answer failed: ${String(cause)}`, cause }),
      );
    }
  };
  const flush = (): void => {
    while (sink !== undefined && !paused && !closed) {
      const chunk = held.shift();
      if (chunk !== undefined) {
        heldBytes -= chunk.byteLength;
        deliver(sink, chunk);
      } else if (arrived === undefined) {
        if (stopped) {
          stopped = false;
          valve.resume();
        }
        return;
      } else if (arrived === "end") close()?.end();
      else close()?.error(arrived);
    }
  };
  const finish = (how: "end" | ProxyError): void => {
    if (closed || arrived !== undefined) return;
    arrived = how;
    flush();
  };

  return {
    fail,
    stream: {
      status,
      headers,
      started: () => sink !== undefined || closed,
      start(target) {
        if (sink !== undefined || closed)
          throw new TypeError("The body of this answer has been read or cancelled already.");
        sink = target;
        flush();
      },
      pause() {
        paused = true;
      },
      resume() {
        paused = false;
        flush();
      },
      cancel() {
        if (closed) return;
        close();
        valve.abort();
      },
    },
    feed: {
      data(chunk) {
        if (closed || arrived !== undefined) return;
        if (sink !== undefined && !paused && heldBytes === 0) {
          deliver(sink, chunk);
          return;
        }
        held.push(chunk);
        heldBytes += chunk.byteLength;
        if (heldBytes >= windowBytes) {
          stopped = true;
          valve.pause();
        }
      },
      end: () => finish("end"),
      error: finish,
    },
  };
}
