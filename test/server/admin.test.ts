import { describe, expect, it } from "vitest";
import { defineCredential, definePlugin, type Plugin } from "waygate";
import { echo } from "waygate/plugins/echo";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { proxyKey } from "waygate/plugins/proxy-key";
import { createTestProxy, type TestProxy, type TestProxyOptions } from "waygate/testing";
import { internalsOf } from "../../src/proxy.ts";
import type { KeysDocument } from "../../src/server/key-status.ts";
import type { ModelsDocument } from "../../src/server/model-status.ts";
import { virtualClock } from "../../src/testing/virtual-clock.ts";

const keys = ["sk-lab-aaaaaaaaaaaaaaaaaaaa1111", { value: "sk-lab-bbbbbbbbbbbbbbbbbbbb2222", label: "team" }];
const lab = (): Plugin =>
  openaiCompatible({ name: "lab", baseURL: "http://127.0.0.1:1", keys, models: ["a", "b"], tier: 2 });
const guard = proxyKey({ keys: ["client-key", { key: "admin-key", admin: true }] });
const token = "the-token-of-this-server";
const routes = ["/api/keys/status", "/api/models"];

async function start(options: Partial<TestProxyOptions> = {}): Promise<TestProxy> {
  const proxy = await createTestProxy({ plugins: [guard, lab(), echo()], listen: true, ...options });
  internalsOf(proxy.proxy).admin.grant({ token, usesToday: () => 7 });
  return proxy;
}

const admin = { headers: { "x-waygate-admin": token } };
const bearer = (key: string): RequestInit => ({ headers: { authorization: `Bearer ${key}` } });

describe("the administrator's routes", () => {
  it.each(routes)("%s opens to the token and to an administrator's key, and to nobody else", async (path) => {
    await using proxy = await start();
    const status = async (init?: RequestInit): Promise<number> => (await proxy.fetch(path, init)).status;
    expect(await status()).toBe(401);
    expect(await status(bearer("client-key"))).toBe(403);
    expect(await status(bearer(token))).toBe(401);
    for (const wrong of ["", "x", `${token}x`, token.slice(1), "x".repeat(5000)]) {
      expect(await status({ headers: { "x-waygate-admin": wrong, authorization: "Bearer admin-key" } })).toBe(401);
    }
    expect(await status(bearer("admin-key"))).toBe(200);
    expect(await status(admin)).toBe(200);
    expect(await status({ ...admin, method: "POST" })).toBe(405);
  });

  it("open to no token before one is granted, and ask for it where everybody may call", async () => {
    await using proxy = await createTestProxy({ plugins: [lab(), echo()], listen: true });
    for (const value of ["", "undefined", token]) {
      expect((await proxy.fetch(routes[0]!, { headers: { "x-waygate-admin": value } })).status).toBe(401);
    }
    expect((await proxy.fetch(routes[0]!)).status).toBe(401);
    expect((await proxy.fetch("/v1/models")).status).toBe(200);
  });

  it("take the token from a socket of this machine only, whatever a header says", async () => {
    await using proxy = await start({ listen: false, server: { trustProxy: true } });
    const headers = { ...admin.headers, "x-forwarded-for": "127.0.0.1" };
    expect((await proxy.fetch(routes[0]!, { headers })).status).toBe(403);
  });

  it("are never for pages, and never cached", async () => {
    await using proxy = await start({ server: { cors: { origins: "*" } } });
    const page = { ...admin.headers, origin: "https://evil.example" };
    const answer = await proxy.fetch(routes[0]!, { headers: page });
    expect(answer.headers.get("access-control-allow-origin")).toBeNull();
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect((await proxy.fetch(routes[0]!, { method: "OPTIONS", headers: page })).status).toBe(403);
  });
});

