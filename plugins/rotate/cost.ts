/** What providers ask for a model's tokens. */
import type { Candidate, Catalog, Prices } from "waygate";

export interface PriceList {
  /** USD for three tokens of input and one of output, the usual shape of a conversation; `Infinity` = unknown. */
  of(candidate: Candidate): number;
  /** For people. */
  describe(candidate: Candidate): string;
}

/** Kept at most, because clients may make names of models up. */
const MOST = 10_000;

export function createPriceList(catalog: Catalog): PriceList {
  const known = new Map<string, Prices | null>();
  const pricesOf = ({ provider, model }: Candidate): Prices | null => {
    const name = `${provider.name}/${model}`;
    let prices = known.get(name);
    if (prices === undefined) {
      prices = catalog.lookup(provider.name, model)?.prices ?? null;
      if (known.size >= MOST) known.clear();
      known.set(name, prices);
    }
    return prices;
  };
  return {
    of(candidate) {
      const prices = pricesOf(candidate);
      if (prices === null || prices.input === null || prices.output === null) return Number.POSITIVE_INFINITY;
      return prices.input * 3 + prices.output;
    },
    describe(candidate) {
      const prices = pricesOf(candidate);
      if (prices === null || prices.input === null || prices.output === null) return "cost: price unknown";
      return `cost: ${perMillion(prices.input)} in, ${perMillion(prices.output)} out (USD per million tokens)`;
    },
  };
}

function perMillion(price: number): string {
  return String(Number((price * 1e6).toPrecision(4)));
}
