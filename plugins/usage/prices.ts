/** What an answer cost: by the prices that the config states, else by those of the catalogue. */
import {
  type Attempt,
  type Catalog,
  ConfigError,
  estimateCost,
  matchesGlob,
  type ModelInfo,
  type Usage,
} from "waygate";

/** US dollars per million tokens, as price lists state them. */
export interface PriceOverride {
  readonly input: number;
  readonly output: number;
  /** Of input read from a cache. Default: as input. */
  readonly cacheRead?: number;
  /** Of input written to a cache. Default: as input. */
  readonly cacheWrite?: number;
}

/** By `provider/model`; globs are allowed, and the first that fits counts. */
export interface PriceOverrides {
  readonly [model: string]: PriceOverride;
}

/** Models whose price is remembered; clients may make up names. */
const KEPT = 2000;
const MILLION = 1_000_000;

export interface Pricer {
  cost(attempt: Pick<Attempt, "provider" | "model">, usage: Usage): number | null;
}

/** `onUnknown` is told once for each model that has no price. Throws a `ConfigError` for a price that is none. */
export function createPricer(overrides: PriceOverrides, catalog: Catalog, onUnknown: (model: string) => void): Pricer {
  const own = Object.entries(overrides).map(([pattern, price]) => ({
    matches: matchesGlob(pattern),
    info: infoOf(pattern, price),
  }));
  const known = new Map<string, ModelInfo | undefined>();
  const lookup = (provider: string, model: string): ModelInfo | undefined => {
    const name = `${provider}/${model}`;
    if (known.has(name)) return known.get(name);
    const info = own.find(({ matches }) => matches(name))?.info ?? catalog.lookup(provider, model);
    if (known.size >= KEPT) known.clear();
    known.set(name, info);
    if (!info?.prices) onUnknown(name);
    return info;
  };
  return { cost: ({ provider, model }, usage) => estimateCost(lookup(provider.name, model), usage) };
}

function infoOf(pattern: string, price: PriceOverride): ModelInfo {
  const { input, output, cacheRead, cacheWrite } = price;
  for (const value of [input, output, cacheRead ?? 0, cacheWrite ?? 0]) {
    if (typeof value === "number" && value >= 0 && Number.isFinite(value)) continue;
    throw new ConfigError([
      {
        code: "config_invalid",
        path: ["plugins", "usage", "prices", pattern],
        what: `usage: the price of ${JSON.stringify(pattern)} cannot be used`,
        why: "input and output are US dollars per million tokens",
        fix: "write { input: 1.25, output: 10 }",
      },
    ]);
  }
  const perToken = (value: number | undefined): number | null => (value === undefined ? null : value / MILLION);
  const prices = {
    input: input / MILLION,
    output: output / MILLION,
    cacheRead: perToken(cacheRead),
    cacheWrite: perToken(cacheWrite),
  };
  // Only the prices are asked for.
  return { match: "exact", prices, priceTiers: [] } as unknown as ModelInfo;
}
