/** One call of one candidate: its signal, its limits, its clean-up. */
import type { ProxyError } from "../failure/error.ts";
import type { Lease } from "../candidates/in-flight.ts";
import type { Attempt, Candidate, Context } from "../plugin/context.ts";
import type { Credential, MaybePromise, Provider, Timeouts, Wire } from "../plugin/provider.ts";
import type { Usage } from "../protocols/canonical.ts";
import type { Loss, Protocol } from "../protocols/types.ts";
import { Cancellation } from "./cancellation.ts";
import type { RequestState } from "./context.ts";
import { printable } from "./printed.ts";
import type { Thread } from "./thread.ts";
import { Watchdog } from "./watchdog.ts";

export interface AttemptInit {
  readonly candidate: Candidate;
  readonly protocol: Protocol;
  readonly wire: Wire;
  readonly lease: Lease;
  readonly timeouts: Timeouts;
  readonly toolNames?: ReadonlyMap<string, string>;
}

/** The pipeline's own hold on an attempt; plugins see only `Attempt`. A class, because one is made for every request. */
export class RunningAttempt implements Attempt {
  readonly ctx: Context;
  readonly index: number;
  readonly candidate: Candidate;
  readonly protocol: Protocol;
  readonly startedAt: number;
  readonly timeouts: Timeouts;
  readonly watchdog: Watchdog;
  /** The client's name of a tool by the name the upstream was told. */
  readonly toolNames: ReadonlyMap<string, string> | undefined;
  readonly cancellation: Cancellation = new Cancellation();
  wire: Wire;
  status: number | undefined = undefined;
  error: ProxyError | undefined = undefined;
  headersAt: number | undefined = undefined;
  firstByteAt: number | undefined = undefined;
  endedAt: number | undefined = undefined;
  usage: Usage | undefined = undefined;
  committed = false;
  /** True once the transport, or the provider in its place, was given the request. */
  sent = false;
  /** The text this attempt is to go on behind. */
  readonly soFar: string | undefined;
  /** What has been said in the client's stream, where somebody else may go on with it. */
  thread: Thread | undefined = undefined;
  /** True once the `fail` hooks have been told of how it ended. */
  told = false;
  /** Why the attempt was given up, if a limit did it. */
  expired: ProxyError | undefined = undefined;
  readonly #client: Cancellation;
  readonly #lease: Lease;
  readonly #losses: Loss[];
  readonly #all: Attempt[];
  readonly #onClientGone: () => void;
  #cleanups: (() => MaybePromise<void>)[] | undefined = undefined;
  #settled = false;

  constructor(state: RequestState, { candidate, protocol, wire, lease, timeouts, toolNames }: AttemptInit) {
    const { clock } = state.ctx.app.runtime;
    this.ctx = state.ctx;
    this.index = state.attempts.length;
    this.candidate = candidate;
    this.protocol = protocol;
    this.startedAt = clock.now();
    this.timeouts = timeouts;
    this.wire = wire;
    this.toolNames = toolNames;
    this.soFar = state.thread?.soFar();
    this.#lease = lease;
    this.#losses = state.losses;
    this.#all = state.attempts;
    this.#client = state.cancellation;
    this.#onClientGone = () => this.cancellation.abort(this.#client.reason);
    if (this.#client.aborted) this.#onClientGone();
    else this.#client.addEventListener("abort", this.#onClientGone);
    this.watchdog = new Watchdog(clock, (error) => {
      this.expired = error;
      this.cancellation.abort(error);
    });
    state.attempts.push(this);
  }

  get provider(): Provider {
    return this.candidate.provider;
  }
  get model(): string {
    return this.candidate.model;
  }
  get credential(): Credential {
    return this.candidate.credential;
  }
  get signal(): AbortSignal {
    return this.cancellation.signal;
  }
  /** True once the client has gone. */
  get abandoned(): boolean {
    return this.#client.aborted;
  }
  lose(loss: Loss): void {
    this.#losses.push(loss);
  }
  defer(cleanup: () => MaybePromise<void>): void {
    (this.#cleanups ??= []).push(cleanup);
  }
  /** Of two that run beside each other, hooks are to take this one for the running one. */
  comeLast(): void {
    if (this.#all.at(-1) !== this) this.#all.push(...this.#all.splice(this.#all.indexOf(this), 1));
  }
  /** Stops the attempt: the upstream is closed. */
  cancel(reason: unknown): void {
    this.cancellation.abort(reason);
  }
  /** Gives the slot back and runs the clean-ups, once. Errors in them are logged. */
  settle(): MaybePromise<void> {
    if (this.#settled) return;
    this.#settled = true;
    this.endedAt = this.ctx.app.runtime.clock.now();
    this.watchdog.stop();
    this.#client.removeEventListener("abort", this.#onClientGone);
    this.#lease.release();
    if (this.#cleanups) return runCleanups(this, this.#cleanups);
  }
}

async function runCleanups(attempt: Attempt, cleanups: (() => MaybePromise<void>)[]): Promise<void> {
  for (const cleanup of cleanups.reverse()) {
    try {
      await cleanup();
    } catch (error) {
      attempt.ctx.log.error(`A clean-up of attempt ${attempt.index} on ${attempt.provider.name} failed:`, error);
    }
  }
}

printable(RunningAttempt.prototype, (attempt) => ({
  index: attempt.index,
  provider: attempt.provider.name,
  model: attempt.model,
  credential: attempt.credential.id,
  status: attempt.status,
  error: attempt.error && { kind: attempt.error.kind, message: attempt.error.message },
  startedAt: attempt.startedAt,
  endedAt: attempt.endedAt,
  committed: attempt.committed,
}));
