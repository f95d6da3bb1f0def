import { describe, expect, it } from "vitest";
import { echo } from "waygate/plugins/echo";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { modelFilter } from "waygate/plugins/model-filter";
import { proxyKey } from "waygate/plugins/proxy-key";
import { createTestProxy, type TestProxy, type TestProxyOptions } from "waygate/testing";
import { loadCatalog } from "../../src/catalog/load.ts";

const provider = (name: string, models: readonly string[]): ReturnType<typeof openaiCompatible> =>
  openaiCompatible({ name, baseURL: "http://127.0.0.1:1", keys: ["k"], models: [...models] });
const plugins = [echo(), provider("openai", ["gpt-4o"]), provider("openrouter", ["anthropic/claude-sonnet-4.5"])];
const start = (options: Partial<TestProxyOptions> = {}): Promise<TestProxy> => createTestProxy({ plugins, ...options });

type Described = { readonly [field: string]: unknown } & { readonly id: string };
const listed = async (proxy: TestProxy, query = ""): Promise<readonly Described[]> => {
  const response = await proxy.fetch(`/v1/models${query}`);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("application/json");
  return ((await response.json()) as { data: Described[] }).data;
};
const one = async (proxy: TestProxy, id: string): Promise<Described> =>
  (await (await proxy.fetch(`/v1/models/${id}`)).json()) as Described;

describe("described models", () => {
  it("states prices per token, lengths, modalities and capabilities", async () => {
    await using proxy = await start();
    const info = (await loadCatalog()).lookup("openai", "gpt-4o")!;
    const entry = (await listed(proxy)).find(({ id }) => id === "openai/gpt-4o");
    expect(entry).toMatchObject({
      object: "model",
      owned_by: "openai",
      context_length: 128_000,
      max_completion_tokens: info.maxOutputTokens,
      pricing: {
        prompt: info.prices!.input,
        completion: info.prices!.output,
        cached_input: info.prices!.cacheRead,
        cache_write: null,
      },
      architecture: {
        input_modalities: expect.arrayContaining(["text", "image"]) as string[],
        output_modalities: ["text"],
        tokenizer: "o200k_base",
      },
      capabilities: { function_calling: true, vision: true, reasoning: false },
      supported_parameters: expect.arrayContaining(["tools"]) as string[],
      input_cost_per_token: info.prices!.input,
      output_cost_per_token: info.prices!.output,
      context_window: 128_000,
      _match_type: "exact",
    });
    expect(info.prices!.input).toBeGreaterThan(0);
  });

  it("D9 has every field for a model nobody knows, and each is null", async () => {
    await using proxy = await start();
    const [unknown, known] = [await one(proxy, "echo/echo"), await one(proxy, "openai/gpt-4o")];
    expect(Object.keys(unknown)).toEqual(Object.keys(known));
    const { id, object, created, owned_by, _sources, ...rest } = unknown;
    expect({ id, object, owned_by, _sources }).toEqual({
      id: "echo/echo",
      object: "model",
      owned_by: "echo",
      _sources: [],
    });
    expect(created).toBeTypeOf("number");
    const values = Object.values(rest).flatMap((value) => (value === null ? [null] : Object.values(value as object)));
    expect(values.length).toBeGreaterThan(30);
    expect(values.filter((value) => value !== null)).toEqual([]);
  });

  it("describes an alias as its first target", async () => {
    await using proxy = await start({
      models: { best: ["openai/gpt-4o", "echo/echo"], first: ["echo/echo", "openai/gpt-4o"] },
    });
    const [best, first] = [await one(proxy, "best"), await one(proxy, "first")];
    expect(best).toMatchObject({ id: "best", owned_by: "waygate", context_length: 128_000 });
    expect(first).toMatchObject({ id: "first", owned_by: "waygate", context_length: null });
    const entries = await listed(proxy);
    expect(entries.find(({ id }) => id === "best")).toEqual(best);
    expect(entries.find(({ id }) => id === "first")).toEqual(first);
  });

  it("lists an alias whose targets are forbidden, without a description", async () => {
    const filtered = [...plugins, modelFilter({ openai: { ignore: "*" } })];
    await using proxy = await start({ plugins: filtered, models: { best: "openai/gpt-4o" } });
    expect((await listed(proxy)).find(({ id }) => id === "best")).toMatchObject({ context_length: null });
  });

  it.each(["openrouter/anthropic/claude-sonnet-4.5", "openrouter%2Fanthropic%2Fclaude-sonnet-4.5"])(
    "describes %s, whose name holds slashes",
    async (id) => {
      await using proxy = await start();
      expect(await one(proxy, id)).toMatchObject({
        id: "openrouter/anthropic/claude-sonnet-4.5",
        owned_by: "openrouter",
        family: "claude-sonnet",
      });
    },
  );

  it("describes a model that can be asked for but is not listed", async () => {
    await using proxy = await start();
    expect(await one(proxy, "openai/gpt-4.1")).toMatchObject({ owned_by: "openai", context_length: 1_047_576 });
    expect(await one(proxy, "gpt-4o")).toMatchObject({ id: "gpt-4o", owned_by: "openai", context_length: 128_000 });
  });

  it("has the bare shape with enriched=false", async () => {
    await using proxy = await start();
    const bare = { id: "openai/gpt-4o", object: "model", created: expect.any(Number) as number, owned_by: "openai" };
    expect((await listed(proxy, "?enriched=false")).find(({ id }) => id === "openai/gpt-4o")).toEqual(bare);
    expect(await one(proxy, "openai/gpt-4o?enriched=false")).toEqual(bare);
  });

  it("gives each request its own id although the list is kept", async () => {
    await using proxy = await start();
    const ids = await Promise.all(
      [1, 2].map(async () => (await proxy.fetch("/v1/models")).headers.get("x-request-id")),
    );
    expect(new Set(ids).size).toBe(2);
  });

  it("shows a change of what a provider offers at once", async () => {
    await using proxy = await start();
    const before = await listed(proxy);
    expect(await listed(proxy)).toEqual(before);
    proxy.app.models.setListed("openai", ["gpt-4o", "gpt-4.1"]);
    const after = await listed(proxy);
    expect(after.length).toBe(before.length + 1);
    expect(after.find(({ id }) => id === "openai/gpt-4.1")).toMatchObject({ context_length: 1_047_576 });
  });

  it("lists 5,000 models, the same again when asked again", async () => {
    const many = Array.from({ length: 5000 }, (_, index) => `vendor/model-${index}`);
    await using proxy = await start({ plugins: [provider("lab", many)] });
    const list = async (): Promise<string> => (await proxy.fetch("/v1/models")).text();
    const first = await list();
    expect((JSON.parse(first) as { data: object[] }).data).toHaveLength(5000);
    expect(await list()).toBe(first);
  });

  it("asks for the proxy's key", async () => {
    await using proxy = await start({ plugins: [...plugins, proxyKey({ keys: ["secret-key-1234"] })] });
    expect((await proxy.fetch("/v1/models")).status).toBe(401);
  });
});
