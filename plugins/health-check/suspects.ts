/** Which keys are worth asking about. */
import type { App, Rest } from "waygate";

/** A rest must have this long to go before somebody asks. */
const LONG = 600_000;

/** Ids of the provider's keys that rest as something a probe may end, each once. */
export function suspectsOf(app: App, provider: string): readonly string[] {
  const soon = app.runtime.clock.now() + LONG;
  const found = new Set<string>();
  for (const { target, rest } of app.credentials.rests()) {
    if (target.provider === provider && target.credential !== undefined && mayHaveEnded(rest, soon)) {
      found.add(target.credential);
    }
  }
  return [...found];
}

/** Still one, when its turn has come. */
export function isSuspect(app: App, provider: string, credential: string): boolean {
  const own = app.credentials.restOf({ provider, credential })?.state;
  return own !== "banned" && own !== "disabled" && suspectsOf(app, provider).includes(credential);
}

function mayHaveEnded({ state, until, kind }: Rest, soon: number): boolean {
  if (state === "invalid" || state === "no-credit") return true;
  return state === "cooling" && until > soon && kind !== "rate_limited" && kind !== "quota_exhausted";
}
