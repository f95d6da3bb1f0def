/** Credentials, what rests and why, and how many requests each has in flight. */
import type { Candidate, DropKind } from "../plugin/context.ts";
import type { Credential } from "../plugin/provider.ts";
import type { Gate } from "./gates.ts";
import type { HoldScope } from "./holds.ts";

/** What rests: a provider, a credential, or a credential for one model (or the quota group the model is in). */
export interface RestTarget {
  readonly provider: string;
  /** A credential's id; absent = the whole provider. */
  readonly credential?: string;
  /** Absent = all models. */
  readonly model?: string;
}

/**
 * Terminal states (`invalid`, `no-credit`, `banned`, `disabled`) wait for a human or a successful probe. `half-open`: the
 * time of a rest with `probe` is over, and one request at a time finds out whether it may end.
 */
export type RestState = "cooling" | "exhausted" | "half-open" | "invalid" | "no-credit" | "banned" | "disabled";

export interface Rest {
  readonly state: RestState;
  /** Epoch milliseconds; `Infinity` for terminal states. */
  readonly until: number;
  /** The policy that said so. */
  readonly policy: string;
  /** For people, without secrets: `429, 60 s`. */
  readonly reason: string;
  readonly kind: DropKind;
  /**
   * When its time is over it becomes `half-open`: one request at a time is let through, and the first that is answered
   * ends it. Nobody asking for an hour ends it too.
   */
  readonly probe?: boolean;
}

export interface Credentials {
  list(provider: string): readonly Credential[];
  get(id: string): Credential | undefined;
  /** Adds or, with a known id, replaces. */
  add(credential: Credential): void;
  remove(id: string): void;
  /**
   * Takes the target out of selection from now on, running retry loops included. The later end of two wins; what is
   * `disabled` stays so until it is woken.
   */
  rest(target: RestTarget, rest: Rest): void;
  /** Ends a rest of exactly this target. */
  wake(target: RestTarget): void;
  /** The rest that keeps this candidate out now, if any: the provider's, the credential's or the model's. */
  resting(candidate: Pick<Candidate, "provider" | "model" | "credential">): Rest | undefined;
  /** The rest of exactly this target, `half-open` ones included. */
  restOf(target: RestTarget): Rest | undefined;
  /** Every rest in force, `half-open` ones included, for display. */
  rests(): readonly { readonly target: RestTarget; readonly rest: Rest }[];
  /**
   * Tells at once of every rest that begins or becomes longer, and of one that is ended before its time (`undefined`).
   * For those who tell other workers. Returns the end of the telling.
   */
  watchRests(listener: (target: RestTarget, rest: Rest | undefined) => void): () => void;
  /** Names a group of models that share a quota; cooldowns and counts of one are those of all. Last call wins. */
  setGroups(groupOf: (provider: string, model: string) => string | undefined): void;
  /** The quota group of a model, else the model itself. */
  scope(provider: string, model: string): string;
  /** The most requests a candidate may have in flight; `undefined` = no limit. The smallest of several rules counts. */
  addConcurrency(limit: (candidate: Candidate) => number | undefined): void;
  /** Asks before every attempt, in the order added. */
  addGate(gate: Gate): void;
  /**
   * Leaves candidates out until then because a limit of ours is reached: nothing is wrong with them, requests may wait
   * for them, and `lift` ends it. `resting` tells of it, `rests` does not.
   */
  hold(candidate: Pick<Candidate, "provider" | "model" | "credential">, scope: HoldScope, rest: Rest): void;
  /** Ends what a policy holds of a key, or all it holds; where that is anything, whoever waits looks again. */
  lift(policy: string, credential?: string): void;
  /** A gate may let through now what it has refused: whoever waits looks again. */
  stir(): void;
  /** Requests in flight on a credential, all models together or one. */
  inFlight(credential: string, model?: string): number;
  /** New secret data through the provider; concurrent calls for one credential share one. */
  refresh(credential: Credential): Promise<Credential>;
  /**
   * Asks the upstream now whether the key works, past every policy, and ends what rests of what it shows to work. A key
   * that is `disabled` stays so. Rejects with a `ProxyError` that says what is wrong; nothing rests for it.
   */
  probe(credential: Credential, options?: ProbeOptions): Promise<Probed>;
}

export interface ProbeOptions {
  /**
   * `list`: its models are asked for; `completion`: one token of an answer. Default: the list, where the provider has
   * one and it is not about money or a quota.
   */
  readonly by?: "list" | "completion";
  /** The model for a completion. Default: the first that the provider lists. */
  readonly model?: string;
  readonly signal?: AbortSignal;
}

export interface Probed {
  readonly by: "list" | "completion";
  /** Those listed, or the one that has answered. */
  readonly models: readonly string[];
}
