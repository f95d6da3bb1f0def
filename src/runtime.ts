/**
 * Everything the pipeline takes from the outside: time, randomness, timers, the network, tracing. One object, so that
 * a whole proxy runs in virtual time in tests and in the simulator.
 */
import type { Wire } from "./plugin/provider.ts";

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall clock, epoch milliseconds. For everything that is compared with a time an upstream named. */
  now(): number;
  /** Milliseconds that never go backwards. For durations and idle limits. */
  monotonic(): number;
  /** Runs once when `now` has gone on by `ms` at least; never keeps the process alive by itself. */
  timer(callback: () => void, ms: number): Timer;
}

export interface Span {
  end(error?: unknown): void;
}

/** Seam for tracing; the hook callers and the loop use it, so plugins need no patching. */
export interface Tracer {
  start(name: string, attributes: { readonly [key: string]: string | number }): Span;
}

/** As much of an `AbortSignal` as a transport needs. Listeners hear of the abort at most once. */
export interface CancelSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

export interface SendOptions {
  readonly signal: CancelSignal;
  /** Milliseconds until a connection is up and the request is on it; 0 = no limit. */
  readonly connectTimeout: number;
  /** Milliseconds from there until the response's headers; 0 = no limit. */
  readonly headersTimeout: number;
}

export interface Transport {
  /**
   * Sends one request and resolves with the response's headers; the body has not been read. Rejects with a
   * `ProxyError` of kind `network` (with `reset` when a kept connection died), `timeout` or `aborted`.
   */
  send(wire: Wire, options: SendOptions): Promise<Response>;
  close(): Promise<void>;
}

export interface Runtime {
  readonly clock: Clock;
  /** A number in [0, 1). */
  random(): number;
  readonly transport: Transport;
  readonly tracer?: Tracer;
}

/** Milliseconds: the longest that `setTimeout` takes. */
const LONGEST = 2 ** 31 - 1;

/** The clock of the machine. */
export function systemClock(): Clock {
  return {
    now: Date.now,
    monotonic: () => performance.now(),
    timer(callback, ms) {
      // They count whole milliseconds of another clock than `now`, and one in five is early by it: whoever waits until
      // something rests no more would find it resting.
      const handle = setTimeout(callback, Math.min(Math.ceil(ms) + 1, LONGEST));
      (handle as { unref?: () => void }).unref?.();
      return { cancel: () => clearTimeout(handle) };
    },
  };
}
