import { createServer } from "node:http";
import { connect, type Socket } from "node:net";
import { expect, it } from "vitest";
import type { Transport } from "../../src/runtime.ts";
import {
  failure,
  gone,
  listen,
  manualClock,
  options,
  post,
  rawUpstream,
  transport,
  turn,
  upstream,
} from "./support.ts";

const answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/** One whole exchange; undici takes a connection back on the next turn of the event loop only. */
async function complete(sending: Transport, url: string): Promise<string> {
  const text = await (await sending.send(post(url), options())).text();
  await turn();
  await turn();
  return text;
}

/** Answers the first request of every connection and does `second` with the next one on it. */
async function staleUpstream(
  second: (socket: Socket) => void,
): Promise<{ url: string; sockets: readonly Socket[]; requests: () => number }> {
  let requests = 0;
  const { url, sockets } = await rawUpstream((socket) => {
    let onThis = 0;
    socket.on("data", () => {
      requests++;
      if (++onThis === 1) socket.write(answer);
      else second(socket);
    });
  });
  return { url, sockets, requests: () => requests };
}

it("I4 connections are kept and used again, one request at a time", async () => {
  const { url, sockets } = await upstream((_request, response) => void setImmediate(() => response.end("ok")));
  const sending = transport();
  for (let round = 0; round < 5; round++) await complete(sending, url);
  expect(sockets).toHaveLength(1);
  const several = await Promise.all([1, 2, 3].map(() => sending.send(post(url), options())));
  expect(sockets).toHaveLength(3);
  expect(await Promise.all(several.map((response) => response.text()))).toEqual(["ok", "ok", "ok"]);
});

it.each([
  ["closed", (socket: Socket) => socket.end()],
  ["destroyed", (socket: Socket) => socket.destroy()],
  ["reset", (socket: Socket) => socket.resetAndDestroy()],
])("A20 a kept connection %s as the second request arrives is replaced silently", async (_name, close) => {
  const { url, sockets, requests } = await staleUpstream(close);
  const sending = transport();
  expect(await complete(sending, url)).toBe("ok");
  expect(await complete(sending, url)).toBe("ok");
  expect([sockets.length, requests()]).toEqual([2, 3]);
});

it("A20 the retry uses a connection of its own even when other stale ones are there", async () => {
  const { url, sockets } = await staleUpstream((socket) => socket.destroy());
  const sending = transport();
  const first = await Promise.all([1, 2, 3].map(() => sending.send(post(url), options())));
  await Promise.all(first.map((response) => response.text()));
  await turn();
  await turn();
  expect(await (await sending.send(post(url), options())).text()).toBe("ok");
  expect(sockets).toHaveLength(4);
});

it("A20 there is one retry only", async () => {
  let seen = 0;
  const { url, sockets } = await rawUpstream((socket) => {
    socket.on("data", () => (seen++ === 0 ? socket.write(answer) : socket.destroy()));
  });
  const sending = transport();
  await complete(sending, url);
  const error = await failure(sending.send(post(url), options()));
  expect(error).toMatchObject({ kind: "network", reset: true });
  expect([sockets.length, seen]).toEqual([2, 3]);
});

it("A20 nothing is sent again once the answer has begun", async () => {
  const { url, sockets } = await staleUpstream((socket) => socket.end("HTTP/1.1 200 OK\r\nx-half: "));
  const sending = transport();
  await complete(sending, url);
  expect(await failure(sending.send(post(url), options()))).toMatchObject({ kind: "network" });
  expect(sockets).toHaveLength(1);
});

it("A20 nothing is sent again after an abort", async () => {
  const leaving = new AbortController();
  const { url, sockets } = await staleUpstream((socket) => {
    leaving.abort();
    socket.destroy();
  });
  const sending = transport();
  await complete(sending, url);
  expect((await failure(sending.send(post(url), options({ signal: leaving.signal })))).kind).toBe("aborted");
  await gone(sockets[0]!);
  await turn();
  expect(sockets).toHaveLength(1);
});

it("A20 the retry has the limits of a request of its own", async () => {
  const clock = manualClock();
  const silent = Promise.withResolvers<void>();
  let seen = 0;
  const { url } = await rawUpstream((socket) => {
    socket.on("data", () => {
      if (++seen === 1) socket.write(answer);
      else if (seen === 2) socket.destroy();
      else silent.resolve();
    });
  });
  const sending = transport({ clock });
  await complete(sending, url);
  const failed = failure(sending.send(post(url), options({ headersTimeout: 70 })));
  await silent.promise;
  clock.advance(70);
  expect((await failed).message).toContain('within 70 ms (limit "headers")');
});

it("gives a request up before it is sent without losing the connection that has just come up", async () => {
  const { url, sockets } = await upstream((_request, response) => void response.end("ok"));
  const sending = transport();
  await complete(sending, url);
  const leaving = new AbortController();
  const sent = failure(sending.send(post(url), options({ signal: leaving.signal })));
  leaving.abort();
  expect((await sent).kind).toBe("aborted");
  expect(await (await sending.send(post(url), options())).text()).toBe("ok");
  expect(sockets.length).toBeLessThanOrEqual(2);
  expect(sockets[0]!.destroyed).toBe(false);
});

interface ProxySeen {
  readonly url: string;
  readonly port: number;
  readonly requests: { method: string | undefined; url: string | undefined; auth: string | undefined }[];
}

