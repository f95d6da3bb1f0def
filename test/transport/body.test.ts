import { randomBytes } from "node:crypto";
import { getEventListeners } from "node:events";
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { discard, upstreamOf } from "../../src/transport/response.ts";
import { fast, gone, manualClock, options, post, rawUpstream, record, transport, turn, upstream } from "./support.ts";

/** A server whose answers are written by the test. */
async function streaming(): Promise<{ url: string; sockets: readonly Socket[]; next(): Promise<ServerResponse> }> {
  const answers: ServerResponse[] = [];
  const waiting: ((answer: ServerResponse) => void)[] = [];
  const { url, sockets } = await upstream((_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.flushHeaders();
    const resolve = waiting.shift();
    if (resolve === undefined) answers.push(response);
    else resolve(response);
  });
  const next = (): Promise<ServerResponse> => {
    const answer = answers.shift();
    return answer === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(answer);
  };
  return { url, sockets, next };
}

it("delivers what arrived before start, in order, and then what follows", async () => {
  const { url, next } = await streaming();
  const response = await transport().send(post(url), options());
  const answer = await next();
  answer.write("one ");
  await new Promise<void>((resolve) => answer.write("two ", () => resolve()));
  await turn();
  const reading = record(fast(response));
  await reading.contains("two ");
  answer.end("three");
  await reading.over;
  expect(reading.text).toBe("one two three");
  expect(reading.calls.filter((call) => call !== "data")).toEqual(["end"]);
});

it("delivers each event as it comes", async () => {
  const { url, next } = await streaming();
  const response = await transport().send(post(url), options());
  const answer = await next();
  const reading = record(fast(response));
  for (const event of ["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"]) {
    answer.write(event);
    await reading.contains(event);
  }
  answer.end();
  await reading.over;
  expect(reading.chunks).toEqual(["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"]);
});

const floodBytes = 64 * 1024 * 1024;

