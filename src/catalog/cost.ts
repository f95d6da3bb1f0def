/** What tokens cost. */
import type { Usage } from "../protocols/canonical.ts";
import type { ModelInfo, Prices } from "./model-info.ts";

/** Parts of a dollar that a price list knows: a token of a millionth of a dollar per million. */
const PRECISION = 1e12;

/**
 * USD for one answer, or null when a price that is needed is not known. `usage.input` includes what was read from and
 * written to a cache, so each token is priced once. Where a provider has no separate price for cached tokens they cost
 * what input costs.
 */
export function estimateCost(info: ModelInfo | undefined, usage: Usage): number | null {
  if (!info?.prices) return null;
  const { input = 0, output = 0, cacheRead = 0, cacheWrite = 0 } = usage;
  const prices = pricesFor(info, info.prices, input);
  const plain = Math.max(0, input - cacheRead - cacheWrite);
  const parts = [
    part(plain, prices.input),
    part(cacheRead, prices.cacheRead ?? prices.input),
    part(cacheWrite, prices.cacheWrite ?? prices.input),
    part(output, prices.output),
  ];
  let total = 0;
  for (const each of parts) {
    if (each === null) return null;
    total += each;
  }
  // Sums of binary fractions carry digits that mean nothing.
  return Math.round(total * PRECISION) / PRECISION;
}

/** A long input moves the whole request into another tier, as Google and Anthropic bill it. */
function pricesFor(info: ModelInfo, base: Prices, input: number): Prices {
  return info.priceTiers.findLast((tier) => input > tier.above) ?? base;
}

/** No tokens cost nothing, whatever their price is. */
function part(tokens: number, price: number | null): number | null {
  if (tokens === 0) return 0;
  return price === null ? null : tokens * price;
}
