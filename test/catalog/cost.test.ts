import { describe, expect, it } from "vitest";
import { createCatalog } from "../../src/catalog/catalog.ts";
import { estimateCost } from "../../src/catalog/cost.ts";
import type { Usage } from "../../src/protocols/canonical.ts";
import { snapshot } from "./_snapshot.ts";

const catalog = createCatalog(snapshot);
const cost = (provider: string, model: string, usage: Usage): number | null =>
  estimateCost(catalog.lookup(provider, model), usage);

describe("estimateCost", () => {
  it("D3 prices the prompt and the completion, never the answer alone", () => {
    expect(cost("openai", "gpt-x", { input: 1_000_000, output: 1_000_000 })).toBe(10);
  });

  it("D4 prices tokens read from a cache once, at their own price", () => {
    expect(cost("openai", "gpt-x", { input: 1_000_000, cacheRead: 400_000 })).toBe(1.4);
  });

  it("D4 prices tokens written to a cache once, at their own price", () => {
    const usage = { input: 100_000, cacheRead: 40_000, cacheWrite: 10_000, output: 0 };
    expect(cost("anthropic", "claude-y-4-5", usage)).toBe(0.1995);
  });

  it("D4 prices cached tokens as input where they have no price of their own", () => {
    expect(cost("openai", "gpt-x", { input: 1_000_000, cacheWrite: 500_000 })).toBe(2);
    expect(cost("mistral", "large-latest", { input: 1_000_000, cacheRead: 500_000 })).toBe(1);
  });

  it("prices a whole request by the tier its input reaches", () => {
    const at = (input: number): number | null => cost("anthropic", "claude-y-4-5", { input, output: 1000 });
    expect(at(200_000)).toBe(0.615);
    expect(at(200_001)).toBe(1.222506);
    expect(at(1_000_000)).toBe(12.045);
  });

  it.each([
    ["an unknown model", "openai", "gpt-99"],
    ["a model without a price", "nvidia_nim", "lab/z"],
    ["a model whose maker's price is not this provider's", "puter", "gpt-x"],
  ])("D9 is null for %s", (_, provider, model) => {
    expect(cost(provider, model, { input: 10, output: 10 })).toBeNull();
  });

  it("D9 is null when one of the prices that are needed is unknown", () => {
    const half = createCatalog({ sources: {}, providers: { openai: { half: { price: [1] } } } }).lookup(
      "openai",
      "half",
    );
    expect(estimateCost(half, { input: 10, output: 10 })).toBeNull();
    expect(estimateCost(half, { input: 10, output: 0 })).toBe(0.00001);
  });

  it("is zero for a model that is free", () => {
    expect(cost("openrouter", "lab/free:free", { input: 10, output: 10 })).toBe(0);
  });

  it("has no digits of binary fractions", () => {
    expect(cost("openai", "gpt-x", { input: 3, output: 0 })).toBe(0.000006);
  });
});
