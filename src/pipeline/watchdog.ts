/**
 * The limits of an attempt that are not the transport's: first token, idle gap, total. The first two are phases of one
 * wait, so starting one ends the other; `total` runs beside them. Progress only notes the time, so an event of a stream
 * costs no timer.
 */
import { ProxyError } from "../failure/error.ts";
import type { Clock, Timer } from "../runtime.ts";

/** A class, because one is made for every attempt. */
export class Watchdog {
  readonly #clock: Clock;
  readonly #expire: (error: ProxyError) => void;
  #totalTimer: Timer | undefined = undefined;
  #phaseTimer: Timer | undefined = undefined;
  #progressed = 0;
  #stopped = false;

  constructor(clock: Clock, expire: (error: ProxyError) => void) {
    this.#clock = clock;
    this.#expire = expire;
  }

  /** From the start of the attempt; 0 = off. */
  total(ms: number): void {
    if (ms > 0 && !this.#stopped) this.#totalTimer = this.#clock.timer(() => this.#timeout("total", ms), ms);
  }
  /** Until another phase starts, whatever comes meanwhile; 0 = off. */
  firstToken(ms: number): void {
    this.#phase(ms, () => this.#timeout("firstToken", ms));
  }
  /** Between two calls of `progress`, and from here to the first; 0 = off. */
  idle(ms: number): void {
    this.#progressed = this.#clock.monotonic();
    this.#phase(ms, () => this.#checkIdle(ms));
  }
  progress(): void {
    this.#progressed = this.#clock.monotonic();
  }
  /** Calls back after `ms`, unless another phase has started. No failure: for what may come but need not. */
  grace(ms: number, callback: () => void): void {
    this.#phase(ms, callback);
  }
  stop(): void {
    this.#stopped = true;
    this.#totalTimer?.cancel();
    this.#phaseTimer?.cancel();
  }

  #phase(ms: number, callback: () => void): void {
    this.#phaseTimer?.cancel();
    this.#phaseTimer = ms > 0 && !this.#stopped ? this.#clock.timer(callback, ms) : undefined;
  }
  #checkIdle(ms: number): void {
    const quiet = this.#clock.monotonic() - this.#progressed;
    if (quiet >= ms) this.#timeout("idle", ms);
    else this.#phaseTimer = this.#clock.timer(() => this.#checkIdle(ms), ms - quiet);
  }
  #timeout(limit: string, ms: number): void {
    const message = `The upstream was too slow: timeouts.${limit} of ${ms} ms has passed.`;
    this.#expire(new ProxyError({ kind: "timeout", message }));
  }
}
