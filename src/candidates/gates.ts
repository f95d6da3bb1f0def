/** What must agree, right before it is sent, that a candidate is asked: limits that hold over requests and workers. */
import type { Candidate, Context, DropKind } from "../plugin/context.ts";
import type { MaybePromise } from "../plugin/provider.ts";
import type { Usage } from "../protocols/canonical.ts";
import type { HoldScope } from "./holds.ts";

export interface Gate {
  /** Named in decisions and errors. */
  readonly name: string;
  /**
   * Reserves what the attempt will use; `undefined` = nothing to reserve. A refusal makes the loop choose another
   * candidate and is no attempt. Stay synchronous where it can be: every request pays for it.
   */
  reserve(candidate: Candidate, ctx: Context): MaybePromise<Grant | Refused | undefined>;
}

export interface Grant {
  readonly refused?: undefined;
  /** Called exactly once for every grant, whatever happens. Its own failure is logged and fails no request. */
  settle(end: AttemptEnd): MaybePromise<void>;
}

export interface Refused {
  /** For people, without secrets: `60 requests per 60 s`. */
  readonly refused: string;
  readonly kind: DropKind;
  /** Epoch milliseconds when it may be let through; absent where nobody knows. */
  readonly until?: number;
  /** What every other request would be refused as well until then; it is not even looked at before. Default: none. */
  readonly holds?: HoldScope;
  /** What else this request need not ask for. Default `key`. */
  readonly scope?: HoldScope;
}

/** What became of an attempt that was let through. */
export interface AttemptEnd {
  /** False when nothing has left the proxy: it was given up before, or a plugin answered in the upstream's place. */
  readonly sent: boolean;
  /** The upstream refused it with a failure status. */
  readonly rejected: boolean;
  /** What the upstream counted; `undefined` where it said nothing. */
  readonly usage: Usage | undefined;
}
