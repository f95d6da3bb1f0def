/** The proxy in other people's servers, in this process. */
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import express from "express";
import { H3 } from "h3";
import * as h3v1 from "h3-v1";
import { Hono } from "hono";
import { toNodeHandler as listenerOf } from "srvx/node";
import { afterAll, beforeAll, describe, expect, it, type MockInstance, vi } from "vitest";
import { createProxy, type Proxy, type ProxyError, toNodeHandler } from "waygate";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { createUpstream, type Upstream } from "waygate/testing";
import { hostLaws } from "./_laws.ts";

interface Host {
  /** What the proxy's config says: empty where the host takes the prefix off. */
  readonly base: "" | "/llm";
  listener(proxy: Proxy): RequestListener;
}

const h3Listener = (app: H3): RequestListener =>
  listenerOf((request) => app.fetch(request)) as unknown as RequestListener;

const hosts: { readonly [name: string]: Host } = {
  "node:http": {
    base: "/llm",
    listener(proxy) {
      const handle = toNodeHandler(proxy);
      return (req, res) => void (req.url === "/own" ? res.end("own") : handle(req, res));
    },
  },
  "h3 2, mounted": {
    base: "",
    listener: (proxy) => h3Listener(new H3().get("/own", () => "own").mount("/llm", proxy)),
  },
  "h3 2, as a catch-all route": {
    base: "/llm",
    listener: (proxy) =>
      h3Listener(
        new H3().get("/own", () => "own").all("/llm/**", (event) => proxy.fetch(event.req as unknown as Request)),
      ),
  },
  "h3 2, with headers of its own on every answer": {
    base: "",
    listener: (proxy) =>
      h3Listener(
        new H3()
          .use((event) => void event.res.headers.set("x-host", "own"))
          .get("/own", () => "own")
          .mount("/llm", proxy),
      ),
  },
  "h3 1, in use()": {
    base: "",
    listener(proxy) {
      const app = h3v1.createApp();
      app.use(
        "/own",
        h3v1.eventHandler(() => "own"),
      );
      app.use("/llm", h3v1.fromNodeMiddleware(toNodeHandler(proxy)));
      return h3v1.toNodeListener(app);
    },
  },
  "h3 1, in a router": {
    base: "/llm",
    listener(proxy) {
      const router = h3v1.createRouter();
      router.get(
        "/own",
        h3v1.eventHandler(() => "own"),
      );
      router.use("/llm/**", h3v1.fromNodeMiddleware(toNodeHandler(proxy)));
      return h3v1.toNodeListener(h3v1.createApp().use(router));
    },
  },
  Express: {
    base: "",
    listener: (proxy) =>
      express()
        .use("/llm", toNodeHandler(proxy))
        .use(express.json())
        .get("/own", (_req, res) => void res.send("own")),
  },
  "Hono, as a route": {
    base: "/llm",
    listener: (proxy) =>
      getRequestListener(
        new Hono().get("/own", (c) => c.text("own")).all("/llm/*", (c) => proxy.fetch(c.req.raw)).fetch,
      ),
  },
  "Hono, mounted": {
    base: "",
    listener: ({ fetch }) =>
      getRequestListener(new Hono().get("/own", (c) => c.text("own")).mount("/llm", fetch).fetch),
  },
};

describe.each(Object.entries(hosts))("in %s", (_name, host) => {
  let upstream: Upstream;
  let proxy: Proxy;
  let server: Server;
  let url: string;

  // Hono's server prints with what error an answer ended, also when its client has left.
  let printed: MockInstance<typeof console.error>;

  beforeAll(async () => {
    printed = vi.spyOn(console, "error").mockReturnValue();
    upstream = await createUpstream();
    const lab = openaiCompatible({ name: "lab", baseURL: upstream.url, keys: ["k"], models: ["m"] });
    proxy = createProxy({ plugins: [lab], base: host.base, log: { level: "silent" } });
    server = createServer(host.listener(proxy)).listen(0, "127.0.0.1");
    await once(server, "listening");
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/llm`;
  });
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await proxy.close();
    await upstream.close();
    printed.mockRestore();
  });

  hostLaws(() => ({ url, upstream }));

  it("prints nothing of its own", () => {
    expect(printed.mock.calls.filter(([error]) => (error as ProxyError).kind !== "aborted")).toEqual([]);
  });
});
