import { describe, expect, it } from "vitest";
import { definePlugin } from "waygate";
import { echo } from "waygate/plugins/echo";
import { modelFilter } from "waygate/plugins/model-filter";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { proxyKey } from "waygate/plugins/proxy-key";
import {
  answer,
  createTestProxy,
  createUpstream,
  status,
  type TestProxy,
  type TestProxyOptions,
} from "waygate/testing";

const lab = openaiCompatible({
  name: "lab",
  baseURL: "http://127.0.0.1:1",
  keys: ["key-one", "key-two"],
  models: ["meta/llama:free", "plain"],
  tier: 2,
});

const start = (options: Partial<TestProxyOptions> = {}): Promise<TestProxy> =>
  createTestProxy({ plugins: [echo(), lab], ...options });

interface Listed {
  readonly id: string;
  readonly object: string;
  readonly owned_by: string;
}
interface Failed {
  readonly error: { readonly message: string; readonly code: string; readonly param: string | null };
}

describe("GET /v1/models", () => {
  it.each(["/v1/models", "/models", "/v1/v1/models", "/v1/models/"])("lists models and aliases on %s", async (path) => {
    await using proxy = await start({ models: { best: "lab/plain" } });
    const response = await proxy.fetch(path);
    expect(response.status).toBe(200);
    const { object, data } = (await response.json()) as { object: string; data: Listed[] };
    expect(object).toBe("list");
    expect(data.map(({ id }) => id)).toEqual(["best", "echo/echo", "lab/meta/llama:free", "lab/plain"]);
    expect(data.map((entry) => entry.owned_by)).toEqual(["waygate", "echo", "lab", "lab"]);
    for (const entry of data) expect(entry).toMatchObject({ object: "model", created: expect.any(Number) as number });
  });

  it.each([
    ["/v1/models/lab/plain", "lab/plain", "lab"],
    ["/v1/models/lab/meta/llama:free", "lab/meta/llama:free", "lab"],
    ["/v1/models/lab%2Fmeta%2Fllama%3Afree", "lab/meta/llama:free", "lab"],
    ["/models/lab/plain", "lab/plain", "lab"],
    ["/v1/v1/models/lab/plain", "lab/plain", "lab"],
    ["/v1/models/best", "best", "waygate"],
    // Not listed, but a request for it would be sent.
    ["/v1/models/lab/new/model%20x", "lab/new/model x", "lab"],
    ["/v1/models/lab/100%25", "lab/100%", "lab"],
  ])("describes one on %s", async (path, id, owner) => {
    await using proxy = await start({ models: { best: "lab/plain" } });
    const response = await proxy.fetch(path);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ id, object: "model", owned_by: owner });
  });

  it("answers 404 with the nearest name for what resolves to nothing", async () => {
    await using proxy = await start();
    const response = await proxy.fetch("/v1/models/lap/plain");
    expect(response.status).toBe(404);
    const { error } = (await response.json()) as Failed;
    expect(error).toMatchObject({ code: "model_not_found", param: "model" });
    expect(error.message).toContain("lab/plain");
  });

  it("leaves out what a filter forbids", async () => {
    await using proxy = await start({ plugins: [echo(), lab, modelFilter({ lab: { ignore: "plain" } })] });
    const { data } = (await (await proxy.fetch("/v1/models")).json()) as { data: Listed[] };
    expect(data.map(({ id }) => id)).toEqual(["echo/echo", "lab/meta/llama:free"]);
    expect((await proxy.fetch("/v1/models/lab/plain")).status).toBe(403);
  });
});

describe("the other routes", () => {
  it("GET /v1/providers names providers with keys, and with detail their states without a key", async () => {
    const idle = openaiCompatible({ name: "idle", baseURL: "http://127.0.0.1:1", keys: [] });
    await using proxy = await start({ plugins: [echo(), lab, idle] });
    expect(await (await proxy.fetch("/v1/providers")).json()).toEqual(["echo", "lab"]);
    const detail = await (await proxy.fetch("/v1/providers?detail=true")).text();
    expect(JSON.parse(detail)).toEqual([
      expect.objectContaining({ name: "echo", tier: null }),
      expect.objectContaining({ name: "lab", tier: 2, keys: { active: 2 } }),
    ]);
    expect(detail).not.toMatch(/key-one|key-two/);
  });

  it("GET /health counts keys by state, without a key of the proxy", async () => {
    await using proxy = await start({ plugins: [proxyKey({ keys: "k-1" }), lab] });
    const { app } = proxy;
    const [first] = app.credentials.list("lab");
    const target = { provider: "lab", credential: first!.id };
    app.credentials.rest(target, { state: "invalid", until: Infinity, policy: "test", reason: "401", kind: "dead" });
    const response = await proxy.fetch("/health");
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: "ok", keys: { active: 1, invalid: 1 } });
  });

  it("GET / is a page for a browser and JSON for others", async () => {
    await using proxy = await start({ plugins: [proxyKey({ keys: "k-1" }), echo()] });
    const page = await proxy.fetch("/", { headers: { accept: "text/html,*/*" } });
    expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
    expect(await page.text()).toMatch(/^<!doctype html>/);
    const json = await proxy.fetch("/");
    expect(await json.json()).toMatchObject({ status: "waygate is running", api: "/v1" });
  });

  it("HEAD is answered where GET is, without a body", async () => {
    await using proxy = await start({ listen: true });
    for (const path of ["/health", "/", "/v1/models"]) {
      const response = await proxy.fetch(path, { method: "HEAD" });
      expect([path, response.status, await response.text()]).toEqual([path, 200, ""]);
      expect(response.headers.get("x-request-id")).toBeTruthy();
    }
  });

  it.each(["/v1/models", "/v1/models/echo/echo", "/v1/providers", "/own"])(
    "%s asks for the proxy's key",
    async (path) => {
      const own = definePlugin({ name: "own", routes: { "GET /own": () => "x" } });
      await using proxy = await start({ plugins: [proxyKey({ keys: "k-1" }), echo(), own] });
      const without = await proxy.fetch(path);
      expect(without.status).toBe(401);
      expect(without.headers.get("www-authenticate")).toBe("Bearer");
      expect(((await without.json()) as Failed).error.code).toBe("invalid_api_key");
      expect((await proxy.fetch(path, { headers: { "x-api-key": "k-1" } })).status).toBe(200);
    },
  );

  it.each([
    ["GET", "/v1/files", 404, undefined],
    ["POST", "/v1/files", 404, undefined],
    ["GET", "/nothing", 404, undefined],
    ["GET", "/v1", 404, undefined],
    ["GET", "/v1/chat/completions", 405, "POST, OPTIONS"],
    ["GET", "/chat/completions", 405, "POST, OPTIONS"],
    ["DELETE", "/v1/models", 405, "GET, HEAD, OPTIONS"],
    ["PATCH", "/v1/models/echo/echo", 405, "GET, POST, HEAD, OPTIONS"],
    ["POST", "/health", 405, "GET, HEAD, OPTIONS"],
  ])("%s %s is %i in JSON", async (method, path, code, allow) => {
    await using proxy = await start();
    const response = await proxy.fetch(path, { method });
    expect(response.status).toBe(code);
    expect(response.headers.get("content-type")).toContain("application/json");
    expect(response.headers.get("allow") ?? undefined).toBe(allow);
    const { error } = (await response.json()) as Failed;
    expect(error.code).toBe(code === 404 ? "not_found" : "method_not_allowed");
    expect(error.message).toContain(response.headers.get("x-request-id")!);
  });
});

