/**
 * What is held back because a limit of ours is reached: a key for one model, a model with all keys, or a provider. Unlike
 * a rest it says nothing about health, is no state worth keeping over a restart, and ends early when places come back.
 */
import type { Rest } from "./credentials.ts";

/** `key`: this key for this model; `model`: all keys of the provider for it; `provider`: all of the provider. */
export type HoldScope = "key" | "model" | "provider";

export interface Held {
  readonly provider: string;
  readonly model: string;
  readonly credential: string;
}

export interface Holds {
  /** The last word of a policy about a place counts. `now` as everywhere in epoch milliseconds. */
  set(place: Held, scope: HoldScope, rest: Rest, now: number): void;
  key(credential: string, model: string, now: number): Rest | undefined;
  /** Of the model with all its keys, or of the whole provider; the later end of two. */
  target(provider: string, model: string, now: number): Rest | undefined;
  /**
   * Forgets what a policy holds of a key, or of all, and with it what it holds of models and providers: a place that
   * comes back with one key comes back there too. Returns the keys that were held, with `""` for models and providers.
   */
  lift(policy: string, credential?: string): readonly string[];
}

/** By the key's id, `""` for models and providers; then by model, `model/` or `""` for the provider. */
type Owners = Map<string, Map<string, Rest>>;

/** Keys held by one policy from which on those whose time is over are looked for. */
const SWEEP = 1024;

export function createHolds(): Holds {
  // By policy, so that one does not end what another holds; there are one or two.
  const policies = new Map<string, { readonly owners: Owners; sweepAt: number }>();

  const latest = (owner: string, places: readonly string[], now: number): Rest | undefined => {
    let found: Rest | undefined;
    for (const { owners } of policies.values()) {
      const held = owners.get(owner);
      if (!held) continue;
      for (const place of places) {
        const rest = held.get(place);
        if (rest && rest.until > now && (!found || rest.until > found.until)) found = rest;
      }
    }
    return found;
  };
  const sweep = (owners: Owners, now: number): void => {
    for (const [owner, held] of owners) {
      for (const [place, rest] of held) if (rest.until <= now) held.delete(place);
      if (held.size === 0) owners.delete(owner);
    }
  };

  return {
    set({ provider, model, credential }, scope, rest, now) {
      let policy = policies.get(rest.policy);
      if (!policy) policies.set(rest.policy, (policy = { owners: new Map(), sweepAt: SWEEP }));
      const { owners } = policy;
      const owner = scope === "key" ? credential : "";
      let held = owners.get(owner);
      if (!held) {
        if (owners.size >= policy.sweepAt) {
          sweep(owners, now);
          policy.sweepAt = Math.max(SWEEP, owners.size * 2);
        }
        owners.set(owner, (held = new Map()));
      }
      // Clients make names of models up.
      if (held.size >= SWEEP) for (const [place, old] of held) if (old.until <= now) held.delete(place);
      held.set(placeOf(scope, provider, model), rest);
    },
    key: (credential, model, now) => (policies.size === 0 ? undefined : latest(credential, [model], now)),
    target: (provider, model, now) =>
      policies.size === 0
        ? undefined
        : latest("", [placeOf("model", provider, model), placeOf("provider", provider, model)], now),
    lift(policy, credential) {
      const owners = policies.get(policy)?.owners;
      if (!owners || owners.size === 0) return [];
      const owned = credential === undefined ? [...owners.keys()] : [credential, ""];
      return owned.filter((owner) => owners.delete(owner));
    },
  };
}

function placeOf(scope: HoldScope, provider: string, model: string): string {
  if (scope === "key") return model;
  return scope === "model" ? `${provider}\0${model}` : provider;
}
