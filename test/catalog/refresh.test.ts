import { describe, expect, it } from "vitest";
import { buildProviders, type DevModel, type LiteModel, type ModelsDev } from "../../scripts/refresh-catalog.rows.ts";
import type { Row } from "../../src/catalog/snapshot.ts";

const filler: DevModel = { cost: { input: 1, output: 1 } };
const everybody =
  "openai anthropic google openrouter groq mistral cohere nvidia chutes deepseek xai togetherai cerebras huggingface ollama-cloud alibaba moonshotai zai minimax";

/** The rows of `openai` from these two lists. */
function rows(dev: { [model: string]: DevModel }, lite: { [model: string]: LiteModel } = {}): { [model: string]: Row } {
  const lists: ModelsDev = Object.fromEntries(
    everybody.split(" ").map((id) => [id, { models: id === "openai" ? { filler, ...dev } : { filler } }]),
  );
  return buildProviders(lists, lite)["openai"]!;
}
const lite = (fields: object): LiteModel => ({ litellm_provider: "openai", mode: "chat", ...fields });

describe("the refresh of the catalogue", () => {
  it("keeps what models.dev describes", () => {
    const entry: DevModel = {
      tool_call: true,
      temperature: false,
      modalities: { input: ["text", "image"], output: ["text"] },
      limit: { context: 10, output: 5 },
      cost: { input: 2, output: 8, cache_read: 0.5, cache_write: 0 },
    };
    expect(rows({ m: entry })["m"]).toEqual({
      context: 10,
      output: 5,
      price: [2, 8, 0.5],
      in: "text image",
      out: "text",
      can: "tools",
      cannot: "temperature",
    });
  });

  it("takes the price from LiteLLM where both have one", () => {
    const priced = lite({ input_cost_per_token: 3e-6, output_cost_per_token: 9e-6 });
    const built = rows({ m: { limit: { context: 10 }, cost: { input: 2, output: 8, cache_read: 1 } } }, { m: priced });
    expect(built["m"]).toMatchObject({ context: 10, price: [3, 9] });
  });

  it("joins cached prices and tiers of two lists that agree on the price", () => {
    const tiered = { input: 2, output: 8, tiers: [{ tier: { size: 200_000 }, input: 4, output: 16 }] };
    const priced = lite({ input_cost_per_token: 2e-6, output_cost_per_token: 8e-6, cache_read_input_token_cost: 2e-7 });
    expect(rows({ m: { cost: tiered } }, { m: priced })["m"]).toMatchObject({
      price: [2, 8, 0.2],
      tiers: [[200_000, 4, 16]],
    });
  });

  it("reads the tiers of LiteLLM", () => {
    const priced = lite({
      input_cost_per_token: 1e-6,
      output_cost_per_token: 2e-6,
      input_cost_per_token_above_200k_tokens: 2e-6,
      output_cost_per_token_above_200k_tokens: 3e-6,
      input_cost_per_token_above_200k_tokens_batches: 1e-6,
    });
    expect(rows({}, { m: priced })["m"]?.tiers).toEqual([[200_000, 2, 3]]);
  });

  it("D9 takes a price of zero for unknown unless the model is called free", () => {
    const zero: DevModel = { cost: { input: 0, output: 0 } };
    const built = rows({ a: zero, "a:free": zero }, { b: lite({ input_cost_per_token: 0, output_cost_per_token: 0 }) });
    expect(built["a"]).not.toHaveProperty("price");
    expect(built["b"]).not.toHaveProperty("price");
    expect(built["a:free"]?.price).toEqual([0, 0]);
  });

  it("D9 does not let an unknown price hide a known one", () => {
    const unpriced = lite({ input_cost_per_token: 0, output_cost_per_token: 0 });
    expect(rows({ m: { cost: { input: 2, output: 8 } } }, { m: unpriced })["m"]?.price).toEqual([2, 8]);
  });

  it("describes a dated release like its model", () => {
    const dated = lite({ max_input_tokens: 7, input_cost_per_token: 1e-6, output_cost_per_token: 1e-6 });
    const built = rows({ m: { limit: { context: 10 } } }, { "m-2020-01-01": dated });
    expect(built["m-2020-01-01"]).toMatchObject({ context: 10, price: [1, 1] });
  });

  it("leaves out what is not priced per token and what is no model", () => {
    const built = rows({}, { painter: lite({ mode: "image_generation" }), "ft:m": lite({}) });
    expect(Object.keys(built)).toEqual(["filler"]);
  });

  it("fails when a provider has no model left", () => {
    expect(() => buildProviders({}, {})).toThrow(/Neither list has a model of openai/);
  });
});
