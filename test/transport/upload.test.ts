/** Bodies that are sent while they arrive. */
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { expect, it } from "vitest";
import { ProxyError } from "../../src/failure/error.ts";
import type { StreamedBody, Wire } from "../../src/plugin/provider.ts";
import { failure, manualClock, options, post, rawUpstream, transport, turn, upstream } from "./support.ts";

interface Opened extends StreamedBody {
  readonly opened: number;
}

/** A body of these pieces; a promise is waited for. */
function body(pieces: readonly (string | Promise<string>)[], more: Partial<StreamedBody> = {}): Opened {
  let opened = 0;
  return {
    contentType: "multipart/form-data; boundary=X",
    length: undefined,
    repeatable: true,
    get opened() {
      return opened;
    },
    async *open() {
      opened += 1;
      for (const piece of pieces) yield Buffer.from(await piece);
    },
    ...more,
  };
}

function wire(url: string, stream: StreamedBody): Wire {
  return post(url, { body: undefined, stream });
}

const textOf = async (message: IncomingMessage): Promise<string> =>
  Buffer.concat(await Array.fromAsync(message as AsyncIterable<Buffer>)).toString();

it("is sent with its own content type, and with its length where that is known", async () => {
  const { url } = await upstream((request, response) => {
    const { "content-type": type, "content-length": length, "transfer-encoding": coding } = request.headers;
    void textOf(request).then((text) => response.end(JSON.stringify([type, length, coding, text])));
  });
  const sending = transport();
  const ask = async (stream: StreamedBody): Promise<unknown> =>
    (
      await sending.send(
        { ...wire(url, stream), headers: { "content-type": "text/x", "content-length": "99" } },
        options(),
      )
    ).json();
  const type = "multipart/form-data; boundary=X";
  expect(await ask(body(["ab", "c"]))).toEqual([type, null, "chunked", "abc"]);
  expect(await ask(body(["ab", "c"], { length: 3 }))).toEqual([type, "3", null, "abc"]);
});

it("is sent again on a fresh connection when a kept one is dead, unless it cannot be", async () => {
  let requests = 0;
  const stale = (socket: Socket): void => {
    let first = true;
    socket.on("data", (bytes: Buffer) => {
      // The head and the body of a chunked request come apart or together.
      if (!bytes.includes("0\r\n\r\n")) return;
      requests += 1;
      if (!first) return void socket.destroy();
      first = false;
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    });
  };
  const { url } = await rawUpstream(stale);
  const sending = transport();
  const again = body(["abc"]);
  const ask = async (stream: StreamedBody): Promise<void> => {
    await (await sending.send(wire(url, stream), options())).text();
    // A connection that has sent a streamed body is free a little later than its answer.
    await new Promise((resolve) => setTimeout(resolve, 20));
  };
  await ask(body(["abc"]));
  await ask(again);
  expect([again.opened, requests]).toEqual([2, 3]);

  await ask(body(["abc"]));
  const single = body(["abc"], { repeatable: false });
  expect(await failure(sending.send(wire(url, single), options()))).toMatchObject({ kind: "network", reset: true });
  expect(single.opened).toBe(1);
});

it("fails with its own error, and the upstream's request ends", async () => {
  const arrived = Promise.withResolvers<IncomingMessage>();
  const { url } = await upstream((request) => {
    request.on("error", () => {}); // It breaks off, which is the point.
    arrived.resolve(request.resume());
  });
  const broken = new ProxyError({ kind: "invalid_request", status: 413, message: "too large" });
  const rest = Promise.withResolvers<string>();
  const sent = failure(transport().send(wire(url, body(["abc", rest.promise])), options()));
  const message = await arrived.promise;
  const closed = new Promise((resolve) => message.once("close", resolve));
  rest.reject(broken);
  expect(await sent).toBe(broken);
  await closed;
  expect(message.complete).toBe(false);
});

it("whose own reading is broken is a fault of the proxy", async () => {
  const { url } = await upstream((request) => void request.resume());
  const broken = body([], {
    async *open() {
      yield Buffer.from("a");
      throw new Error("disk");
    },
  });
  const error = await failure(transport().send(wire(url, broken), options()));
  expect(error).toMatchObject({ kind: "internal", message: "The request's body cannot be read: disk" });
});

it("B4 has the headers limit count only while the upstream has something to do", async () => {
  const clock = manualClock();
  const arrived = Promise.withResolvers<IncomingMessage>();
  const { url } = await upstream((request) => arrived.resolve(request));
  const rest = Promise.withResolvers<string>();
  const sent = failure(
    transport({ clock }).send(wire(url, body(["abc", rest.promise])), options({ headersTimeout: 100 })),
  );
  const message = await arrived.promise;
  clock.advance(5_000);
  rest.resolve("d");
  expect(await textOf(message)).toBe("abcd");
  await turn();
  clock.advance(99);
  await turn();
  clock.advance(1);
  expect(await sent).toMatchObject({ kind: "timeout" });
});

it("may be answered before it has been sent", async () => {
  const { url } = await upstream((_request, response) => void response.writeHead(401).end("no"));
  const rest = Promise.withResolvers<string>();
  const response = await transport().send(wire(url, body(["abc", rest.promise])), options());
  expect([response.status, await response.text()]).toEqual([401, "no"]);
  rest.resolve("d");
});

it("C1 is not waited for when the request is aborted", async () => {
  const leaving = new AbortController();
  const arrived = Promise.withResolvers<IncomingMessage>();
  const { url } = await upstream((request) => {
    request.on("error", () => {}); // It breaks off, which is the point.
    arrived.resolve(request.resume());
  });
  const never = new Promise<string>(() => {});
  const sent = failure(transport().send(wire(url, body(["abc", never])), options({ signal: leaving.signal })));
  const message = await arrived.promise;
  const closed = new Promise((resolve) => message.once("close", resolve));
  leaving.abort();
  expect((await sent).kind).toBe("aborted");
  await closed;
});

it("slows down with the upstream", async () => {
  const arrived = Promise.withResolvers<IncomingMessage>();
  const { url } = await upstream((request) => arrived.resolve(request));
  let given = 0;
  const stream: StreamedBody = {
    ...body([]),
    async *open() {
      for (; given < 256; given++) yield new Uint8Array(256 * 1024);
    },
  };
  const sending = transport().send(wire(url, stream), options());
  const message = await arrived.promise;
  for (let before = -1; before < given; await new Promise((resolve) => setTimeout(resolve, 50))) before = given;
  expect(given).toBeLessThan(200);
  message.resume();
  await once(message, "end");
  expect(given).toBe(256);
  message.socket.destroy();
  await failure(sending);
});