describe("GET /api/keys/status", () => {
  const read = async (proxy: TestProxy): Promise<KeysDocument> =>
    (await (await proxy.fetch(routes[0]!, admin)).json()) as KeysDocument;

  it("has every key with its label or mask, its limits and its uses, and no secret", async () => {
    await using proxy = await start();
    const text = await (await proxy.fetch(routes[0]!, admin)).text();
    expect(text).not.toMatch(/aaaaaa|bbbbbb|client-key|admin-key|the-token/);
    const { providers } = JSON.parse(text) as KeysDocument;
    expect(providers.map(({ provider, tier }) => [provider, tier])).toEqual([
      ["lab", 2],
      ["echo", null],
    ]);
    expect(providers[0]!.keys).toMatchObject([
      { masked: "sk-l…1111", label: null, state: "active", until: null, usesToday: 7, inFlight: 0, anonymous: false },
      { label: "team", state: "active", models: [] },
    ]);
    expect(providers[1]!.keys).toMatchObject([{ anonymous: true, state: "active" }]);
  });

  it("says what is half-open, and health counts it", async () => {
    const clock = virtualClock();
    await using proxy = await start({ runtime: { clock } });
    const { credentials } = proxy.app;
    const [first] = credentials.list("lab").map(({ id }) => id);
    const until = clock.now() + 1000;
    const rest = { policy: "test", kind: "failing", state: "cooling", until, probe: true, reason: "401, 1 s" } as const;
    credentials.rest({ provider: "lab", credential: first }, rest);
    credentials.rest({ provider: "echo" }, rest);
    await clock.advance(1000);
    const { providers } = await read(proxy);
    expect(providers).toMatchObject([
      { rest: null, keys: [{ state: "half-open", until: null, reason: "401, 1 s" }, { state: "active" }] },
      { rest: { state: "half-open", until: null }, keys: [{ state: "active" }] },
    ]);
    const health = (await (await proxy.fetch("/health")).json()) as { keys: object };
    expect(health.keys).toEqual({ "half-open": 1, active: 2 });
  });

  it("says what rests, until when and why: keys, models of keys and whole providers", async () => {
    const clock = virtualClock();
    await using proxy = await start({ runtime: { clock } });
    const { credentials } = proxy.app;
    const [first, second] = credentials.list("lab").map(({ id }) => id);
    const until = clock.now() + 60_000;
    const rest = { policy: "test", kind: "other" } as const;
    credentials.rest(
      { provider: "lab", credential: first },
      { ...rest, state: "invalid", until: Number.POSITIVE_INFINITY, reason: "401 twice" },
    );
    for (const [model, later] of [
      ["b", 5000],
      ["a", 0],
    ] as const) {
      credentials.rest(
        { provider: "lab", credential: second, model },
        { ...rest, state: "cooling", until: until + later, reason: "429, 60 s" },
      );
    }
    credentials.rest({ provider: "echo" }, { ...rest, state: "cooling", until, reason: "down" });
    const time = new Date(until).toISOString();
    const { providers } = await read(proxy);
    expect(providers).toMatchObject([
      {
        rest: null,
        keys: [
          { state: "invalid", until: null, reason: "401 twice", models: [] },
          { state: "active", models: [{ model: "a", until: time, reason: "429, 60 s" }, { model: "b" }] },
        ],
      },
      { rest: { state: "cooling", until: time, reason: "down" }, keys: [{ state: "active" }] },
    ]);
    await clock.advance(66_000);
    expect((await read(proxy)).providers[0]!.keys[1]).toMatchObject({ state: "active", models: [] });
  });
});

describe("GET /api/models", () => {
  const openai = openaiCompatible({ name: "openai", baseURL: "http://127.0.0.1:1", keys: ["k"], models: ["gpt-4o"] });
  const idle = openaiCompatible({ name: "idle", baseURL: "http://127.0.0.1:1", keys: [], models: ["m"] });
  const models = { best: ["idle/m", "openai/gpt-4o"], none: ["lab/*"] };
  const emptyLab = openaiCompatible({ name: "lab", baseURL: "http://127.0.0.1:1", keys: ["k"], models: [] });
  const read = async (proxy: TestProxy): Promise<{ [id: string]: ModelsDocument["models"][number] }> => {
    const { models: all } = (await (await proxy.fetch(routes[1]!, admin)).json()) as ModelsDocument;
    return Object.fromEntries(all.map((model) => [model.id, model]));
  };

  it("has context, prices, the targets of aliases, and whether each can be asked", async () => {
    await using proxy = await start({ plugins: [guard, openai, idle, emptyLab, echo()], models });
    const all = await read(proxy);
    expect(all["openai/gpt-4o"]).toMatchObject({ context_length: 128_000, state: "ready", targets: ["openai/gpt-4o"] });
    expect(all["openai/gpt-4o"]!.pricing.prompt).toBeGreaterThan(0);
    expect(all["best"]).toMatchObject({ state: "ready", owned_by: "waygate", targets: ["idle/m", "openai/gpt-4o"] });
    expect(all["idle/m"]).toMatchObject({ state: "no-key", context_length: null, pricing: { prompt: null } });
    expect(all["none"]).toMatchObject({ state: "none", targets: [] });
  });

  it("takes a model for resting when all its keys do, and names the first to return", async () => {
    const clock = virtualClock();
    const many = definePlugin({
      name: "many",
      setup: (app) => app.credentials.add(defineCredential({ id: "lab:x", provider: "lab" }, { key: "x" })),
    });
    await using proxy = await start({ plugins: [guard, lab(), many], runtime: { clock } });
    const { credentials } = proxy.app;
    const rest = { state: "cooling", policy: "test", kind: "other", reason: "429" } as const;
    const until = clock.now() + 60_000;
    credentials.list("lab").forEach(({ id }, index) => {
      credentials.rest({ provider: "lab", credential: id, model: "a" }, { ...rest, until: until + index });
    });
    expect(await read(proxy)).toMatchObject({
      "lab/a": { state: "resting", until: new Date(until).toISOString() },
      "lab/b": { state: "ready", until: null },
    });
    credentials.rest({ provider: "lab" }, { ...rest, until: until + 9000 });
    expect((await read(proxy))["lab/b"]).toMatchObject({
      state: "resting",
      until: new Date(until + 9000).toISOString(),
    });
  });
});
