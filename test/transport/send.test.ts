import { createServer as createTlsServer } from "node:https";
import { Socket } from "node:net";
import { expect, it } from "vitest";
import { buildConnector } from "undici";
import { ProxyError } from "../../src/failure/error.ts";
import {
  failure,
  fast,
  gone,
  listen,
  manualClock,
  options,
  post,
  rawUpstream,
  record,
  transport,
  turn,
  upstream,
} from "./support.ts";

it("sends method, path, headers and body, and gives back status, headers and body", async () => {
  let seen: unknown;
  const { url } = await upstream(async (request, response) => {
    const body = await new Response(request as never).text();
    seen = { method: request.method, url: request.url, key: request.headers["x-key"], body };
    response.writeHead(
      201,
      [
        ["X-One", "1"],
        ["x-list", "a"],
        ["X-List", "b"],
      ].flat(),
    );
    response.end("done");
  });
  const response = await transport().send(post(`${url}/chat?x=1`, { headers: { "x-key": "k" } }), options());
  const reading = record(fast(response));
  await reading.over;
  expect(seen).toEqual({ method: "POST", url: "/v1/chat?x=1", key: "k", body: "{}" });
  expect(fast(response)).toMatchObject({ status: 201, headers: { "x-one": "1", "x-list": "a, b" } });
  expect(reading.text).toBe("done");
  expect(reading.calls.at(-1)).toBe("end");
});

it("adds no accept-encoding and no user-agent of its own", async () => {
  let seen: object = {};
  const { url } = await upstream((request, response) => {
    seen = request.headers;
    response.end();
  });
  await transport().send(post(url), options());
  expect(Object.keys(seen).toSorted()).toEqual(["connection", "content-length", "content-type", "host"]);
});

it("B4 the connect limit fires alone while no connection comes up, and ends the attempt", async () => {
  const clock = manualClock();
  const asked = Promise.withResolvers<void>();
  const idle = new Socket();
  const connect = (): Socket => {
    asked.resolve();
    return idle;
  };
  const sent = transport({ clock, connect }).send(
    post("http://never.test/secret-path?key=sk-1"),
    options({ connectTimeout: 50 }),
  );
  const failed = failure(sent);
  await asked.promise;
  clock.advance(49);
  await turn();
  clock.advance(1);
  const error = await failed;
  expect(error.kind).toBe("timeout");
  expect(error.message).toBe('http://never.test: no connection within 50 ms (limit "connect").');
  expect(idle.destroyed).toBe(true);
  expect(clock.pending).toBe(0);
});

it("B4 the headers limit fires alone while the upstream is silent, and closes the connection", async () => {
  const clock = manualClock();
  const arrived = Promise.withResolvers<void>();
  const { url, sockets } = await upstream(() => arrived.resolve());
  const sent = failure(transport({ clock }).send(post(url), options({ connectTimeout: 0, headersTimeout: 120_000 })));
  await arrived.promise;
  clock.advance(119_999);
  await turn();
  clock.advance(1);
  const error = await sent;
  expect(error.kind).toBe("timeout");
  expect(error.message).toContain('no response headers within 120000 ms (limit "headers")');
  await gone(sockets[0]!);
});

it("B4 the connect limit does not go on once the request is on a connection", async () => {
  const clock = manualClock();
  const arrived = Promise.withResolvers<() => void>();
  const { url } = await upstream((_request, response) => arrived.resolve(() => response.end("late")));
  const sent = transport({ clock }).send(post(url), options({ connectTimeout: 10, headersTimeout: 0 }));
  const finish = await arrived.promise;
  clock.advance(1_000_000);
  finish();
  expect(await (await sent).text()).toBe("late");
});