/** A small HTTP proxy: tunnels for CONNECT, forwards absolute addresses. */
async function proxy(refuse?: number): Promise<ProxySeen> {
  const requests: ProxySeen["requests"] = [];
  const server = createServer((request, response) => {
    requests.push({ method: request.method, url: request.url, auth: request.headers["proxy-authorization"] });
    if (refuse !== undefined) return void response.writeHead(refuse).end("no");
    response.end(`forwarded ${request.url}`);
  });
  server.on("connect", (request, client) => {
    requests.push({ method: "CONNECT", url: request.url, auth: request.headers["proxy-authorization"] });
    if (refuse !== undefined) return void client.end(`HTTP/1.1 ${refuse} No\r\ncontent-length: 0\r\n\r\n`);
    const [host = "", port = ""] = (request.url ?? "").split(":");
    const target = connect(Number(port), host, () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      target.pipe(client).pipe(target);
    });
    target.on("error", () => client.destroy());
    client.on("error", () => target.destroy());
  });
  const port = await listen(server);
  return { url: `http://127.0.0.1:${port}`, port, requests };
}

it("sends https through the tunnel of wire.proxy, with its credentials", async () => {
  const { requests, port } = await proxy();
  const { port: target } = await rawUpstream((socket) => socket.once("data", () => socket.destroy()));
  const error = await failure(
    transport().send(
      post(`https://127.0.0.1:${target}/v1`, { proxy: `http://user:s%65cret@127.0.0.1:${port}` }),
      options(),
    ),
  );
  expect(requests).toEqual([
    { method: "CONNECT", url: `127.0.0.1:${target}`, auth: `Basic ${Buffer.from("user:secret").toString("base64")}` },
  ]);
  expect(error.kind).toBe("network");
  expect(error.message).toContain(
    `Cannot connect to https://127.0.0.1:${target} (by the proxy http://127.0.0.1:${port})`,
  );
  expect(error.message).not.toMatch(/secret|s%65cret|user/);
});

it("sends plain http through wire.proxy by its full address, and not otherwise", async () => {
  const { url: address, requests } = await proxy();
  const { url } = await upstream((_request, response) => void response.end("direct"));
  const sending = transport();
  expect(await (await sending.send(post(url, { proxy: address }), options())).text()).toBe(`forwarded ${url}`);
  expect(await (await sending.send(post(url), options())).text()).toBe("direct");
  expect(requests).toHaveLength(1);
});

it.each(["HTTP_PROXY", "http_proxy", "HTTPS_PROXY"])("honours %s of the environment it is given", async (name) => {
  const { url: address, requests } = await proxy();
  const { port } = await rawUpstream((socket) => socket.once("data", () => socket.destroy()));
  const secure = name === "HTTPS_PROXY";
  await transport({ env: { [name]: address } })
    .send(post(`${secure ? "https" : "http"}://127.0.0.1:${port}/v1`), options())
    .catch(() => {});
  expect(requests.map(({ method }) => method)).toEqual([secure ? "CONNECT" : "POST"]);
});

it("NO_PROXY keeps its hosts away from the proxy", async () => {
  const { url: address, requests } = await proxy();
  const { url } = await upstream((_request, response) => void response.end("direct"));
  const sending = transport({ env: { HTTP_PROXY: address, HTTPS_PROXY: address, NO_PROXY: "example.com,127.0.0.1" } });
  expect(await (await sending.send(post(url), options())).text()).toBe("direct");
  expect(requests).toEqual([]);
});

it("a proxy's refusal is a network error that names the status", async () => {
  const { port } = await proxy(407);
  const wire = { proxy: `http://user:secret@127.0.0.1:${port}` };
  const sending = transport();
  const [plain, tunnel] = await Promise.all([
    failure(sending.send(post("http://target.test/v1", wire), options())),
    failure(sending.send(post("https://target.test/v1", wire), options())),
  ]);
  for (const error of [plain, tunnel]) {
    expect(error.kind).toBe("network");
    expect(error.message).toContain("407");
    expect(error.message).not.toContain("secret");
  }
});

it("a proxy that cannot be reached is named without its password", async () => {
  const { port, server } = await upstream(() => {});
  await new Promise((resolve) => server.close(resolve));
  const error = await failure(
    transport().send(post("https://target.test/v1", { proxy: `http://user:secret@127.0.0.1:${port}` }), options()),
  );
  expect(error.kind).toBe("network");
  expect(error.message).toContain("ECONNREFUSED");
  expect(error.message).not.toContain("secret");
});

it("B4 the connect limit ends a tunnel that does not open", async () => {
  const clock = manualClock();
  const asked = Promise.withResolvers<void>();
  const { port, sockets } = await rawUpstream((socket) => socket.once("data", () => asked.resolve()));
  const failed = failure(
    transport({ clock }).send(
      post("https://target.test/v1", { proxy: `http://127.0.0.1:${port}` }),
      options({ connectTimeout: 90 }),
    ),
  );
  await asked.promise;
  clock.advance(90);
  expect((await failed).message).toContain('within 90 ms (limit "connect")');
  await gone(sockets[0]!);
});

it.each(["HTTPS_PROXY", "wire.proxy"])("an unusable address in %s is refused without being repeated", async (place) => {
  const secret = "http://user:secret@host:port:port";
  const send = async (): Promise<unknown> =>
    place === "wire.proxy"
      ? transport().send(post("https://target.test/", { proxy: secret }), options())
      : transport({ env: { HTTPS_PROXY: secret } });
  const error = await failure(send());
  expect(error.kind).toBe("internal");
  expect(error.message).toContain("not a usable proxy URL");
  expect(`${error.message}${String(error.cause)}`).not.toContain("secret");
});