describe("the prefix `base`", () => {
  it.each(["/llm", "/llm/", "/a/b"])("answers below %s only", async (base) => {
    await using proxy = await start({ base });
    const prefix = base.replace(/\/$/, "");
    for (const path of ["/v1/models", "/models", "/v1/models/echo/echo", "/health", "/"]) {
      expect([path, (await proxy.fetch(prefix + path)).status]).toEqual([path, 200]);
    }
    for (const path of ["/v1/models", "/health", "/llmv1/models"]) {
      expect([path, (await proxy.fetch(path)).status]).toEqual([path, 404]);
    }
  });

  it("answers the prefix alone like the root", async () => {
    await using proxy = await start({ base: "/llm" });
    expect(await (await proxy.fetch("/llm")).json()).toMatchObject({ api: "/llm/v1" });
  });
});

describe("x-request-id", () => {
  it.each(["abc", "a-b_c.d:e", "8f14e45f-ceea-467f-9d8e-5a1c1a0c3b6f", "x".repeat(128)])(
    "keeps a sane one: %s",
    async (id) => {
      await using proxy = await start();
      for (const path of ["/health", "/v1/models", "/nothing"]) {
        const response = await proxy.fetch(path, { headers: { "x-request-id": id } });
        expect(response.headers.get("x-request-id")).toBe(id);
      }
      const chat = await proxy.chat({ model: "echo/echo" }, { headers: { "x-request-id": id } });
      expect(chat.headers.get("x-request-id")).toBe(id);
      await chat.text();
      expect((await proxy.recorded(1)).ctx.id).toBe(id);
    },
  );

  it.each(["", " ", "a b", "x".repeat(129), "a;b", "<script>", "ü", "a,b"])("replaces another one: %j", async (id) => {
    await using proxy = await start();
    const seen = new Set<string>();
    for (const path of ["/health", "/nothing"]) {
      const response = await proxy.fetch(path, { headers: { "x-request-id": id } });
      seen.add(response.headers.get("x-request-id")!);
    }
    expect(seen.size).toBe(2);
    for (const each of seen) expect(each).toMatch(/^[A-Za-z0-9]{12}$/);
  });
});

describe("response headers of an answer", () => {
  it("name provider, model, attempts and who stood in", async () => {
    await using upstream = await createUpstream();
    const one = openaiCompatible({ name: "one", baseURL: upstream.url, keys: ["k1"], models: ["m"] });
    const two = openaiCompatible({ name: "two", baseURL: upstream.url, keys: ["k2"], models: ["m"] });
    const retry = { sameCredential: 0 };
    await using proxy = await createTestProxy({ plugins: [one, two], models: { a: ["one/m x", "two/m"] }, retry });
    const headersOf = (response: Response): (string | null)[] =>
      ["provider", "model", "attempts"].map((name) => response.headers.get(`x-waygate-${name}`));

    upstream.reply(answer());
    const straight = await proxy.chat({ model: "a" });
    expect(headersOf(straight)).toEqual(["one", "m%20x", "1"]);
    expect(straight.headers.has("x-fallback-provider")).toBe(false);

    upstream.reply(status(500, {}), answer());
    const fallen = await proxy.chat({ model: "a", stream: true });
    expect(headersOf(fallen)).toEqual(["two", "m", "2"]);
    expect(fallen.headers.get("x-fallback-provider")).toBe("two");
    await fallen.text();

    upstream.reply(status(429, {}), status(429, {}));
    const refused = await proxy.chat({ model: "a" });
    expect([refused.status, refused.headers.get("x-waygate-attempts")]).toEqual([429, "2"]);
    expect(refused.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);

    upstream.always(answer());
    const headers = { "x-waygate-fallback": "off" };
    upstream.reply(status(500, {}));
    const alone = await proxy.chat({ model: "a" }, { headers });
    expect([alone.status, alone.headers.get("x-waygate-attempts")]).toEqual([500, "1"]);
  });
});
