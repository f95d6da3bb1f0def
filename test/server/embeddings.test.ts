import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cooldown } from "waygate/plugins/cooldown";
import {
  createTestProxy,
  status,
  type Step,
  type TestProxy,
  type TestProxyOptions,
  type Upstream,
  createUpstream,
} from "waygate/testing";
import { definePlugin } from "waygate";
import { post, sideProtocols, sideProvider, vectorsFor } from "./_side-protocols.ts";

const vectors: Step = (request) => status(200, vectorsFor(request.json));

describe("embeddings across protocols", () => {
  let upstream: Upstream;
  let other: Upstream;
  beforeEach(async () => {
    upstream = await createUpstream({ base: "", step: vectors });
    other = await createUpstream({ base: "", step: vectors });
  });
  afterEach(() => Promise.all([upstream.close(), other.close()]));

  const start = (options: Partial<TestProxyOptions> = {}): Promise<TestProxy> =>
    createTestProxy({
      plugins: [
        sideProtocols,
        sideProvider("lists", "list", { baseURL: upstream.url, keys: ["key-1", "key-2"] }),
        sideProvider("ones", "single", { baseURL: other.url }),
        sideProvider("chat", "openai-completions", { baseURL: other.url }),
        ...(options.plugins ?? []),
      ],
      models: { any: ["lists/m", "ones/m"], mixed: ["chat/m", "lists/m"] },
      faults: /./,
      retry: { sameCredential: 0 },
    });

  it("passes the client's bytes under the model's own name where both sides speak one protocol", async () => {
    await using proxy = await start();
    const text = '{"model":"lists/m","texts":["a","bcd"],"seed":12345678901234567890,"new":1.0}';
    const response = await proxy.fetch("/v1/list/embed", { ...post({}), body: text });
    expect(await response.json()).toEqual({
      vectors: [
        [1, 1],
        [3, 1],
      ],
      tokens: 4,
    });
    expect(upstream.requests[0]!.path).toBe("/list/embed");
    expect(upstream.requests[0]!.body).toBe(text.replace("lists/m", "m"));
    expect(response.headers.get("x-waygate-provider")).toBe("lists");
    const { outcome } = await proxy.recorded(1);
    expect(outcome).toMatchObject({ path: "bytes", usage: { input: 4 }, end: "complete", status: 200 });
  });

  it("translates one text and several, each to the path that takes it, and the answer back", async () => {
    await using proxy = await start();
    const ask = (texts: string[], more = {}): Promise<Response> =>
      proxy.fetch("/v1/list/embed", post({ model: "ones/m", texts, ...more }));
    expect(await (await ask(["abc"], { purpose: "QUERY" })).json()).toEqual({ vectors: [[3, 1]] });
    expect(await (await ask(["abc", "de"])).json()).toEqual({
      vectors: [
        [3, 1],
        [2, 1],
      ],
    });
    expect(other.requests.map(({ path, json }) => [path, json])).toEqual([
      ["/single/m:one", { text: "abc", kind: "QUERY" }],
      ["/single/m:all", { all: [{ text: "abc" }, { text: "de" }] }],
    ]);
  });

  it("answers a client of two routes in the shape of the one it used, slashes in the model included", async () => {
    await using proxy = await start();
    const one = await proxy.fetch("/single/lists/m:one", post({ text: "abc" }));
    const all = await proxy.fetch("/single/lists%2Fm:all", post({ all: [{ text: "abc" }] }));
    expect([await one.json(), await all.json()]).toEqual([{ values: [3, 1] }, { each: [{ values: [3, 1] }] }]);
    expect(upstream.requests.map(({ json }) => json)).toEqual([
      { model: "m", texts: ["abc"] },
      { model: "m", texts: ["abc"] },
    ]);
    expect((await proxy.recorded(1)).outcome.usage).toMatchObject({ input: 3 });
  });

  it("records what the target has no field for, and refuses it when the client wants all of it", async () => {
    await using proxy = await start();
    const body = { model: "ones/m", texts: ["a"], size: 8 };
    expect((await proxy.fetch("/v1/list/embed", post(body))).status).toBe(200);
    expect((await proxy.recorded(1)).outcome.losses).toEqual([{ what: "the number of dimensions", where: "size" }]);
    const strict = await proxy.fetch("/v1/list/embed", post(body, { "x-waygate-strict": "on" }));
    expect(strict.status).toBe(400);
    expect(await strict.json()).toMatchObject({ list: { code: "unsupported_feature", param: "size" } });
  });

  it("goes on to the next key and the next target, and lets the failed key rest", async () => {
    upstream.when({ key: "key-1" }, status(429, { error: { message: "slow down" } }, { "retry-after": "60" }));
    upstream.when({ key: "key-2" }, status(200, { error: { message: "overloaded", code: 503 } }));
    await using proxy = await start({ plugins: [cooldown()] });
    const response = await proxy.fetch("/v1/list/embed", post({ model: "any", texts: ["ab"] }));
    expect(await response.json()).toEqual({ vectors: [[2, 1]] });
    expect(response.headers.get("x-fallback-provider")).toBe("ones");
    const { ctx } = await proxy.recorded(1);
    expect(ctx.attempts.map(({ provider, error }) => [provider.name, error?.kind])).toEqual([
      ["lists", "rate_limited"],
      ["lists", "overloaded"],
      ["ones", undefined],
    ]);
    expect(proxy.app.credentials.rests()[0]).toMatchObject({
      target: { provider: "lists" },
      rest: { state: "cooling" },
    });
  });

  it.each([
    ["a page", status(200, "<html>down</html>")],
    ["an answer without vectors", status(200, { hello: 1 })],
  ])("takes %s for a failure of the upstream", async (_, step) => {
    upstream.always(step);
    await using proxy = await start();
    const response = await proxy.fetch("/v1/list/embed", post({ model: "any", texts: ["ab"] }));
    expect(await response.json()).toEqual({ vectors: [[2, 1]] });
    expect(response.headers.get("x-waygate-provider")).toBe("ones");
  });

  it("takes too few vectors for a failure of the upstream where it has to tell whose they are", async () => {
    other.always(status(200, { each: [{ values: [1] }] }));
    await using proxy = await start();
    const response = await proxy.fetch("/v1/list/embed", post({ model: "ones/m", texts: ["a", "b"] }));
    expect(response.status).toBe(502);
    expect(await response.text()).toContain("1 vectors for 2 inputs");
  });

  it("gives the upstream's words about the request itself in the client's protocol", async () => {
    upstream.always(status(400, { error: { message: "texts: too long", param: "texts" } }));
    await using proxy = await start();
    const response = await proxy.fetch("/single/any:one", post({ text: "x" }));
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      single: { message: expect.stringContaining("texts: too long") as string },
    });
    expect(other.requests).toHaveLength(0);
  });

  it("leaves out targets whose protocol has no embeddings, and says so", async () => {
    await using proxy = await start();
    const response = await proxy.fetch("/v1/list/embed", post({ model: "mixed", texts: ["ab"] }));
    expect(response.headers.get("x-waygate-provider")).toBe("lists");
    const { ctx } = await proxy.recorded(1);
    expect(ctx.decisions.map(({ policy, candidate, reason }) => [policy, candidate.provider.name, reason])).toEqual([
      ["protocol", "chat", "its protocol has no embeddings"],
    ]);
  });

  it("says 429 when all that could embed are at their limits, whoever could not", async () => {
    upstream.always(status(429, { error: { message: "slow down" } }, { "retry-after": "60" }));
    await using proxy = await start({ plugins: [cooldown()] });
    for (let round = 0; round < 2; round++) {
      const response = await proxy.fetch("/v1/list/embed", post({ model: "mixed", texts: ["ab"] }));
      expect([response.status, await response.json()]).toMatchObject([429, { list: { code: "rate_limit_exceeded" } }]);
    }
    expect(upstream.requests).toHaveLength(2);
  });

  it("refuses a model of which no target has embeddings, naming the route and the model", async () => {
    await using proxy = await start();
    const response = await proxy.fetch("/v1/list/embed", post({ model: "chat/m", texts: ["ab"] }));
    expect(response.status).toBe(400);
    const { list } = (await response.json()) as { list: { code: string; message: string; param: string } };
    expect(list).toMatchObject({ code: "unsupported_feature", param: "model" });
    expect(list.message).toContain("POST /v1/list/embed");
    expect(list.message).toContain('"chat/m"');
    expect(other.requests).toHaveLength(0);
  });

  it("refuses what is no request of the client's protocol before anybody is asked", async () => {
    await using proxy = await start();
    const response = await proxy.fetch("/v1/list/embed", post({ texts: ["ab"] }));
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ list: { param: "model" } });
  });

  it("shows hooks the texts as messages, and lets none replace them", async () => {
    const seen: string[] = [];
    const reading = definePlugin({
      name: "reading",
      hooks: {
        filter(ctx) {
          for (const { parts } of ctx.request.messages)
            for (const part of parts) if (part.type === "text") seen.push(part.text);
        },
      },
    });
    const writing = definePlugin({
      name: "writing",
      hooks: {
        filter(ctx) {
          if (ctx.req.headers.has("x-change")) ctx.request = { ...ctx.request, messages: [] };
        },
      },
    });
    await using proxy = await start({ plugins: [reading, writing] });
    expect((await proxy.fetch("/v1/list/embed", post({ model: "any", texts: ["a", "b"] }))).status).toBe(200);
    expect(seen).toEqual(["a", "b"]);
    const changed = await proxy.fetch("/v1/list/embed", post({ model: "any", texts: ["a"] }, { "x-change": "1" }));
    expect(changed.status).toBe(500);
  });
});
