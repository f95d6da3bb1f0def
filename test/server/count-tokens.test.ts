import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cooldown } from "waygate/plugins/cooldown";
import { concurrency } from "waygate/plugins/concurrency";
import {
  createTestProxy,
  createUpstream,
  reset,
  silence,
  status,
  type Step,
  type TestProxy,
  type TestProxyOptions,
  type Upstream,
  virtualClock,
  virtualTransport,
  scripted,
  answer,
  gate,
  slowHeaders,
} from "waygate/testing";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { post, sideProtocols, sideProvider } from "./_side-protocols.ts";

const counted: Step = ({ json }) => status(200, { n: String(json["say"]).length, extra: { kept: true } });

describe("counting tokens", () => {
  let upstream: Upstream;
  beforeEach(async () => {
    upstream = await createUpstream({ base: "", step: counted });
  });
  afterEach(() => upstream.close());

  const start = (options: Partial<TestProxyOptions> = {}): Promise<TestProxy> =>
    createTestProxy({
      faults: /./,
      ...options,
      plugins: [
        sideProtocols,
        sideProvider("lists", "list", { baseURL: upstream.url, keys: ["key-1", "key-2"] }),
        openaiCompatible({ name: "chat", baseURL: `${upstream.url}/v1`, keys: ["k"], models: ["gpt-4o"] }),
        ...(options.plugins ?? []),
      ],
    });
  const count = (proxy: TestProxy, model = "lists/m", say = "hello world"): Promise<Response> =>
    proxy.fetch("/v1/list/count", post({ model, say }));
  const estimate = { n: 9 };

  it("asks the upstream's own counter and passes on all that it says", async () => {
    await using proxy = await start();
    const response = await count(proxy);
    expect(await response.json()).toEqual({ n: 11, extra: { kept: true } });
    expect(response.headers.get("x-waygate-estimated")).toBeNull();
    expect(response.headers.get("x-waygate-provider")).toBe("lists");
    expect(response.headers.get("x-waygate-attempts")).toBe("1");
    expect(upstream.requests.map(({ path, json }) => [path, json])).toEqual([
      ["/list/count", { model: "m", say: "hello world" }],
    ]);
    const { outcome, ctx } = await proxy.recorded(1);
    expect(outcome).toMatchObject({ end: "complete", status: 200, usage: undefined });
    expect(ctx.operation).toBe("count-tokens");
  });

  it("estimates, and says so, where the upstream's protocol has no counter", async () => {
    await using proxy = await start();
    const response = await count(proxy, "chat/gpt-4o");
    expect(await response.json()).toEqual(estimate);
    expect(response.headers.get("x-waygate-estimated")).toBe("true");
    expect(upstream.requests).toHaveLength(0);
    expect((await proxy.recorded(1)).outcome).toMatchObject({ end: "complete", path: "none" });
  });

  it.each([
    ["has no such route", status(404, { error: { message: "no route" } })],
    ["does not take the method", status(405, { error: { message: "method not allowed" } })],
    ["is not built yet", status(501, { error: { message: "not implemented" } })],
    ["is down", status(500, { error: { message: "down" } })],
    ["is a page", status(200, "<html></html>")],
    ["gives no number", status(200, { hello: 1 })],
    ["hangs up", reset()],
  ])("estimates when the counter %s", async (_, step) => {
    upstream.always(step);
    await using proxy = await start();
    const response = await count(proxy);
    expect([response.status, await response.json()]).toEqual([200, estimate]);
    expect(response.headers.get("x-waygate-estimated")).toBe("true");
    expect(upstream.requests).toHaveLength(1);
  });

  it("asks with another key where one may not count, and lets no key rest for it", async () => {
    upstream.when({ key: "key-1" }, status(429, { error: { message: "too many counts" } }, { "retry-after": "600" }));
    await using proxy = await start({ plugins: [cooldown()] });
    for (let round = 0; round < 3; round++) {
      expect(await (await count(proxy)).json()).toMatchObject({ n: 11 });
    }
    expect(upstream.requests.map(({ key }) => key)).toEqual(["key-1", "key-2", "key-1", "key-2", "key-1", "key-2"]);
    expect(proxy.app.credentials.rests()).toEqual([]);
  });

  it("estimates when no key may count", async () => {
    upstream.always(status(401, { error: { message: "bad key" } }));
    await using proxy = await start({ plugins: [cooldown()] });
    expect(await (await count(proxy)).json()).toEqual(estimate);
    expect(upstream.requests).toHaveLength(2);
    expect(proxy.app.credentials.rests()).toEqual([]);
  });

  it("does not take a count that works for a key that works", async () => {
    const down = status(500, { error: { message: "down" } });
    await using proxy = await start({
      plugins: [sideProvider("only", "list", { baseURL: upstream.url, keys: ["key-3"] }), cooldown()],
      retry: { sameCredential: 0 },
    });
    const fail = async (): Promise<void> => {
      upstream.reply(down);
      expect((await proxy.chat({ model: "only/m" })).status).toBe(500);
    };
    await fail();
    expect(proxy.app.credentials.rests()).toEqual([]);
    expect(await (await count(proxy, "only/m")).json()).toMatchObject({ n: 11 });
    await fail();
    expect(proxy.app.credentials.rests()).toHaveLength(1);
  });

  it("gives the counter's words about the request itself", async () => {
    upstream.always(status(400, { error: { message: "say: must not be that long", param: "say" } }));
    await using proxy = await start();
    const response = await count(proxy);
    expect(response.status).toBe(400);
    expect(await response.text()).toContain("say: must not be that long");
    expect(upstream.requests).toHaveLength(1);
  });

  it("estimates at once when every key is busy or resting", async () => {
    const held = gate();
    upstream.always(slowHeaders(held));
    await using proxy = await start({ plugins: [concurrency({ perCredential: 1 })] });
    const running = [proxy.chat({ model: "lists/m" }), proxy.chat({ model: "lists/m" })];
    await upstream.received(2);
    const response = await count(proxy);
    expect(await response.json()).toEqual(estimate);
    held.open();
    await Promise.all(running);
  });

  it("does not wait longer for a counter than a client can", async () => {
    const clock = virtualClock();
    const transport = virtualTransport(scripted(silence()), { clock });
    await using proxy = await start({ runtime: { clock, transport } });
    const pending = count(proxy);
    await clock.advance(15_000);
    expect(await (await pending).json()).toEqual(estimate);
  });

  it("stops counting when the client leaves", async () => {
    upstream.always(silence());
    await using proxy = await start({ listen: true });
    const leaving = new AbortController();
    const pending = proxy.fetch("/v1/list/count", { ...post({ model: "lists/m", say: "x" }), signal: leaving.signal });
    const request = await upstream.received(1);
    leaving.abort();
    await expect(pending).rejects.toThrow(/abort/i);
    expect(await request.closed).toBe("client");
    expect((await proxy.recorded(1)).outcome).toMatchObject({ end: "client-aborted", status: 499 });
  });

  it("refuses a model nobody has", async () => {
    await using proxy = await start();
    const response = await count(proxy, "nobody/m");
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ list: { code: "model_not_found" } });
  });

  describe("POST /v1/token-count", () => {
    const ask = (proxy: TestProxy, model: string): Promise<Response> =>
      proxy.fetch("/v1/token-count", post({ model, messages: [{ role: "user", content: "hello world" }] }));

    it("asks the upstream's own counter where it has one", async () => {
      await using proxy = await start();
      const response = await ask(proxy, "lists/m");
      expect(await response.json()).toEqual({ token_count: 11 });
      expect(response.headers.get("x-waygate-estimated")).toBeNull();
      expect(upstream.requests[0]!.json).toEqual({ model: "m", say: "hello world" });
    });

    it("estimates for everybody else, also for models nobody offers", async () => {
      await using proxy = await start();
      for (const model of ["chat/gpt-4o", "nobody/nothing"]) {
        const response = await ask(proxy, model);
        expect(await response.json()).toEqual({ token_count: 9 });
        expect(response.headers.get("x-waygate-estimated")).toBe("true");
      }
      expect(upstream.requests).toHaveLength(0);
    });

    it("is answered when the counter fails", async () => {
      upstream.always(answer());
      await using proxy = await start();
      expect(await (await ask(proxy, "lists/m")).json()).toEqual({ token_count: 9 });
    });
  });
});
