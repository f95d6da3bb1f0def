/** Credentials, what rests and why, and how many requests each has in flight. */
import type { Candidate, DropKind } from "../plugin/context.ts";
import type { Credential } from "../plugin/provider.ts";

/** What rests: a provider, a credential, or a credential for one model (or the quota group the model is in). */
export interface RestTarget {
  readonly provider: string;
  /** A credential's id; absent = the whole provider. */
  readonly credential?: string;
  /** Absent = all models. */
  readonly model?: string;
}

/** Terminal states (`invalid`, `no-credit`, `banned`, `disabled`) wait for a human or a successful probe. */
export type RestState = "cooling" | "exhausted" | "invalid" | "no-credit" | "banned" | "disabled";

export interface Rest {
  readonly state: RestState;
  /** Epoch milliseconds; `Infinity` for terminal states. */
  readonly until: number;
  /** The policy that said so. */
  readonly policy: string;
  /** For people, without secrets: `429, 60 s`. */
  readonly reason: string;
  readonly kind: DropKind;
}

export interface Credentials {
  list(provider: string): readonly Credential[];
  get(id: string): Credential | undefined;
  /** Adds or, with a known id, replaces. */
  add(credential: Credential): void;
  remove(id: string): void;
  /** Takes the target out of selection from now on, running retry loops included. The later end of two wins. */
  rest(target: RestTarget, rest: Rest): void;
  /** Ends a rest of exactly this target. */
  wake(target: RestTarget): void;
  /** The rest that keeps this candidate out now, if any: the provider's, the credential's or the model's. */
  resting(candidate: Pick<Candidate, "provider" | "model" | "credential">): Rest | undefined;
  /** Every rest in force, for display. */
  rests(): readonly { readonly target: RestTarget; readonly rest: Rest }[];
  /** Names a group of models that share a quota; cooldowns and counts of one are those of all. Last call wins. */
  setGroups(groupOf: (provider: string, model: string) => string | undefined): void;
  /** The quota group of a model, else the model itself. */
  scope(provider: string, model: string): string;
  /** The most requests a candidate may have in flight; `undefined` = no limit. The smallest of several rules counts. */
  addConcurrency(limit: (candidate: Candidate) => number | undefined): void;
  /** Requests in flight on a credential, all models together or one. */
  inFlight(credential: string, model?: string): number;
  /** New secret data through the provider; concurrent calls for one credential share one. */
  refresh(credential: Credential): Promise<Credential>;
}
