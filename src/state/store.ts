/**
 * Hot state: small values that may be lost and that several workers may have to share. Every value has a time to live,
 * because nobody comes back to tidy up.
 */
import type { MaybePromise } from "../plugin/provider.ts";
import type { Json } from "../protocols/canonical.ts";

export interface StateStore {
  /** `undefined` when there is none, or its time is over. */
  get(key: string): MaybePromise<Json | undefined>;
  /** `ttl` in milliseconds. */
  set(key: string, value: Json, ttl: number): MaybePromise<void>;
  delete(key: string): MaybePromise<void>;
}
