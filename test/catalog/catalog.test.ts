import { describe, expect, it } from "vitest";
import { createCatalog } from "../../src/catalog/catalog.ts";
import { snapshot } from "./_snapshot.ts";

const catalog = createCatalog(snapshot);
const found = (provider: string, model: string): string | undefined => {
  const info = catalog.lookup(provider, model);
  return info && `${info.match} ${info.provider}/${info.model}`;
};

describe("lookup", () => {
  it.each([
    ["openai", "gpt-x", "exact openai/gpt-x"],
    ["OpenAI", "openai/gpt-x", "exact openai/gpt-x"],
    ["anthropic", "claude-y-4.5", "exact anthropic/claude-y-4-5"],
    ["google", "x", undefined],
    ["nvidia-nim", "lab/z", "exact nvidia_nim/lab/z"],
    ["nvidia", "lab/z", "exact nvidia_nim/lab/z"],
    ["openrouter", "openai/gpt-x", "exact openrouter/openai/gpt-x"],
    ["openai", "gpt-x-2020-01-01", "exact openai/gpt-x-2020-01-01"],
  ])("knows %s %s as %s", (provider, model, expected) => {
    expect(found(provider, model)).toBe(expected);
  });

  it.each([
    ["openai", "gpt-x-2031-12-24"],
    ["openai", "gpt-x-latest"],
    ["openai", "openai/gpt-x-20311224"],
    ["openai", "gpt-x-001"],
  ])("takes the release %s %s for the model itself, at its price", (provider, model) => {
    expect(found(provider, model)).toBe("variant openai/gpt-x");
    expect(catalog.lookup(provider, model)?.prices?.input).toBe(2e-6);
  });

  it("takes a plain name for the latest release where only that is listed", () => {
    expect(found("mistral", "large")).toBe("variant mistral/large-latest");
  });

  it.each([
    ["puter", "gpt-x"],
    ["g4f", "gpt-x-latest"],
    ["together", "openai/gpt-x"],
  ])("describes what %s sells as %s like its maker, without a price", (provider, model) => {
    const info = catalog.lookup(provider, model);
    expect(info).toMatchObject({ match: "vendor", provider: "openai", contextLength: 400_000, prices: null });
    expect(info?.priceTiers).toEqual([]);
  });

  it("gives a route of another price no price", () => {
    const info = catalog.lookup("openrouter", "openai/gpt-x:free");
    expect(info).toMatchObject({ match: "vendor", model: "openai/gpt-x", prices: null });
  });

  it("keeps the price of a model that is called free, which is none", () => {
    expect(catalog.lookup("openrouter", "lab/free:free")?.prices).toMatchObject({ input: 0, output: 0 });
  });

  it.each([
    ["openai", "gpt-x-mini"],
    ["openai", "gpt"],
    ["openai", "gpt-xy"],
    ["openai", "claude-z"],
    ["openai", "my-gpt-x"],
    ["openai", ""],
    ["openai", "__proto__"],
    ["__proto__", "toString"],
    ["constructor", "gpt-99"],
    // Two vendors have one of this name: nobody can tell which is meant.
    ["puter", "shared"],
    // The prefix says whose it is, and they have none.
    ["puter", "anthropic/gpt-x"],
    ["puter", "unheard-of/gpt-x"],
  ])("knows nothing about %s %s", (provider, model) => {
    expect(found(provider, model)).toBeUndefined();
  });

  it("says true, false and unknown apart", () => {
    expect(catalog.lookup("openai", "gpt-x")?.capabilities).toMatchObject({
      tools: true,
      temperature: false,
      vision: true,
      interleaved: null,
    });
    expect(catalog.lookup("mistral", "large-latest")?.capabilities).toMatchObject({ tools: null, vision: null });
  });
});

describe("vendorOf", () => {
  it("names the only maker of a model", () => {
    expect(catalog.vendorOf("gpt-x")).toBe("openai");
    expect(catalog.vendorOf("shared")).toBeUndefined();
    expect(catalog.vendorOf("nothing")).toBeUndefined();
  });
});
