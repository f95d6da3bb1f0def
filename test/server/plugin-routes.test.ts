import { HTTPError } from "h3";
import { describe, expect, it } from "vitest";
import { definePlugin, type Plugin, routeCaller } from "waygate";
import { echo } from "waygate/plugins/echo";
import { proxyKey } from "waygate/plugins/proxy-key";
import { createTestProxy, type TestProxy, type TestProxyOptions } from "waygate/testing";

interface Failed {
  readonly error: { readonly message: string };
}

const start = (options: Partial<TestProxyOptions>): Promise<TestProxy> =>
  createTestProxy({ plugins: [echo()], ...options });

describe("routes of plugins", () => {
  const own: Plugin = definePlugin({
    name: "own",
    routes: {
      "GET /own/thing": () => ({ is: "private" }),
      "POST /own/thing": async (event) => ({ got: await event.req.text() }),
      "GET /own/open": () => "anybody",
      "GET /own/items/:id": (event) => ({ id: event.context.params?.["id"], query: event.url.searchParams.get("q") }),
      "GET /own/status": (event) => {
        event.res.status = 207;
        event.res.headers.set("x-own", "1");
        return new Response("made", { status: 207, headers: { "x-own": "1" } });
      },
      "GET /own/gone": () => {
        throw new HTTPError({ status: 410, message: "It is gone" });
      },
      "GET /own/broken": () => {
        throw new Error("inside knowledge");
      },
    },
    publicRoutes: ["GET /own/open"],
  });
  const key = { authorization: "Bearer k-1" };
  const guarded = (more: Partial<TestProxyOptions> = {}): Promise<TestProxy> =>
    start({ plugins: [proxyKey({ keys: "k-1" }), echo(), own], ...more });

  it("need the key unless they are public", async () => {
    await using proxy = await guarded();
    expect((await proxy.fetch("/own/thing")).status).toBe(401);
    expect((await proxy.fetch("/own/thing", { method: "POST", body: "x" })).status).toBe(401);
    expect(await (await proxy.fetch("/own/thing", { headers: key })).json()).toEqual({ is: "private" });
    expect(await (await proxy.fetch("/own/open")).text()).toBe("anybody");
  });

  it("may share one path between methods, and name all of them to any other", async () => {
    await using proxy = await guarded();
    const posted = await proxy.fetch("/own/thing", { method: "POST", headers: key, body: "hello" });
    expect(await posted.json()).toEqual({ got: "hello" });
    const put = await proxy.fetch("/own/thing", { method: "PUT", headers: key });
    expect([put.status, put.headers.get("allow")]).toEqual([405, "GET, POST, HEAD, OPTIONS"]);
    expect((await proxy.fetch("/own/thing", { method: "HEAD", headers: key })).status).toBe(200);
  });

  it("get parameters and queries, and set status and headers", async () => {
    await using proxy = await guarded();
    expect(await (await proxy.fetch("/own/items/7?q=x", { headers: key })).json()).toEqual({ id: "7", query: "x" });
    const made = await proxy.fetch("/own/status", { headers: { ...key, "x-request-id": "mine" } });
    expect([made.status, made.headers.get("x-own"), await made.text()]).toEqual([207, "1", "made"]);
    expect(made.headers.get("x-request-id")).toBe("mine");
  });

  it("answer in JSON when they throw: an HTTPError as it says, anything else as 500 without its words", async () => {
    await using proxy = await guarded({ faults: /inside knowledge/ });
    const gone = await proxy.fetch("/own/gone", { headers: key });
    expect([gone.status, ((await gone.json()) as Failed).error.message]).toEqual([
      410,
      expect.stringContaining("It is gone"),
    ]);
    expect(proxy.logged).toEqual([]);
    const broken = await proxy.fetch("/own/broken", { headers: key });
    expect(broken.status).toBe(500);
    expect(await broken.text()).not.toContain("inside knowledge");
    expect(proxy.logged.join("\n")).toContain("inside knowledge");
  });

  describe("for administrators", () => {
    const admin = definePlugin({
      name: "admin-only",
      routes: { "GET /api/own": (event) => routeCaller(event), "GET /own/mine": (event) => routeCaller(event) },
      adminRoutes: ["GET /api/own"],
    });
    const guardedWith = (adminKey: string | undefined): Promise<TestProxy> =>
      start({
        plugins: [
          proxyKey({
            keys: [
              { key: "k-1", label: "mia" },
              { key: "k-2", admin: true },
            ],
          }),
          echo(),
          admin,
        ],
        adminKey: adminKey ?? "",
      });
    const as = (secret: string): RequestInit => ({ headers: { authorization: `Bearer ${secret}` } });

    it("open with ADMIN_KEY or an administrator's key, know who calls, and stay shut for everybody else", async () => {
      await using proxy = await guardedWith("adm-1");
      expect(await (await proxy.fetch("/api/own", as("adm-1"))).json()).toMatchObject({ principal: { id: "admin" } });
      expect((await proxy.fetch("/api/own", as("k-2"))).status).toBe(200);
      expect((await proxy.fetch("/api/own", as("k-1"))).status).toBe(403);
      expect((await proxy.fetch("/api/own")).status).toBe(401);
      expect(await (await proxy.fetch("/own/mine", as("k-1"))).json()).toMatchObject({ principal: { label: "mia" } });
    });

    it("do not open with ADMIN_KEY what clients use", async () => {
      await using proxy = await guardedWith("adm-1");
      expect((await proxy.fetch("/v1/models", as("adm-1"))).status).toBe(401);
      expect((await proxy.fetch("/own/mine", as("adm-1"))).status).toBe(401);
    });

    it("do not open with an empty key where there is none", async () => {
      await using proxy = await guardedWith(undefined);
      expect((await proxy.fetch("/api/own", as(""))).status).toBe(401);
      expect((await proxy.fetch("/api/own", { headers: { "x-api-key": "" } })).status).toBe(401);
    });

    it("let nobody guess: after five wrong keys in ten minutes the right one has to wait too", async () => {
      await using proxy = await guardedWith("adm-1");
      for (let count = 0; count < 5; count++)
        expect((await proxy.fetch("/api/own", as(`no-${count}`))).status).toBe(401);
      const late = await proxy.fetch("/api/own", as("adm-1"));
      expect(late.status).toBe(429);
      expect(Number(late.headers.get("retry-after"))).toBeGreaterThan(500);
      expect((await proxy.fetch("/own/mine", as("k-1"))).status).toBe(200);
    });
  });

  it("cannot take a route of the core", async () => {
    const thief = definePlugin({
      name: "thief",
      routes: { "GET /health": () => "stolen" },
      publicRoutes: ["GET /health"],
    });
    await using proxy = await start({ plugins: [echo(), thief] });
    expect(await (await proxy.fetch("/health")).json()).toMatchObject({ status: "ok" });
  });
});
