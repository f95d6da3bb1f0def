/** Every model with what it costs and whether it can be asked now, for `GET /api/models` and `proxy models`. */
import type { Listing } from "../candidates/discovery.ts";
import type { ModelEntry } from "../candidates/models.ts";
import type { Catalog } from "../catalog/catalog.ts";
import { ProxyError } from "../failure/error.ts";
import type { App } from "../plugin/app.ts";

/** `none`: the name leads nowhere, because a filter forbids its targets or nobody lists them. */
export type ModelState = "ready" | "resting" | "need-you" | "no-key" | "none";

export interface ModelStatus {
  readonly id: string;
  /** The provider's id, or `waygate` for an alias. */
  readonly owned_by: string;
  /** `provider/model` in the order in which they are asked; fallbacks of policies left out. */
  readonly targets: readonly string[];
  readonly context_length: number | null;
  readonly max_completion_tokens: number | null;
  /** USD per token. */
  readonly pricing: { readonly prompt: number | null; readonly completion: number | null };
  readonly state: ModelState;
  /** When the first key is back, ISO 8601; null unless it rests. */
  readonly until: string | null;
}

export interface ModelsDocument {
  /** When this was so, ISO 8601. */
  readonly at: string;
  readonly models: readonly ModelStatus[];
  /** Where each provider's list comes from. */
  readonly providers: readonly (Listing & { readonly models: number })[];
}

interface Standing {
  readonly state: ModelState;
  readonly until: number;
}

interface Named {
  readonly provider: string;
  readonly model: string;
}

export function modelsDocument(app: App, catalog: Catalog, listings: readonly Listing[]): ModelsDocument {
  const standing = standingOf(app);
  const describe = (entry: ModelEntry): ModelStatus => {
    const targets = targetsOf(app, entry);
    const [first] = targets;
    const info = first && catalog.lookup(first.provider, first.model);
    const { state, until } = best(targets.map(standing));
    return {
      id: entry.id,
      owned_by: entry.ownedBy,
      targets: targets.map(({ provider, model }) => `${provider}/${model}`),
      context_length: info?.contextLength ?? null,
      max_completion_tokens: info?.maxOutputTokens ?? null,
      pricing: { prompt: info?.prices?.input ?? null, completion: info?.prices?.output ?? null },
      state,
      until: state === "resting" ? new Date(until).toISOString() : null,
    };
  };
  return {
    at: new Date(app.runtime.clock.now()).toISOString(),
    models: app.models.list().map(describe),
    providers: listings.map((listing) => ({ ...listing, models: app.models.listed(listing.provider).length })),
  };
}

function targetsOf({ models }: App, { id, ownedBy }: ModelEntry): readonly Named[] {
  // Looking thousands of names up would push those out of the memory that requests use.
  if (!models.isAlias(id)) return [{ provider: ownedBy, model: id.slice(ownedBy.length + 1) }];
  try {
    const targets = models.resolve(id).filter(({ fallback }) => !fallback);
    return targets.map(({ provider, model }) => ({ provider: provider.name, model }));
  } catch (error) {
    // An alias is listed also when a filter forbids all its targets, or nobody lists them.
    if (ProxyError.is(error)) return [];
    throw error;
  }
}

/** Best first. */
const order: readonly ModelState[] = ["ready", "resting", "need-you", "no-key", "none"];

function best(standings: readonly Standing[]): Standing {
  return standings.reduce(
    (found, each) => {
      const ahead = order.indexOf(found.state) - order.indexOf(each.state);
      return ahead > 0 || (ahead === 0 && each.until < found.until) ? each : found;
    },
    { state: "none", until: Number.POSITIVE_INFINITY },
  );
}

/** Made once for all models: of thousands of keys and thousands of models nobody may look at every pair. */
function standingOf({ credentials, providers }: App): (target: Named) => Standing {
  const whole = new Map<string, number>();
  const keys = new Map<string, number>();
  const scoped = new Map<string, Map<string, number>>();
  for (const { target, rest } of credentials.rests()) {
    if (target.credential === undefined) whole.set(target.provider, rest.until);
    else if (target.model === undefined) keys.set(target.credential, rest.until);
    else {
      const place = `${target.provider}\0${credentials.scope(target.provider, target.model)}`;
      const resting = scoped.get(place) ?? new Map<string, number>();
      scoped.set(place, resting.set(target.credential, rest.until));
    }
  }
  const held = new Map(providers.map(({ name }) => [name, credentials.list(name).map(({ id }) => id)]));
  const common = new Map<string, Standing>();
  return ({ provider, model }) => {
    const resting = scoped.get(`${provider}\0${credentials.scope(provider, model)}`);
    const known = resting === undefined ? common.get(provider) : undefined;
    if (known) return known;
    const ids = held.get(provider) ?? [];
    const least = whole.get(provider) ?? 0;
    let until = Number.POSITIVE_INFINITY;
    for (const id of ids) until = Math.min(until, Math.max(least, keys.get(id) ?? 0, resting?.get(id) ?? 0));
    const state =
      ids.length === 0 ? "no-key" : until === 0 ? "ready" : until === Number.POSITIVE_INFINITY ? "need-you" : "resting";
    const standing: Standing = { state, until };
    if (resting === undefined) common.set(provider, standing);
    return standing;
  };
}
