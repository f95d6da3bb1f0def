/** Rules K1 and K2: pages in browsers. What they may call with a key, and that without one they may call nothing. */
import { describe, expect, it } from "vitest";
import { definePlugin, type Plugin } from "waygate";
import { echo } from "waygate/plugins/echo";
import { proxyKey } from "waygate/plugins/proxy-key";
import { createTestProxy, type TestProxy } from "waygate/testing";
import { head, raw } from "../server/_raw.ts";

const origin = "https://chat.example";
const pages: Plugin = definePlugin({
  name: "pages",
  routes: {
    "GET /admin/users": () => "secret",
    "POST /api/keys": () => "secret",
    "GET /metrics": () => "secret",
    "GET /dashboard": () => "secret",
  },
  publicRoutes: ["GET /admin/users", "POST /api/keys", "GET /metrics", "GET /dashboard"],
});

const guarded = (more: object = {}): Promise<TestProxy> =>
  createTestProxy({ plugins: [proxyKey({ keys: "k-1" }), echo(), pages], ...more });
const unguarded = (more: object = {}): Promise<TestProxy> => createTestProxy({ plugins: [echo(), pages], ...more });

function ask(proxy: TestProxy, path: string, from: string, method = "POST"): Promise<Response> {
  const headers = {
    origin: from,
    "access-control-request-method": method,
    "access-control-request-headers": "authorization, content-type, x-stainless-os",
  };
  return proxy.fetch(path, { method: "OPTIONS", headers });
}

function corsOf(response: Response): string[] {
  return [...response.headers.keys()].filter((name) => name.startsWith("access-control-"));
}

describe("K1 preflight requests", () => {
  it.each([
    ["/v1/chat/completions", "POST"],
    ["/chat/completions", "POST"],
    ["/v1/v1/chat/completions", "POST"],
    ["/v1/models", "GET"],
    ["/v1/models/echo/echo", "GET"],
    ["/v1/providers", "GET"],
  ])("K1 are answered on %s without a key when keys are required", async (path, method) => {
    await using proxy = await guarded();
    const response = await ask(proxy, path, origin, method);
    expect(response.status).toBe(204);
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
    expect(response.headers.get("access-control-allow-methods")).toContain(method);
    expect(response.headers.get("access-control-allow-headers")).toMatch(/authorization.*x-stainless-os/);
    expect(response.headers.has("access-control-allow-credentials")).toBe(false);
    expect(await response.text()).toBe("");
  });

  it("K1 the answer itself may be read too, also a refusal, and never with credentials", async () => {
    await using proxy = await guarded();
    const key = { authorization: "Bearer k-1" };
    const answers = [
      await proxy.chat({ model: "echo/echo", stream: true }, { headers: { origin, ...key } }),
      await proxy.chat({ model: "echo/echo" }, { headers: { origin } }),
      await proxy.chat({ model: "nobody/x" }, { headers: { origin, ...key } }),
      await proxy.fetch("/v1/models", { headers: { origin, ...key } }),
      await proxy.fetch("/v1/chat/completions", { headers: { origin, ...key } }),
    ];
    expect(answers.map((answer) => answer.status)).toEqual([200, 401, 404, 200, 405]);
    for (const answer of answers) {
      expect(answer.headers.get("access-control-allow-origin")).toBe("*");
      expect(answer.headers.get("access-control-expose-headers")).toContain("x-request-id");
      expect(answer.headers.has("access-control-allow-credentials")).toBe(false);
      await answer.text();
    }
  });

  it.each(["/admin/users", "/api/keys", "/metrics"])("K1 are refused on %s, whatever the config says", async (path) => {
    for (const cors of [undefined, { origins: "*" as const }, { origins: [origin] }]) {
      await using proxy = await guarded({ server: cors && { cors } });
      const response = await ask(proxy, path, origin, path === "/api/keys" ? "POST" : "GET");
      expect(response.status).toBe(403);
      expect(corsOf(response)).toEqual([]);
      const method = path === "/api/keys" ? "POST" : "GET";
      const answer = await proxy.fetch(path, { method, headers: { origin } });
      expect([answer.status, corsOf(answer)]).toEqual([200, []]);
    }
  });

  it("K1 are refused on pages beside the API unless the config opens them", async () => {
    await using closed = await guarded();
    for (const path of ["/", "/health", "/dashboard"]) {
      expect((await ask(closed, path, origin, "GET")).status).toBe(403);
      expect(corsOf(await closed.fetch(path, { headers: { origin } }))).toEqual([]);
    }
    await using opened = await guarded({ server: { cors: { origins: [origin] } } });
    expect((await ask(opened, "/dashboard", origin, "GET")).status).toBe(204);
  });

  it("K1 a list of origins is answered one by one, and false closes all", async () => {
    await using some = await guarded({ server: { cors: { origins: [origin] } } });
    const good = await ask(some, "/v1/models", origin, "GET");
    expect(good.headers.get("access-control-allow-origin")).toBe(origin);
    expect(good.headers.get("vary")).toContain("origin");
    expect((await ask(some, "/v1/models", "https://evil.example", "GET")).status).toBe(403);
    expect((await ask(some, "/v1/models", `${origin}.evil.example`, "GET")).status).toBe(403);
    await using none = await guarded({ server: { cors: false } });
    expect((await ask(none, "/v1/models", origin, "GET")).status).toBe(403);
  });

  it("K1 OPTIONS without an origin tells the methods", async () => {
    await using proxy = await guarded();
    const response = await proxy.fetch("/v1/models", { method: "OPTIONS" });
    expect([response.status, response.headers.get("allow")]).toEqual([204, "GET, HEAD, OPTIONS"]);
  });
});

