/** Changes of a world before it runs. */
import { anonymousCredential } from "../../candidates/keys.ts";
import type { UserWorld } from "./world.ts";

export type WhatIf =
  | { readonly kind: "add"; readonly provider: string; readonly count: number }
  /** Without `key`: all of the provider. `key` is a credential's id, `name` what it is called. */
  | {
      readonly kind: "without";
      readonly provider: string;
      readonly key?: { readonly id: string; readonly name: string };
    }
  | { readonly kind: "swap"; readonly tiers: readonly [number, number] };

/** More keys are like the provider's first one. Tiers are swapped where plugins are made, not here. */
export function changeKeys({ pool }: Pick<UserWorld, "pool">, change: WhatIf): void {
  if (change.kind === "swap") return;
  const { provider } = change;
  const keys = pool.list(provider);
  if (change.kind === "without") {
    for (const { id } of keys) if (change.key === undefined || change.key.id === id) pool.remove(id);
    return;
  }
  const like = keys[0] ?? anonymousCredential(provider);
  for (let index = 1; index <= change.count; index++) {
    const name = `added-${index}`;
    pool.add({ ...like, id: `${provider}:${name}`, label: name, masked: undefined });
  }
}
