/** How an answer gets to the client where that differs from the usual way; a `filter` hook asks for it. */
import type { Attempt, Candidate } from "./context.ts";
import type { HeaderRecord } from "./provider.ts";

export interface Delivery {
  /**
   * Nothing of a stream is sent before its finish, so that whatever breaks it is followed by the next candidate and not
   * seen. The number is bytes: an answer that is larger goes on live from there.
   */
  readonly hold?: number;
  /** A second candidate beside one whose first content is late. */
  readonly hedge?: Hedge;
  /** A stream that breaks after its first content is gone on with by another attempt. */
  readonly continuation?: Continuation;
  /** Sees the answer as the client gets it, in whole or piece by piece. */
  readonly tap?: AnswerTap;
}

/** Called on the way of every byte, so it must be quick. What it wants to keep it must copy. */
export interface AnswerTap {
  /** Once, before any data. Names of headers are lower case. */
  head?(status: number, headers: HeaderRecord): void;
  data(bytes: Uint8Array): void;
}

export interface Hedge {
  /** Milliseconds without content after which another candidate is asked too; `undefined` = never. */
  after(attempt: Attempt): number | undefined;
  /** Asked when that time has passed. A second candidate is asked only after `true`. */
  begins(attempt: Attempt): boolean;
}

export interface Continuation {
  /** How often one answer may be gone on with. */
  readonly times: number;
  /** Whether this model goes on with a text that is put into its mouth (`attempt.soFar`). */
  accepts(candidate: Candidate): boolean;
}
