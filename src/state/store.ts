/**
 * Hot state: small values and counters that may be lost and that several workers may have to share. Everything has a
 * time to live, because nobody comes back to tidy up.
 */
import type { MaybePromise } from "../plugin/provider.ts";
import type { Json } from "../protocols/canonical.ts";
import type { Clock } from "../runtime.ts";

export interface StateStore {
  /** `undefined` when there is none, or its time is over. */
  get(key: string): MaybePromise<Json | undefined>;
  /** `ttl` in milliseconds. */
  set(key: string, value: Json, ttl: number): MaybePromise<void>;
  delete(key: string): MaybePromise<void>;
  /** Takes from all counters or from none, in one step that no other worker comes between. Times are the store's own. */
  reserve(takes: readonly Take[]): MaybePromise<Reservation>;
  /**
   * Corrects what a reservation took: the amount of each take by its place, `undefined` = as it was; 0 gives it back.
   * Leases end here. An unknown or settled id does nothing.
   */
  settle(id: string, amounts: readonly (number | undefined)[]): MaybePromise<void>;
  /** Lets the leases of these reservations begin their time anew. Unknown, settled and expired ones stay as they are. */
  renew(ids: readonly string[]): MaybePromise<void>;
  /** How much of each counter is used now. */
  used(counters: readonly Counter[]): MaybePromise<readonly number[]>;
  /** How a store that is somewhere else is doing. Absent = it cannot be away. */
  health?(): StateHealth;
  close?(): MaybePromise<void>;
}

export interface StateHealth {
  /** False while the store is away and something local stands in for it. */
  readonly ok: boolean;
  /** What stands in, and why; without secrets and without a full stop. */
  readonly reason?: string;
}

export type Counter =
  /** What was taken in the last `window` milliseconds, to the millisecond. */
  | { readonly kind: "sliding"; readonly key: string; readonly window: number }
  /** What was taken until `until`, epoch milliseconds; from then on the counter is another one. */
  | { readonly kind: "fixed"; readonly key: string; readonly until: number }
  /** What is held now. A holder that dies gives back after `ttl` milliseconds. */
  | { readonly kind: "lease"; readonly key: string; readonly ttl: number };

export interface Take {
  readonly counter: Counter;
  /** 0 admits nothing. */
  readonly limit: number;
  /** 0 and above; a single take of more than the limit is granted when nothing else is used. */
  readonly amount: number;
}

export type Reservation =
  | {
      readonly granted: true;
      readonly id: string;
      /** Takes after which as much again does not fit. Absent = none, or the store does not look. */
      readonly full?: readonly Full[];
    }
  | {
      readonly granted: false;
      /** The first take that does not fit. */
      readonly index: number;
      /** Epoch milliseconds when it may fit; `undefined` where only an end of a lease can tell, or nothing. */
      readonly until: number | undefined;
    };

/** A take that has used its counter up. */
export interface Full {
  /** Its place among the takes. */
  readonly index: number;
  /** Epoch milliseconds when as much may fit again. */
  readonly until: number;
}

/** Opens a store other than the process's own memory; a plugin brings it as `state`. */
export interface StateDriver {
  readonly name: string;
  /**
   * Called once, before plugins are set up. Rejects where no later moment would be better (a wrong password); a server
   * that is merely away is no reason.
   */
  open(host: StateHost): MaybePromise<StateStore>;
}

/** What a store needs of the proxy it is for. */
export interface StateHost {
  readonly clock: Clock;
  readonly log: { warn(message: string): void; info(message: string): void };
}
