/** Which targets a model's name stands for: contract 3.2. */
import type { Target } from "../plugin/context.ts";

/** Adds targets after those the name gives; called once per name, not per request. */
export type FallbackPolicy = (targets: readonly Target[], requested: string) => readonly Target[];

export interface Models {
  /**
   * Names that `/v1/models` lists: aliases without a pattern, and `provider/model` of every provider. The same array
   * until something changes, so that what is made of it can be kept.
   */
  list(): readonly ModelEntry[];
  /** Targets in order. Throws a `ProxyError` of kind `not_found` with the nearest known names. */
  resolve(model: string): readonly Target[];
  /** True when the name is an alias, exact or by pattern, rather than one provider's model. */
  isAlias(model: string): boolean;
  /** Replaces what a provider is known to offer, after discovery. */
  setListed(provider: string, models: readonly string[]): void;
  /** What a provider is known to offer. */
  listed(provider: string): readonly string[];
  /** Registers a policy for `setup`. */
  addFallback(policy: FallbackPolicy): void;
  /**
   * Registers for `setup` what may be used at all; applies to the list and to requests. Answers are remembered: call what
   * it returns when they have changed.
   */
  addFilter(allow: (provider: string, model: string) => boolean): () => void;
}

export interface ModelEntry {
  readonly id: string;
  /** The provider's id, or `waygate` for an alias. */
  readonly ownedBy: string;
}
