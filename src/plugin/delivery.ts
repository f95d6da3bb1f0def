/** How an answer gets to the client where that differs from the usual way; a `filter` hook asks for it. */
import type { Attempt, Candidate } from "./context.ts";
import type { HeaderRecord } from "./provider.ts";

export interface Delivery {
  /**
   * Nothing of a stream is sent before its finish, so that whatever breaks it is followed by the next candidate and not
   * seen. The number is bytes: an answer that is larger goes on live from there.
   */
  readonly hold?: number;
  /**
   * How many answers of this request that say nothing (no content, no call, no reason for it) count as failures, so that
   * the next candidate is asked. Default 0.
   */
  readonly retryEmpty?: number;
  /** A second candidate beside one whose first content is late. */
  readonly hedge?: Hedge;
  /** A stream that breaks after its first content is gone on with by another attempt. */
  readonly continuation?: Continuation;
  /** Sees the answer as the client gets it, in whole or piece by piece. */
  readonly tap?: AnswerTap;
  /** Another way of waiting for a candidate than `retry` states. */
  readonly queue?: Queueing;
}

/** Called on the way of every byte, so it must be quick. What it wants to keep it must copy. */
export interface AnswerTap {
  /** Once, before any data. Names of headers are lower case. */
  head?(status: number, headers: HeaderRecord): void;
  data(bytes: Uint8Array): void;
  /**
   * Once per attempt whose upstream has answered, with whatever status. What it returns sees that answer as it came,
   * before anything is done to it.
   */
  upstream?(attempt: Attempt, status: number, headers: HeaderRecord): ((bytes: Uint8Array) => void) | undefined;
}

export interface Hedge {
  /** Milliseconds without content after which another candidate is asked too; `undefined` = never. */
  after(attempt: Attempt): number | undefined;
  /** Asked when that time has passed. A second candidate is asked only after `true`. */
  begins(attempt: Attempt): boolean;
}

/** How a request waits when no candidate can be asked at once. The waiting itself, and its order, are the core's. */
export interface Queueing {
  /** Milliseconds at most, in place of `retry.queueWait`. `retry.deadline` bounds it too. */
  readonly wait: number;
  /** True: what rests is waited for as well, if it is back in time, and not only places and limits of ours. */
  readonly rests: boolean;
  /** Clients take turns; whose request this is. */
  readonly client: string;
  /** Milliseconds between two signs of life while it waits for a stream. `server.keepAlive: 0` turns them off too. */
  readonly heartbeat: number;
  /**
   * It begins to wait; a `ProxyError` thrown here is its answer. What is returned is called once when it waits no
   * longer, with whether it got what it waited for.
   */
  enter(): (served: boolean) => void;
  /** For the client, in one line, where a stream has comments; `undefined` = nothing but the sign of life. */
  says(): string | undefined;
}

export interface Continuation {
  /** How often one answer may be gone on with. */
  readonly times: number;
  /** Whether this model goes on with a text that is put into its mouth (`attempt.soFar`). */
  accepts(candidate: Candidate): boolean;
}
