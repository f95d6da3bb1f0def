/** Whether conversations stay where they are: on the key that has answered them, as long as that can be asked. */
import type { Violate } from "./invariants.ts";
import type { Life, Sending } from "./life.ts";

export interface Affinity {
  /** Before anything else is known of the request. */
  asked(life: Life): void;
  /** The first call for it. `isFree`: whether that key of the same provider could have been asked in its place. */
  sent(life: Life, sending: Sending, isFree: (key: string) => boolean): void;
  /** The proxy has its record of it. */
  ended(life: Life): void;
  /** Another process begins that knows nothing of before. */
  forget(): void;
}

interface Home {
  readonly provider: string;
  readonly key: string;
  readonly at: number;
}

/** Milliseconds a conversation is surely remembered: half of what `sticky()` does. */
const TTL = 1_800_000;

export function createAffinity(violate: Violate, now: () => number): Affinity {
  const homes = new Map<string, Home>();
  const active = new Map<string, number>();
  /** Several of one conversation are or were under way at once: any of them may be the one that is remembered. */
  const mixed = new Set<string>();
  const nameOf = ({ request: { client, model, session } }: Life): string | undefined =>
    session === undefined ? undefined : `${client} ${model} ${session}`;

  return {
    forget: () => homes.clear(),
    asked(life) {
      const name = nameOf(life);
      if (name === undefined) return;
      const others = active.get(name) ?? 0;
      if (others > 0) mixed.add(name);
      active.set(name, others + 1);
    },
    sent(life, { provider, key, model, at }, isFree) {
      const home = homes.get(nameOf(life) ?? "");
      if (!home || home.provider !== provider || home.key === key) return;
      // Who has waited took what came, and what was asked for by an alias may stand elsewhere now.
      if (at !== life.askedAt || at - home.at > TTL || life.request.model !== `${provider}/${model}`) return;
      if (isFree(home.key)) violate("affinity-kept", `${key} was asked though ${home.key} had answered before`, life);
    },
    ended(life) {
      const name = nameOf(life);
      if (name === undefined) return;
      const left = (active.get(name) ?? 1) - 1;
      active.set(name, left);
      const by = life.outcome?.answeredBy;
      const isMixed = mixed.has(name);
      if (left === 0) mixed.delete(name);
      if (isMixed || life.outcome?.end !== "complete" || !by) homes.delete(name);
      else homes.set(name, { provider: by.provider.name, key: by.credential.label ?? "", at: now() });
    },
  };
}
