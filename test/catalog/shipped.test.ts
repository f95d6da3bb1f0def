import { describe, expect, it } from "vitest";
import { createCatalog } from "../../src/catalog/catalog.ts";
import { loadCatalog } from "../../src/catalog/load.ts";
import type { ModelInfo, Prices } from "../../src/catalog/model-info.ts";
import type { Snapshot } from "../../src/catalog/snapshot.ts";
import data from "../../src/catalog/models.json" with { type: "json" };

const snapshot = data as unknown as Snapshot;
const catalog = createCatalog(snapshot);
const all: readonly ModelInfo[] = Object.entries(snapshot.providers).flatMap(([provider, models]) =>
  Object.keys(models).map((model) => catalog.lookup(provider, model)!),
);

describe("the catalogue that ships", () => {
  it("finds every one of its models under its own name", () => {
    const wrong = all.filter(({ match }) => match !== "exact").map(({ provider, model }) => `${provider}/${model}`);
    expect(all.length).toBeGreaterThan(500);
    expect(wrong).toEqual([]);
  });

  it("is loaded once", async () => {
    expect(loadCatalog()).toBe(loadCatalog());
    expect((await loadCatalog()).lookup("openai", "gpt-4o")).toMatchObject({ match: "exact", contextLength: 128_000 });
  });

  it("holds prices per token, none of them absurd", () => {
    const odd = (prices: Prices): boolean =>
      Object.values(prices).some((price: number | null) => price !== null && !(price >= 0 && price < 0.001));
    expect(all.filter(({ prices }) => prices && odd(prices)).map(({ model }) => model)).toEqual([]);
    expect(all.filter(({ prices }) => prices).length).toBeGreaterThan(all.length / 2);
  });

  it("D9 has no zero for an unknown price", () => {
    const free = all.filter(({ prices }) => prices?.input === 0 && (prices.output ?? 0) === 0);
    expect(free.filter(({ model }) => !model.endsWith("free")).map(({ model }) => model)).toEqual([]);
  });

  it("names the licence of its sources", () => {
    for (const source of Object.values(snapshot.sources)) expect(source).toMatchObject({ license: "MIT" });
  });
});
