import { describe, expect, it } from "vitest";
import { echo } from "waygate/plugins/echo";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { proxyKey } from "waygate/plugins/proxy-key";
import { createTestProxy, type TestProxy, type TestProxyOptions } from "waygate/testing";
import { loadCatalog } from "../../src/catalog/load.ts";
import type { Prices } from "../../src/catalog/model-info.ts";

const openai = openaiCompatible({ name: "openai", baseURL: "http://127.0.0.1:1", keys: ["k"], models: ["gpt-4o"] });
const start = (options: Partial<TestProxyOptions> = {}): Promise<TestProxy> =>
  createTestProxy({ plugins: [echo(), openai], models: { best: ["openai/gpt-4o", "echo/echo"] }, ...options });

const ask = (proxy: TestProxy, body: unknown, headers: { [name: string]: string } = {}): Promise<Response> =>
  proxy.fetch("/v1/cost-estimate", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
const estimate = async (proxy: TestProxy, body: object): Promise<{ readonly [field: string]: unknown }> => {
  const response = await ask(proxy, body);
  expect(response.status).toBe(200);
  return (await response.json()) as { readonly [field: string]: unknown };
};
const prices = async (): Promise<Prices> => (await loadCatalog()).lookup("openai", "gpt-4o")!.prices!;

describe("POST /v1/cost-estimate", () => {
  it("D3 prices prompt and completion, and says by which prices", async () => {
    await using proxy = await start();
    const { input, output, cacheRead } = await prices();
    const answer = await estimate(proxy, { model: "openai/gpt-4o", prompt_tokens: 1000, completion_tokens: 500 });
    expect(answer).toEqual({
      model: "openai/gpt-4o",
      cost: expect.closeTo(1000 * input! + 500 * output!, 12) as number,
      currency: "USD",
      pricing: {
        input_cost_per_token: input,
        output_cost_per_token: output,
        cache_read_input_token_cost: cacheRead,
        cache_creation_input_token_cost: null,
      },
      source: "catalog",
    });
  });

  it("D4 prices cached tokens once: prompt_tokens counts them too, as in OpenAI's usage", async () => {
    await using proxy = await start();
    const { input, cacheRead } = await prices();
    const asked = { model: "openai/gpt-4o", prompt_tokens: 1000, completion_tokens: 0, cache_read_tokens: 400 };
    expect((await estimate(proxy, asked))["cost"]).toBeCloseTo(600 * input! + 400 * cacheRead!, 12);
    const written = { ...asked, cache_creation_tokens: 100 };
    expect((await estimate(proxy, written))["cost"]).toBeCloseTo(600 * input! + 400 * cacheRead!, 12);
  });

  it("D9 says null and unknown where no price is known, never zero", async () => {
    await using proxy = await start();
    for (const model of ["echo/echo", "openai/gpt-99", "nothing-of-the-kind", "nobody/nothing"]) {
      expect(await estimate(proxy, { model, prompt_tokens: 10, completion_tokens: 10 })).toEqual({
        model,
        cost: null,
        currency: "USD",
        pricing: {
          input_cost_per_token: null,
          output_cost_per_token: null,
          cache_read_input_token_cost: null,
          cache_creation_input_token_cost: null,
        },
        source: "unknown",
        error: `No price is known for the model "${model}".`,
      });
    }
  });

  it.each(["best", "gpt-4o", "openai/gpt-4o-2024-11-20", "claude-sonnet-4-5", "anthropic/claude-sonnet-4-5"])(
    "knows the price of %s, offered here or not",
    async (model) => {
      await using proxy = await start();
      const answer = await estimate(proxy, { model, prompt_tokens: 10, completion_tokens: 10 });
      expect(answer).toMatchObject({ model, source: "catalog" });
      expect(answer["cost"]).toBeGreaterThan(0);
    },
  );

  const whole = { model: "best", prompt_tokens: 1, completion_tokens: 1 };
  it.each([
    [{ ...whole, model: undefined }, "model"],
    [{ ...whole, model: 7 }, "model"],
    [{ ...whole, prompt_tokens: undefined }, "prompt_tokens"],
    [{ ...whole, completion_tokens: null }, "completion_tokens"],
    [{ ...whole, prompt_tokens: "many" }, "prompt_tokens"],
    [{ ...whole, prompt_tokens: -1 }, "prompt_tokens"],
    [{ ...whole, completion_tokens: 1.5 }, "completion_tokens"],
    [{ ...whole, cache_read_tokens: 2 }, "prompt_tokens"],
    [{ ...whole, cache_creation_tokens: "x" }, "cache_creation_tokens"],
  ])("refuses %j with a 400 that names %s", async (body, param) => {
    await using proxy = await start();
    const response = await ask(proxy, body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { type: "invalid_request_error", param } });
  });

  it.each(["", "{", "[]", "null"])("refuses the body %j with a 400", async (body) => {
    await using proxy = await start();
    const response = await ask(proxy, body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: "invalid_json" } });
  });

  it("keeps the limit of bodies and asks for the proxy's key before it reads one", async () => {
    await using proxy = await start({
      server: { maxBody: 100 },
      plugins: [echo(), openai, proxyKey({ keys: ["secret-key-1234"] })],
    });
    expect((await ask(proxy, "{")).status).toBe(401);
    const long = { ...whole, note: "x".repeat(200) };
    expect((await ask(proxy, long, { authorization: "Bearer secret-key-1234" })).status).toBe(413);
  });

  it("answers 405 to GET", async () => {
    await using proxy = await start();
    const response = await proxy.fetch("/v1/cost-estimate");
    expect([response.status, response.headers.get("allow")]).toEqual([405, "POST, OPTIONS"]);
  });
});
