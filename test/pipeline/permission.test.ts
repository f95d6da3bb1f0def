import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { proxyKey } from "waygate/plugins/proxy-key";
import { createTestProxy, createUpstream, type TestProxy, type Upstream } from "waygate/testing";

describe("a key that may use some models only", () => {
  let upstream: Upstream;
  let proxy: TestProxy;
  const as = (key: string): RequestInit => ({ headers: { authorization: `Bearer ${key}` } });
  const statusOf = async (model: string, key = "small"): Promise<number> =>
    (await proxy.chat({ model }, as(key))).status;

  beforeAll(async () => {
    upstream = await createUpstream();
    proxy = await createTestProxy({
      plugins: [
        proxyKey({ keys: ["all", { key: "small", models: ["small-*", "cheap"] }] }),
        openaiCompatible({ name: "lab", baseURL: upstream.url, keys: ["k"], models: ["small-1", "large-1"] }),
      ],
      models: { cheap: "lab/large-1", mixed: ["lab/large-1", "lab/small-1"], dear: "lab/large-1" },
    });
  });
  afterAll(async () => {
    await proxy.close();
    await upstream.close();
  });

  it("gets those, with and without the provider's name, and aliases it is allowed", async () => {
    expect(
      await Promise.all(["lab/small-1", "small-1", "lab/small-new", "cheap"].map((model) => statusOf(model))),
    ).toEqual([200, 200, 200, 200]);
  });

  it("is refused all others with 403, whatever they are called", async () => {
    const refused = await proxy.chat({ model: "lab/large-1" }, as("small"));
    expect([refused.status, ((await refused.json()) as { error: { code: string } }).error.code]).toEqual([
      403,
      "model_not_allowed",
    ]);
    expect(await Promise.all([statusOf("large-1"), statusOf("dear"), statusOf("lab/large-1", "all")])).toEqual([
      403, 403, 200,
    ]);
  });

  it("reaches only its own targets of an alias that it is not allowed as such", async () => {
    const before = upstream.requests.length;
    expect(await statusOf("mixed")).toBe(200);
    expect(upstream.requests.slice(before).map(({ model }) => model)).toEqual(["small-1"]);
  });

  it("sees only those in the list", async () => {
    const list = (await (await proxy.fetch("/v1/models", as("small"))).json()) as { data: { id: string }[] };
    expect(list.data.map(({ id }) => id)).toEqual(["cheap", "lab/small-1"]);
  });
});
