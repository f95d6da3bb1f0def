import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { H3 } from "h3";
import { createProxy, type Proxy, toNodeHandler } from "waygate";
import { echo } from "waygate/plugins/echo";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { allEvents, createUpstream, forever, silence, stream, textOfEvents, type Upstream } from "waygate/testing";

let upstream: Upstream;
let proxy: Proxy;
const servers: Server[] = [];

beforeEach(async () => {
  upstream = await createUpstream();
  const lab = openaiCompatible({ name: "lab", baseURL: upstream.url, keys: ["k"], models: ["m"] });
  proxy = createProxy({ plugins: [echo(), lab], log: { level: "silent" } });
});
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
  await proxy.close();
  await upstream.close();
});

async function listen(server: Server): Promise<string> {
  servers.push(server.listen(0, "127.0.0.1"));
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const chat = (url: string, model: string, more: object = {}, init: RequestInit = {}): Promise<Response> =>
  fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model, messages: [{ role: "user", content: "say hello" }], ...more }),
    ...init,
  });

/** The ways to hang the proxy up; each gives the URL below which it answers. */
const hosts: readonly [string, () => Promise<string>][] = [
  ["node:http through toNodeHandler", () => listen(createServer((req, res) => void toNodeHandler(proxy)(req, res)))],
  [
    "h3 2 through mount",
    async () => {
      const { toNodeHandler: listener } = await import("srvx/node");
      const app = new H3().get("/own", () => "own");
      app.mount("/llm", proxy);
      const handle = listener((request) => app.fetch(request));
      return `${await listen(createServer((req, res) => void handle(req as never, res as never)))}/llm`;
    },
  ],
];

describe.each(hosts)("embedded in %s", (_, start) => {
  it("answers whole and as a stream, and lists models", async () => {
    const url = await start();
    const whole = await chat(url, "echo/echo");
    expect(whole.status).toBe(200);
    expect(await whole.text()).toContain("say hello");
    const streamed = await chat(url, "echo/echo", { stream: true });
    expect(textOfEvents(await allEvents(streamed))).toContain("say hello");
    const models = (await (await fetch(`${url}/v1/models`)).json()) as { data: { id: string }[] };
    expect(models.data.map(({ id }) => id)).toEqual(["echo/echo", "lab/m"]);
    expect((await fetch(`${url}/v1/models/lab/x/y`)).status).toBe(200);
  });

  it("refuses in JSON: bad bodies, unknown paths, wrong methods", async () => {
    const url = await start();
    const broken = await chat(url, "echo/echo", {}, { body: "{" });
    expect([broken.status, await broken.json()]).toMatchObject([400, { error: { code: "invalid_json" } }]);
    expect((await fetch(`${url}/v1/nothing`)).status).toBe(404);
    expect((await fetch(`${url}/v1/chat/completions`)).status).toBe(405);
  });

  it("C1 a client that leaves before an answer stops the upstream", async () => {
    upstream.always(silence());
    const url = await start();
    const leave = new AbortController();
    const pending = chat(url, "lab/m", {}, { signal: leave.signal }).catch(() => "left");
    const request = await upstream.received(1);
    leave.abort();
    expect(await pending).toBe("left");
    expect(await request.closed).toBe("client");
  });

  it("C4 a client that leaves a stream stops the upstream", async () => {
    upstream.always(stream([forever('data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n')]));
    const url = await start();
    const leave = new AbortController();
    const response = await chat(url, "lab/m", { stream: true }, { signal: leave.signal });
    await response.body!.getReader().read();
    leave.abort();
    expect(await (await upstream.received(1)).closed).toBe("client");
  });
});

describe("embedded anywhere else", () => {
  it("fetch alone answers a web-standard request, without a port", async () => {
    const body = JSON.stringify({ model: "echo/echo", messages: [{ role: "user", content: "say hello" }] });
    const response = await proxy.fetch(
      new Request("https://any.example/v1/chat/completions", { method: "POST", body }),
    );
    expect(response.status).toBe(200);
    expect(await response.text()).toContain("say hello");
  });

  it("fetch can be handed over alone, as official clients want it", async () => {
    const { fetch: detached } = proxy;
    expect((await detached(new Request("https://any.example/v1/models"))).status).toBe(200);
  });

  it("the other routes of an h3 app stay what they are", async () => {
    const app = new H3().get("/own", () => "own");
    app.mount("/llm", proxy);
    expect(await (await app.request("/own")).text()).toBe("own");
    expect((await app.request("/llm/health")).status).toBe(200);
    expect((await app.request("/health")).status).toBe(404);
  });
});
