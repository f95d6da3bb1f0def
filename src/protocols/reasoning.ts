/**
 * How hard to think, in the three ways protocols say it: an effort, a budget in tokens, a level. The budgets are those
 * Google documents for its OpenAI surface (1024, 8192, 24576), continued upwards and downwards.
 */
import type { GenerateRequest } from "./canonical.ts";

export type Reasoning = NonNullable<GenerateRequest["reasoning"]>;
export type Effort = NonNullable<Reasoning["effort"]>;

/** From the least to the most. `none` = no reasoning. */
export const efforts: readonly Effort[] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];

const budgets: { readonly [Name in Effort]: number } = {
  none: 0,
  minimal: 512,
  low: 1024,
  medium: 8192,
  high: 24_576,
  xhigh: 32_768,
  max: 128_000,
};

/** Tokens of reasoning that stand for an effort. */
export function budgetFor(effort: Effort): number {
  return budgets[effort];
}

/** The least effort that allows as many tokens. */
export function effortFor(budget: number): Effort {
  return efforts.find((effort) => budget <= budgets[effort]) ?? "max";
}

/** The effort itself where `known` lists it, else the nearest lower one, else the least of them. */
export function nearestEffort(effort: Effort, known: readonly Effort[]): Effort {
  const at = efforts.indexOf(effort);
  const lower = efforts.slice(0, at + 1).reverse();
  return lower.find((one) => known.includes(one)) ?? efforts.find((one) => known.includes(one)) ?? effort;
}