/** A server that sends as fast as it is read. `stopped` resolves with what went out when nothing more is taken. */
async function flood(
  chunk = Buffer.alloc(65_536, "x"),
  headers = {},
): Promise<{ url: string; stopped(): Promise<number> }> {
  let sent = 0;
  const { url } = await upstream((_request, response) => {
    response.writeHead(200, headers);
    const more = (): void => {
      while (sent < floodBytes) {
        sent += chunk.length;
        if (!response.write(chunk)) return;
      }
      response.end();
    };
    response.on("drain", more);
    more();
  });
  const stopped = async (): Promise<number> => {
    for (let last = -1; last !== sent;) {
      last = sent;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return sent;
  };
  return { url, stopped };
}

// What the kernel takes on both sides is not ours; all of it together stays far below the whole answer.
const few = floodBytes / 4;

it("B14 an answer nobody reads stops its upstream after a bounded window, and comes whole later", async () => {
  const { url, stopped } = await flood();
  const stream = fast(await transport().send(post(url), options()));
  expect(await stopped()).toBeLessThan(few);
  let bytes = 0;
  await new Promise<void>((resolve, reject) => {
    stream.start({
      data(chunk) {
        bytes += chunk.byteLength;
        stream.pause();
        setImmediate(() => stream.resume());
      },
      end: resolve,
      error: reject,
    });
  });
  expect(bytes).toBe(floodBytes);
});

it("B14 a compressed answer nobody reads stops its upstream too", async () => {
  const { url, stopped } = await flood(gzipSync(randomBytes(65_536)), { "content-encoding": "gzip" });
  const stream = fast(await transport().send(post(url), options()));
  expect(await stopped()).toBeLessThan(few);
  stream.cancel();
});

it("B14 a web stream that is read slowly stops its upstream too", async () => {
  const { url, stopped } = await flood();
  const reader = (await transport().send(post(url), options())).body!.getReader();
  await reader.read();
  expect(await stopped()).toBeLessThan(few);
  await reader.cancel();
});

it("a paused sink hears nothing, not even the end, until it resumes", async () => {
  const { url, next } = await streaming();
  const stream = fast(await transport().send(post(url), options()));
  const answer = await next();
  const reading = record(stream);
  stream.pause();
  answer.end("late");
  await new Promise((resolve) => answer.on("close", resolve));
  await turn();
  expect(reading.calls).toEqual([]);
  stream.resume();
  await reading.over;
  expect(reading.calls).toEqual(["data", "end"]);
});

it("an abort reaches a paused sink even when the whole body has arrived", async () => {
  const leaving = new AbortController();
  const { url, next } = await streaming();
  const stream = fast(await transport().send(post(url), options({ signal: leaving.signal })));
  const answer = await next();
  const reading = record(stream);
  stream.pause();
  answer.end("late");
  await new Promise((resolve) => answer.on("close", resolve));
  await turn();
  leaving.abort();
  expect(reading.calls).toEqual(["error"]);
  stream.resume();
  expect(reading.calls).toEqual(["error"]);
});

it("has one sink only", async () => {
  const { url } = await upstream((_request, response) => response.end("x"));
  const stream = fast(await transport().send(post(url), options()));
  await record(stream).over;
  expect(() => record(stream)).toThrow("read or cancelled already");
});

it("reports a body cut short of its content-length as network", async () => {
  const { url } = await rawUpstream((socket) =>
    socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")),
  );
  const reading = record(fast(await transport().send(post(`${url}/secret`), options())));
  await reading.over;
  expect(reading.text).toBe("half");
  expect(reading.calls).toEqual(["data", "error"]);
  expect(reading.error).toMatchObject({ kind: "network", reset: false });
  expect(reading.error?.message).toContain("broke off in the middle of its answer");
  expect(reading.error?.message).not.toContain("secret");
});

it("reports a chunked body without its last chunk as network", async () => {
  const { url } = await rawUpstream((socket) =>
    socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n")),
  );
  const reading = record(fast(await transport().send(post(url), options())));
  await reading.over;
  expect(reading.calls).toEqual(["data", "error"]);
  expect(reading.error?.kind).toBe("network");
});

it("reports a connection reset inside a body as network", async () => {
  const { url, sockets, next } = await streaming();
  const reading = record(fast(await transport().send(post(url), options())));
  (await next()).write("some");
  await reading.contains("some");
  sockets[0]!.resetAndDestroy();
  await reading.over;
  expect(reading.error).toMatchObject({ kind: "network", reset: false });
});

it("a body cut before start is reported after start, behind what had arrived", async () => {
  const { url, sockets } = await rawUpstream((socket) =>
    socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")),
  );
  const response = await transport().send(post(url), options());
  await gone(sockets[0]!);
  await turn();
  const reading = record(fast(response));
  await reading.over;
  expect(reading.calls).toEqual(["data", "error"]);
});

it("reads a body that ends with its connection", async () => {
  const { url } = await rawUpstream((socket) =>
    socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\n\r\nall of it")),
  );
  const reading = record(fast(await transport().send(post(url), options())));
  await reading.over;
  expect([reading.text, reading.calls.at(-1)]).toEqual(["all of it", "end"]);
});

it("an abort after the headers destroys the upstream and is reported exactly once", async () => {
  const leaving = new AbortController();
  const { url, sockets, next } = await streaming();
  const reading = record(fast(await transport().send(post(url), options({ signal: leaving.signal }))));
  (await next()).write("some");
  await reading.contains("some");
  leaving.abort();
  expect(reading.calls).toEqual(["data", "error"]);
  expect(reading.error?.kind).toBe("aborted");
  await gone(sockets[0]!);
  await turn();
  expect(reading.calls).toEqual(["data", "error"]);
});

it("an abort before start is reported to the sink that comes later", async () => {
  const leaving = new AbortController();
  const { url, sockets } = await streaming();
  const response = await transport().send(post(url), options({ signal: leaving.signal }));
  leaving.abort();
  await gone(sockets[0]!);
  const reading = record(fast(response));
  expect(reading.calls).toEqual(["error"]);
  expect(reading.error?.kind).toBe("aborted");
});

it("I6 leaving in every phase of an answer raises no unheard error", async () => {
  const { url, sockets, next } = await streaming();
  const sending = transport();
  const leave: ((response: Response, leaving: AbortController) => unknown)[] = [
    (_response, leaving) => leaving.abort(),
    (response) => fast(response).cancel(),
    (response) => response.body?.cancel(),
    (response) => response.body?.getReader().cancel("bye"),
    (response) => discard(response),
    (response, leaving) => (record(fast(response)), leaving.abort()),
    (response, leaving) => (void response.body, leaving.abort()),
    (response) => {
      const stream = fast(response);
      stream.start({ data: () => stream.cancel(), end() {}, error() {} });
    },
  ];
  for (const go of leave) {
    const leaving = new AbortController();
    const response = await sending.send(post(url), options({ signal: leaving.signal }));
    const answer = await next();
    const left = new Promise((resolve) => answer.on("close", resolve));
    answer.write("some");
    await turn();
    await go(response, leaving);
    await left;
  }
  await Promise.all(sockets.map(gone));
  expect(sockets).toHaveLength(leave.length); // Unheard errors and rejections fail the whole run.
});

it("cancel ends the request and no call follows", async () => {
  const { url, sockets, next } = await streaming();
  const stream = fast(await transport().send(post(url), options()));
  const reading = record(stream);
  (await next()).write("some");
  await reading.contains("some");
  stream.cancel();
  await gone(sockets[0]!);
  await turn();
  expect(reading.calls).toEqual(["data"]);
});

it("a sink that throws gets its own failure as an internal error, once", async () => {
  const { url, sockets, next } = await streaming();
  const errors: unknown[] = [];
  const stream = fast(await transport().send(post(url), options()));
  const over = new Promise<void>((resolve) => {
    stream.start({
      data() {
        throw new RangeError("broken reader");
      },
      end: resolve,
      error(error) {
        errors.push(error);
        resolve();
      },
    });
  });
  (await next()).write("some");
  await over;
  await gone(sockets[0]!);
  expect(errors).toMatchObject([{ kind: "internal", cause: { message: "broken reader" } }]);
});

it("I4 discarding a small answer lets its connection be used again", async () => {
  const { url, sockets } = await upstream((_request, response) => void response.writeHead(429).end('{"error":{}}'));
  const sending = transport();
  for (let round = 0; round < 5; round++) {
    discard(await sending.send(post(url), options()));
    await turn();
  }
  expect(sockets).toHaveLength(1);
});

it("I4 discarding an event stream or a long answer closes its connection", async () => {
  const { url, sockets } = await upstream((request, response) => {
    response.writeHead(200, request.url === "/v1/events" ? { "content-type": "text/event-stream" } : {});
    response.write("x".repeat(request.url === "/v1/events" ? 10 : 1_000_000));
  });
  const sending = transport();
  for (const path of ["events", "long"]) discard(await sending.send(post(`${url}/${path}`), options()));
  expect(sockets).toHaveLength(2);
  await Promise.all(sockets.map(gone));
});

it("I4 discarding an answer that stalls closes its connection after a second", async () => {
  const clock = manualClock();
  const { url, sockets } = await upstream((_request, response) => void response.writeHead(500).write("so"));
  const response = await transport({ clock }).send(post(url), options());
  discard(response);
  expect(clock.pending).toBe(1);
  clock.advance(1000);
  await gone(sockets[0]!);
  expect(clock.pending).toBe(0);
});

it("I4 a response made by somebody else is cancelled", async () => {
  let cancelled = false;
  const foreign = new Response(new ReadableStream({ cancel: () => void (cancelled = true) }));
  expect(upstreamOf(foreign)).toBeUndefined();
  discard(foreign);
  discard(new Response(null, { status: 204 }));
  expect(cancelled).toBe(true);
});

it("leaves no listener on a long-lived signal", async () => {
  const { signal } = new AbortController();
  const { url } = await upstream((_request, response) => response.end("x"));
  const sending = transport();
  await (await sending.send(post(url), options({ signal }))).text();
  await record(fast(await sending.send(post(url), options({ signal })))).over;
  fast(await sending.send(post(url), options({ signal }))).cancel();
  await sending.send(post("http://127.0.0.1:1/"), options({ signal })).catch(() => {});
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
});