it("I1 silence longer than 300 s before and inside an answer is no error here", async () => {
  // undici's limits run on its own timers, so what can be seen is that none is set on the parser.
  const { url } = await upstream((_request, response) => void response.writeHead(200).write("a"));
  const connect = buildConnector({ allowH2: false });
  let socket: object = {};
  const sending = transport({
    connect: (target, callback) =>
      connect(target, (...result) => {
        socket = result[1] ?? {};
        callback(...result);
      }),
  });
  const reading = record(fast(await sending.send(post(url), options())));
  await reading.contains("a");
  const parser = Object.getOwnPropertySymbols(socket)
    .map((symbol) => (socket as { [key: symbol]: unknown })[symbol])
    .find((value) => typeof value === "object" && value !== null && "timeoutValue" in value) as {
    timeout: unknown;
    timeoutValue: unknown;
  };
  expect(parser).toMatchObject({ timeout: null, timeoutValue: 0 });
});

it("I5 sockets are used without Nagle's delay", async () => {
  const { url } = await upstream((_request, response) => void response.end());
  const connect = buildConnector({ allowH2: false });
  const delays: unknown[] = [];
  const sending = transport({
    connect(target, callback) {
      const socket = connect(target, callback) as unknown as Socket;
      const flag = Object.getOwnPropertySymbols(socket).find((symbol) => symbol.description === "kSetNoDelay");
      delays.push(flag && (socket as unknown as { [key: symbol]: unknown })[flag]);
      return socket;
    },
  });
  await sending.send(post(url), options());
  expect(delays).toEqual([true]);
});

it("names the origin and the cause when nobody listens, and never the path, query or headers", async () => {
  const { port, server } = await upstream(() => {});
  await new Promise((resolve) => server.close(resolve));
  const error = await failure(
    transport().send(
      post(`http://127.0.0.1:${port}/secret-path?key=secret-query`, { headers: { authorization: "secret-key" } }),
      options(),
    ),
  );
  expect(ProxyError.is(error)).toBe(true);
  expect(error).toMatchObject({ kind: "network", reset: false });
  expect(error.message).toContain(`Cannot connect to http://127.0.0.1:${port}`);
  expect(error.message).toContain("ECONNREFUSED");
  expect(error.message).not.toContain("secret");
});

it("names the host name that does not resolve", async () => {
  const lookup = (host: string, _options: object, callback: (error: Error) => void): void =>
    callback(Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: "ENOTFOUND" }));
  const error = await failure(
    transport({ connect: { lookup } as never }).send(post("http://no-such-host.test/v1"), options()),
  );
  expect(error.kind).toBe("network");
  expect(error.message).toContain("getaddrinfo ENOTFOUND no-such-host.test");
  expect(error.message).toContain("Check the host name");
});

