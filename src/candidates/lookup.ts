/** From a model's name to targets: exact alias, alias pattern, provider, model that some provider lists, 404. */
import { ProxyError } from "../failure/error.ts";
import { type AliasTable, compileAliases } from "../config/aliases.ts";
import { nearest } from "../config/nearest.ts";
import type { Target } from "../plugin/context.ts";
import type { Provider } from "../plugin/provider.ts";
import { normalizeId } from "./keys.ts";
import type { FallbackPolicy, ModelEntry, Models } from "./models.ts";

const REMEMBERED = 1000;

interface Pair {
  readonly provider: Provider;
  readonly model: string;
}

export interface LookupInit {
  readonly providers: readonly Provider[];
  readonly aliases: { readonly [alias: string]: readonly string[] };
}

export function createModels({ providers, aliases }: LookupInit): Models {
  const byId = new Map(providers.map((provider) => [normalizeId(provider.name), provider]));
  const table: AliasTable = compileAliases(
    aliases,
    providers.map((provider) => provider.name),
  );
  const lists = new Map<string, readonly string[]>(providers.map((provider) => [provider.name, provider.models]));
  const fallbacks: FallbackPolicy[] = [];
  const filters: ((provider: string, model: string) => boolean)[] = [];
  let remembered = new Map<string, readonly Target[]>();
  let entries: readonly ModelEntry[] | undefined;
  const forget = (): void => {
    remembered = new Map();
    entries = undefined;
  };

  const allowed = (provider: string, model: string): boolean => filters.every((filter) => filter(provider, model));
  const providerOf = (name: string): { provider: Provider; model: string } | undefined => {
    const slash = name.indexOf("/");
    if (slash <= 0) return undefined;
    const provider = byId.get(normalizeId(name.slice(0, slash)));
    return provider && { provider, model: name.slice(slash + 1) };
  };

  /** What one name stands for, best first; those in one group are equals. */
  const groups = (name: string): Pair[][] => {
    // The targets of an alias are final: the table has followed aliases of aliases already.
    const targets = table.match(name);
    return targets ? targets.map(expand) : [providerOrListing(name)];
  };
  const expand = (target: string): Pair[] => {
    if (!target.endsWith("/*")) return providerOrListing(target);
    const provider = byId.get(normalizeId(target.slice(0, -2)));
    return provider ? (lists.get(provider.name) ?? []).map((model) => ({ provider, model })) : [];
  };
  const providerOrListing = (name: string): Pair[] => {
    const one = providerOf(name);
    if (one) return [one];
    const listing = providers.filter((provider) => lists.get(provider.name)?.includes(name));
    return listing.map((provider) => ({ provider, model: name }));
  };

  const resolve = (name: string): readonly Target[] => {
    const known = new Set<string>();
    const targets: Target[] = [];
    groups(name).forEach((group, position) => {
      for (const { provider, model } of group) {
        const key = `${provider.name}/${model}`;
        if (known.has(key) || model === "") continue;
        known.add(key);
        targets.push({ provider, model, position });
      }
    });
    if (targets.length === 0) throw notFound(name);
    let all: readonly Target[] = targets;
    for (const policy of fallbacks) {
      const position = all.at(-1)!.position + 1;
      const added = policy(all, name).filter((target) => !known.has(`${target.provider.name}/${target.model}`));
      for (const target of added) known.add(`${target.provider.name}/${target.model}`);
      all = [...all, ...added.map((target) => ({ ...target, position, fallback: true }))];
    }
    const permitted = all.filter((target) => allowed(target.provider.name, target.model));
    if (permitted.length === 0) {
      throw new ProxyError({
        kind: "forbidden",
        status: 403,
        code: "model_not_allowed",
        param: "model",
        message: `The model ${quoted(name)} is switched off here by a filter. All that may be used: GET /v1/models.`,
      });
    }
    return permitted;
  };

  const listed = (): readonly ModelEntry[] => (entries ??= collect());
  const collect = (): ModelEntry[] => {
    const found: ModelEntry[] = table.names().map((id) => ({ id, ownedBy: "waygate" }));
    for (const provider of providers) {
      for (const model of lists.get(provider.name) ?? []) {
        if (allowed(provider.name, model)) found.push({ id: `${provider.name}/${model}`, ownedBy: provider.name });
      }
    }
    return found;
  };

  const notFound = (name: string): ProxyError => {
    const names = listed().map((entry) => entry.id);
    const near = nearest(name, [...names, ...names.map((id) => id.slice(id.indexOf("/") + 1))]);
    const full = near && (names.includes(near) ? near : names.find((id) => id.endsWith(`/${near}`)));
    return new ProxyError({
      kind: "not_found",
      code: "model_not_found",
      param: "model",
      message: `No alias and no provider lists ${quoted(name)}.${full ? ` Nearest: ${full}.` : ""} All: GET /v1/models.`,
    });
  };

  return {
    list: listed,
    resolve(name) {
      let targets = remembered.get(name);
      if (!targets) {
        targets = resolve(name);
        // Clients make names up; neither many nor long ones may pile up here.
        if (remembered.size >= REMEMBERED) remembered = new Map();
        if (name.length <= 256) remembered.set(name, targets);
      }
      return targets;
    },
    isAlias: (name) => table.match(name) !== undefined,
    setListed(provider, models) {
      lists.set(provider, models);
      forget();
    },
    listed: (provider) => lists.get(provider) ?? [],
    addFallback(policy) {
      fallbacks.push(policy);
      forget();
    },
    addFilter(filter) {
      filters.push(filter);
      forget();
      return forget;
    },
  };
}

/** A client's text in a message: JSON-escaped and short, so that no name can break the answer or fill a log. */
function quoted(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);
}
