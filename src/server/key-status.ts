/** Every key with its state, as `GET /api/keys/status` and `proxy keys` show it. No secrets: masked keys and labels. */
import type { Rest, RestState } from "../candidates/credentials.ts";
import type { App } from "../plugin/app.ts";
import type { Credential, Limits } from "../plugin/provider.ts";

/** Something that rests, and until when. */
export interface RestStatus {
  readonly state: RestState;
  /** ISO 8601; null when somebody has to act, or when one request finds out. */
  readonly until: string | null;
  readonly reason: string;
}

export interface KeyStatus {
  /** The credential's id: the provider's name and a hash. */
  readonly id: string;
  readonly label: string | null;
  /** First and last four characters of a long key. */
  readonly masked: string | null;
  /** True for the stand-in of a provider that asks for no key. */
  readonly anonymous: boolean;
  /** Of the whole key. `unknown` when nothing has run that could know. */
  readonly state: "active" | "unknown" | RestState;
  readonly until: string | null;
  readonly reason: string | null;
  /** Models or quota groups that rest for this key alone, soonest first, at most 20. */
  readonly models: readonly (RestStatus & { readonly model: string })[];
  readonly inFlight: number;
  /** Requests sent since the daily reset; null when nobody counts. */
  readonly usesToday: number | null;
  readonly limits: Limits | null;
}

export interface ProviderKeys {
  readonly provider: string;
  readonly tier: number | null;
  /** What keeps the provider as a whole from being asked. */
  readonly rest: RestStatus | null;
  readonly keys: readonly KeyStatus[];
}

export interface KeysDocument {
  /** When this was so, ISO 8601. */
  readonly at: string;
  readonly providers: readonly ProviderKeys[];
}

export interface KeysInit {
  readonly usesToday?: (credential: string) => number;
  /** False: the proxy serves nobody, so no state is known. Default true. */
  readonly running?: boolean;
}

const MODELS = 20;

interface RestsOfKey {
  own?: Rest;
  readonly models: { readonly model: string; readonly rest: Rest }[];
}

export function keysDocument(app: App, { usesToday, running = true }: KeysInit = {}): KeysDocument {
  const providers = new Map<string, Rest>();
  const keys = new Map<string, RestsOfKey>();
  for (const { target, rest } of app.credentials.rests()) {
    if (target.credential === undefined) {
      providers.set(target.provider, rest);
      continue;
    }
    let held = keys.get(target.credential);
    if (held === undefined) keys.set(target.credential, (held = { models: [] }));
    if (target.model === undefined) held.own = rest;
    else held.models.push({ model: app.credentials.scope(target.provider, target.model), rest });
  }
  const statusOf = (credential: Credential): KeyStatus => {
    const { own, models = [] } = keys.get(credential.id) ?? {};
    return {
      id: credential.id,
      label: credential.label ?? null,
      masked: credential.masked ?? null,
      anonymous: credential.id.endsWith(":anonymous"),
      state: running ? (own?.state ?? "active") : "unknown",
      until: own === undefined ? null : timeOf(own),
      reason: own?.reason ?? null,
      models: models
        .toSorted((a, b) => a.rest.until - b.rest.until)
        .slice(0, MODELS)
        .map(({ model, rest }) => ({ model, ...shown(rest) })),
      inFlight: app.credentials.inFlight(credential.id),
      usesToday: usesToday?.(credential.id) ?? null,
      limits: credential.limits ?? null,
    };
  };
  return {
    at: new Date(app.runtime.clock.now()).toISOString(),
    providers: app.providers.map(({ name, tier }) => {
      const rest = providers.get(name);
      return {
        provider: name,
        tier: tier ?? null,
        rest: rest === undefined ? null : shown(rest),
        keys: app.credentials.list(name).map(statusOf),
      };
    }),
  };
}

function shown(rest: Rest): RestStatus {
  return { state: rest.state, until: timeOf(rest), reason: rest.reason };
}

function timeOf({ state, until }: Rest): string | null {
  return until === Number.POSITIVE_INFINITY || state === "half-open" ? null : new Date(until).toISOString();
}
