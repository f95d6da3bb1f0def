/** How many keys are in which state; for health, the provider list and the commands. */
import type { RestState } from "../candidates/credentials.ts";
import type { App } from "../plugin/app.ts";
import type { Credential } from "../plugin/provider.ts";

export type KeyState = "active" | RestState;

/** The state of a whole key: a rest of one model only leaves it active. */
export function keyState(app: App, credential: Credential): KeyState {
  return app.credentials.restOf({ provider: credential.provider, credential: credential.id })?.state ?? "active";
}

/** Counts by state; states without a key are left out. */
export function keysByState(app: App, provider?: string): { readonly [state: string]: number } {
  const counts: { [state: string]: number } = {};
  const states = new Map<string, RestState>();
  for (const { target, rest } of app.credentials.rests()) {
    if (target.credential !== undefined && target.model === undefined) states.set(target.credential, rest.state);
  }
  for (const each of app.providers) {
    if (provider !== undefined && each.name !== provider) continue;
    for (const credential of app.credentials.list(each.name)) {
      const state = states.get(credential.id) ?? "active";
      counts[state] = (counts[state] ?? 0) + 1;
    }
  }
  return counts;
}
