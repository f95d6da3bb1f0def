/** Finds a model by provider and name. A name that means something else is worse than none. */
import type { ModelInfo } from "./model-info.ts";
import { catalogProvider, isVendor, modelKey, splitVendor, variantsOf, withoutRoute } from "./names.ts";
import { describeRow, type Row, type Snapshot } from "./snapshot.ts";

export interface Catalog {
  /** What is known about a provider's model. `undefined` when nobody lists it. */
  lookup(provider: string, model: string): ModelInfo | undefined;
  /** The vendor of a model that is named without a provider, when exactly one has it. */
  vendorOf(model: string): string | undefined;
}

interface Entry {
  readonly provider: string;
  readonly model: string;
  readonly row: Row;
}

/** Makes a catalogue of stored data. Providers are indexed when they are first asked for. */
export function createCatalog(data: Snapshot): Catalog {
  const indexes = new Map<string, ReadonlyMap<string, Entry>>();
  const indexOf = (provider: string): ReadonlyMap<string, Entry> | undefined => {
    const known = indexes.get(provider);
    if (known || !Object.hasOwn(data.providers, provider)) return known;
    const index = new Map<string, Entry>();
    for (const [model, row] of Object.entries(data.providers[provider]!)) {
      index.set(model, { provider, model, row });
      // Of two names that differ only in dots the one listed first stands for the common form.
      if (!index.has(modelKey(model))) index.set(modelKey(model), { provider, model, row });
    }
    indexes.set(provider, index);
    return index;
  };
  const exact = (provider: string, model: string): Entry | undefined => {
    const index = indexOf(provider);
    return index?.get(model) ?? index?.get(modelKey(model));
  };
  const variant = (provider: string, model: string): Entry | undefined => {
    for (const name of variantsOf(model)) {
      const found = exact(provider, name);
      if (found) return found;
    }
    return undefined;
  };

  /** The provider's own entry, also when the name repeats the provider: `openai/gpt-4o` of `openai`. */
  const own = (provider: string, model: string): ModelInfo | undefined => {
    const { vendor, name } = splitVendor(model);
    const names = vendor === provider || vendor === "models" ? [model, name] : [model];
    for (const each of names) {
      const found = exact(provider, each);
      if (found) return describeRow(found.provider, found.model, found.row, "exact");
    }
    for (const each of names) {
      const found = variant(provider, each);
      if (found) return describeRow(found.provider, found.model, found.row, "variant");
    }
    return undefined;
  };
  const vendorOf = (model: string): string | undefined => {
    const having = Object.keys(data.providers).filter(
      (id) => isVendor(id) && (exact(id, model) ?? variant(id, model)) !== undefined,
    );
    return having.length === 1 ? having[0] : undefined;
  };
  const borrowed = (provider: string, model: string): ModelInfo | undefined => {
    const plain = withoutRoute(model);
    const sold = plain === model ? undefined : (exact(provider, plain) ?? variant(provider, plain));
    if (sold) return describeRow(sold.provider, sold.model, sold.row, "vendor");
    const { vendor, name } = splitVendor(plain);
    const maker = vendor === undefined ? vendorOf(name) : isVendor(vendor) ? vendor : undefined;
    const made = maker === undefined ? undefined : (exact(maker, name) ?? variant(maker, name));
    return made && describeRow(made.provider, made.model, made.row, "vendor");
  };

  return {
    lookup(provider, model) {
      const id = catalogProvider(provider);
      return own(id, model) ?? borrowed(id, model);
    },
    vendorOf,
  };
}
