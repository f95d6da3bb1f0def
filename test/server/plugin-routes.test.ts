import { HTTPError } from "h3";
import { describe, expect, it } from "vitest";
import { definePlugin, type Plugin } from "waygate";
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