describe("K2 without authentication", () => {
  const local = [
    "localhost",
    "localhost:8000",
    "127.0.0.1:8000",
    "127.1.2.3",
    "[::1]:8000",
    "LOCALHOST",
    "app.localhost:1",
  ];
  const foreign = [
    "example.com",
    "example.com:8000",
    "127.0.0.1.nip.io",
    "localhost.evil.com",
    "192.168.1.5",
    "0.0.0.0",
    "[::2]",
  ];
  const paths = ["/v1/models", "/health", "/", "/dashboard"];

  it("K2 only loopback names are answered, on every path", async () => {
    await using proxy = await unguarded({ listen: true });
    for (const path of paths) {
      for (const host of local) {
        const answer = await raw(proxy.url, [head(`GET ${path}`, { host, connection: "close" })]);
        expect([path, host, answer.status]).toEqual([path, host, 200]);
      }
      for (const host of foreign) {
        const answer = await raw(proxy.url, [head(`GET ${path}`, { host, connection: "close" })]);
        expect([path, host, answer.status]).toEqual([path, host, 403]);
        expect(JSON.parse(answer.body)).toMatchObject({ error: { code: "forbidden" } });
      }
    }
  });

  it("K2 a page of a foreign origin is refused, one of this machine is not", async () => {
    await using proxy = await unguarded({ listen: true });
    for (const [from, code] of [
      ["https://evil.example", 403],
      ["null", 403],
      ["http://localhost.evil.example", 403],
      ["http://localhost:3000", 200],
      ["http://127.0.0.1:5173", 200],
      ["http://[::1]:5173", 200],
    ] as const) {
      const answer = await proxy.chat({ model: "echo/echo" }, { headers: { origin: from } });
      expect([from, answer.status]).toEqual([from, code]);
      // A foreign page may not even read that it was refused.
      expect(corsOf(answer)).toEqual([]);
      await answer.text();
    }
  });

  it("K2 a foreign host gets no preflight answer either", async () => {
    await using proxy = await unguarded({ listen: true });
    const request = head("OPTIONS /v1/models", {
      host: "evil.example",
      origin: "http://localhost",
      connection: "close",
    });
    expect((await raw(proxy.url, [request])).status).toBe(403);
    expect((await ask(proxy, "/v1/models", origin, "GET")).status).toBe(403);
  });

  it("K2 names in server.allowedHosts are answered", async () => {
    await using proxy = await unguarded({ listen: true, server: { allowedHosts: ["gpu-1"] } });
    for (const [host, code] of [
      ["gpu-1:8000", 200],
      ["gpu-2:8000", 403],
    ] as const) {
      const answer = await raw(proxy.url, [head("GET /v1/models", { host, connection: "close" })]);
      expect(answer.status).toBe(code);
    }
  });

  it("K2 proxyKey() without a key counts as no authentication, with one every host is answered", async () => {
    await using open = await createTestProxy({ plugins: [proxyKey({ keys: "" }), echo()], listen: true });
    const request = head("GET /v1/models", { host: "example.com", authorization: "Bearer k-1", connection: "close" });
    expect((await raw(open.url, [request])).status).toBe(403);
    await using closed = await guarded({ listen: true });
    expect((await raw(closed.url, [request])).status).toBe(200);
  });
});