it("names TLS as the cause when the other side does not speak it", async () => {
  const { port } = await rawUpstream((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  const error = await failure(transport().send(post(`https://127.0.0.1:${port}/`), options()));
  expect(error).toMatchObject({ kind: "network", reset: false });
  expect(error.message).toMatch(/Cannot connect to https:.*(SSL|TLS|EPROTO)/);
});

it("fails as network when a TLS server has no certificate to show", async () => {
  const server = createTlsServer({}, (_request, response) => response.end());
  const port = await listen(server);
  const error = await failure(transport().send(post(`https://127.0.0.1:${port}/`), options()));
  expect(error.kind).toBe("network");
  expect(error.message).toContain(`Cannot connect to https://127.0.0.1:${port}`);
});

it("says reset when a first-use connection is lost before the answer, and does not try again", async () => {
  const { url, sockets } = await rawUpstream((socket) => socket.once("data", () => socket.destroy()));
  const error = await failure(transport().send(post(url), options()));
  expect(error).toMatchObject({ kind: "network", reset: true });
  expect(sockets).toHaveLength(1);
});

it("fails on endless response headers", async () => {
  const { url } = await rawUpstream((socket) => {
    socket.write("HTTP/1.1 200 OK\r\n");
    const more = (): void => {
      while (!socket.destroyed && socket.write(`x-filler: ${"y".repeat(1000)}\r\n`));
    };
    socket.on("drain", more);
    more();
  });
  const error = await failure(transport().send(post(url), options()));
  expect(error).toMatchObject({ kind: "network", reset: false });
  expect(error.message).toContain("UND_ERR_HEADERS_OVERFLOW");
});

it("fails on an answer that is not HTTP without showing it", async () => {
  const { url } = await rawUpstream((socket) => socket.end("SSH-2.0-secret banner\r\n"));
  const error = await failure(transport().send(post(url), options()));
  expect(error.kind).toBe("network");
  expect(JSON.stringify([error.message, error.cause])).not.toContain("banner");
});

it("fails on a status above 599", async () => {
  const { url } = await rawUpstream((socket) => socket.end("HTTP/1.1 999 Denied\r\ncontent-length: 0\r\n\r\n"));
  const error = await failure(transport().send(post(url), options()));
  expect(error).toMatchObject({ kind: "upstream" });
  expect(error.message).toContain("999");
});

it("passes over interim answers", async () => {
  const { url } = await upstream((_request, response) => {
    response.writeEarlyHints({ link: "</x>; rel=preload" });
    response.end("final");
  });
  const response = await transport().send(post(url), options());
  expect(response.status).toBe(200);
  expect(await response.text()).toBe("final");
});

it("rejects as aborted when the signal was aborted before", async () => {
  const { url, sockets } = await upstream(() => {});
  const error = await failure(transport().send(post(url), options({ signal: AbortSignal.abort() })));
  expect(error.kind).toBe("aborted");
  expect(sockets).toHaveLength(0);
});

it("rejects at once when the signal aborts while connecting", async () => {
  const leaving = new AbortController();
  const idle = new Socket();
  const asked = Promise.withResolvers<void>();
  const connect = (): Socket => {
    asked.resolve();
    return idle;
  };
  const sent = failure(transport({ connect }).send(post("http://never.test/"), options({ signal: leaving.signal })));
  await asked.promise;
  leaving.abort();
  expect((await sent).kind).toBe("aborted");
  expect(idle.destroyed).toBe(true);
});

it("rejects and closes the connection when the signal aborts while waiting for headers", async () => {
  const leaving = new AbortController();
  const arrived = Promise.withResolvers<void>();
  const { url, sockets } = await upstream(() => arrived.resolve());
  const sent = failure(transport().send(post(url), options({ signal: leaving.signal })));
  await arrived.promise;
  leaving.abort();
  expect((await sent).kind).toBe("aborted");
  await gone(sockets[0]!);
});

it("refuses addresses that are not http without repeating them", async () => {
  for (const url of ["file:///secret", "not a secret url"]) {
    const error = await failure(transport().send(post(url), options()));
    expect(error.kind).toBe("internal");
    expect(error.message).not.toContain("secret");
  }
});

it("refuses a header that cannot be sent, without its value", async () => {
  const error = await failure(
    transport().send(post("http://127.0.0.1:9/", { headers: { authorization: "secret\nvalue" } }), options()),
  );
  expect(error).toMatchObject({ kind: "internal" });
  expect(error.message).toContain("authorization");
  expect(error.message).not.toContain("secret");
});

it("close ends requests that connect, wait and stream, and refuses new ones", async () => {
  const idle = new Socket();
  const real = buildConnector({ allowH2: false });
  const asked = Promise.withResolvers<void>();
  const sending = transport({
    connect(target, callback) {
      if (target.hostname !== "never.test") return real(target, callback);
      asked.resolve();
      return idle;
    },
  });
  const silent = Promise.withResolvers<void>();
  const { url, sockets } = await upstream((request, response) => {
    if (request.url?.endsWith("silent")) silent.resolve();
    else response.write("data");
  });
  const streaming = record(fast(await sending.send(post(url), options())));
  await streaming.contains("data");
  const waiting = failure(sending.send(post(`${url}/silent`), options()));
  const connecting = failure(sending.send(post("http://never.test/"), options()));
  await Promise.all([silent.promise, asked.promise]);
  await sending.close();
  expect((await waiting).kind).toBe("aborted");
  expect((await connecting).kind).toBe("aborted");
  await streaming.over;
  expect(streaming.error?.kind).toBe("aborted");
  expect(idle.destroyed).toBe(true);
  await Promise.all(sockets.map(gone));
  expect((await failure(sending.send(post(url), options()))).kind).toBe("aborted");
  await sending.close();
});
