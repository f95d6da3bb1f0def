/** Hosts that have read the body before the proxy gets the request, and a proxy that cannot start. */
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import { afterEach, expect, it, vi } from "vitest";
import { createProxy, definePlugin, toNodeHandler } from "waygate";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { createUpstream, type Upstream } from "waygate/testing";
import { chat } from "./_laws.ts";

const open: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
  vi.restoreAllMocks();
});

async function listen(listener: RequestListener): Promise<string> {
  const server: Server = createServer(listener).listen(0, "127.0.0.1");
  open.push(() => (server.closeAllConnections(), void server.close()));
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function start(use: (app: express.Express) => express.Express): Promise<{ url: string; upstream: Upstream }> {
  const upstream = await createUpstream();
  const lab = openaiCompatible({ name: "lab", baseURL: upstream.url, keys: ["k"], models: ["m"] });
  const proxy = createProxy({ plugins: [lab], server: { maxBody: 1000 }, log: { level: "silent" } });
  open.push(
    () => upstream.close(),
    () => proxy.close(),
  );
  const url = await listen(use(express()).use("/llm", toNodeHandler(proxy)) as unknown as RequestListener);
  return { url: `${url}/llm`, upstream };
}

const body = '{"model":"lab/m","seed":12345678901234567890,"messages":[{"role":"user","content":"hé"}]}';
const sent = body.replace("lab/m", "m");

it.each([
  ["text", () => express.text({ type: "*/*" })],
  ["bytes", () => express.raw({ type: "*/*" })],
  [
    "a value and the bytes as rawBody",
    () => express.json({ verify: (req, _res, bytes) => Object.assign(req, { rawBody: bytes }) }),
  ],
] as const)("a body that was read as %s is used as it came", async (_, parser) => {
  const { url, upstream } = await start((app) => app.use(parser()));
  expect((await chat(url, body)).status).toBe(200);
  expect(upstream.requests[0]?.body).toBe(sent);
  const large = await chat(url, { user: "x".repeat(1000) });
  expect([large.status, await large.json()]).toMatchObject([413, { error: { code: "request_too_large" } }]);
});

it("a body of which only the parsed value is left is refused with the fix, at once", async () => {
  const { url, upstream } = await start((app) => app.use(express.json()));
  const response = await chat(url, body);
  expect(response.status).toBe(500);
  expect(await response.json()).toMatchObject({
    error: { code: "internal_error", message: expect.stringContaining("before body parsers") },
  });
  expect(upstream.requests).toEqual([]);
});

it("a request whose body a fetch handler has read is refused with the fix", async () => {
  const proxy = createProxy({ plugins: [], log: { level: "silent" } });
  open.push(() => proxy.close());
  const request = new Request("http://waygate.local/v1/chat/completions", { method: "POST", body });
  await request.text();
  const response = await proxy.fetch(request);
  expect([response.status, await response.text()]).toMatchObject([500, expect.stringContaining("before body parsers")]);
});

it("a proxy that cannot start is a 500 in JSON and a line in the log, not the end of the process", async () => {
  const broken = definePlugin({
    name: "broken",
    setup() {
      throw new Error("no disk");
    },
  });
  const written = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const url = await listen(toNodeHandler(createProxy({ plugins: [broken], log: { level: "silent" } })));
  const response = await fetch(`${url}/v1/models`);
  expect([response.status, await response.json()]).toMatchObject([500, { error: { code: "internal_error" } }]);
  expect(written.mock.calls.map(([text]) => String(text)).join("")).toContain("no disk");
});
