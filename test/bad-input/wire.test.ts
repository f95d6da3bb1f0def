/** What is wrong before there is a request: headers, framing, methods, and bodies that never end. */
import { maxHeaderSize } from "node:http";
import { connect } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { answer, chunk, gate, later, pause, stream } from "waygate/testing";
import { head, raw, type RawAnswer } from "../server/_raw.ts";
import { type Bench, bench, chatHead, clientKey, good, maxBody, type Refusal } from "./_bench.ts";

let proxy: Bench;
let hasty: Bench;
beforeAll(async () => {
  proxy = await bench();
  hasty = await bench({ requestTimeout: 200 });
});
afterEach(async () => {
  await proxy.lives();
  await hasty.lives();
});
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await hasty[Symbol.asyncDispose]();
});

/** The one JSON error in an answer; fails when its length is not what the header says. */
function errorOf(reply: RawAnswer): Refusal["error"] {
  expect(reply.headers["content-type"]).toContain("application/json");
  expect(Buffer.byteLength(reply.body)).toBe(Number(reply.headers["content-length"]));
  return (JSON.parse(reply.body) as Refusal).error;
}

describe("headers", () => {
  it.each([
    ["one that is too long", { "x-long": "a".repeat(maxHeaderSize) }],
    ["too many", Object.fromEntries(Array.from({ length: 700 }, (_, index) => [`x-${index}`, "a".repeat(20)]))],
    ["a key that is too long", { authorization: `Bearer canary9${"a".repeat(maxHeaderSize)}` }],
  ])("over Node's limit (%s) are a 431 in JSON", async (_, headers) => {
    const reply = await raw(proxy.url, [head("GET /v1/models", headers)]);
    expect(reply.status).toBe(431);
    expect(reply.headers["connection"]).toBe("close");
    expect(errorOf(reply)).toMatchObject({ type: "invalid_request_error", code: "invalid_request" });
    expect(reply.text).not.toContain("canary9");
  });

  it("a path over the limit is a 431 too, a long one below it a 404", async () => {
    expect((await raw(proxy.url, [head(`GET /${"a".repeat(maxHeaderSize)}`, {})])).status).toBe(431);
    const reply = await raw(proxy.url, [head(`GET /${"a".repeat(maxHeaderSize / 2)}`, { connection: "close" })]);
    expect(reply.status).toBe(404);
    expect(errorOf(reply).message.length).toBeLessThan(400);
  });

  it.each([
    ["no HTTP at all", "\u0000\u0001canary9 garbage\r\n\r\n"],
    ["TLS to a plain port", "\u0016\u0003\u0001\u0002\u0000\u0001\u0000"],
    ["an unknown method", "canary9 / HTTP/1.1\r\nhost: localhost\r\n\r\n"],
    ["a broken header", "GET / HTTP/1.1\r\nhost localhost\r\n\r\n"],
    ["a length that is no number", head("POST /v1/chat/completions", { "content-length": "abc" })],
    ["two lengths", head("POST /v1/chat/completions", { "content-length": 2, "Content-Length": 3 }, "{}")],
    [
      "a length beside chunks",
      head("POST /v1/chat/completions", { "content-length": 2, "transfer-encoding": "chunked" }, "{}"),
    ],
    ["a broken chunk", `${chatHead({ "transfer-encoding": "chunked" })}zz\r\n`],
  ])("with %s are a 400 in JSON", async (_, text) => {
    const reply = await raw(proxy.url, [Buffer.from(text, "latin1")]);
    expect(reply.status).toBe(400);
    expect(errorOf(reply)).toMatchObject({ type: "invalid_request_error", code: "invalid_request" });
    expect(reply.text).not.toContain("canary9");
  });

  it("garbage behind a request that was answered is a 400 of its own", async () => {
    const first = head("GET /health", {});
    const socket = await raw(proxy.url, [first, "canary9 GARBAGE\r\n\r\n"]);
    expect(socket.text).toMatch(/HTTP\/1\.1 400 Bad Request/);
    expect(socket.text).not.toContain("canary9");
  });

  it("garbage in the middle of a streamed answer does not end up in it", async () => {
    const hold = gate();
    proxy.upstream.reply(stream([chunk({ content: "he" }), hold, chunk({ content: "llo" }, { finish: "stop" })]));
    const body = good.replace("{", '{"stream":true,');
    const { port } = new URL(proxy.url);
    const socket = connect(Number(port), "127.0.0.1");
    const closed = new Promise<string>((resolve) => {
      let text = "";
      socket.on("data", (data) => {
        text += data.toString();
        if (text.includes('"he"')) socket.write("canary9 GARBAGE\r\n\r\n");
      });
      socket.on("error", () => undefined);
      socket.on("close", () => resolve(text));
    });
    socket.write(chatHead({ "content-length": Buffer.byteLength(body) }) + body);
    const text = await closed;
    expect(text).toMatch(/^HTTP\/1\.1 200/);
    expect(text).not.toMatch(/400 Bad Request|not valid HTTP/);
    hold.open();
    proxy.upstream.always(answer());
  });
});

describe("paths and methods", () => {
  it.each([
    ["GET /v1/%zz", 404],
    ["GET /%", 404],
    ["GET /v1/models/%E0%A4%A", 400],
    ["GET //v1/models", 404],
    ["GET /v1/../../etc/passwd", 404],
    ["GET /v1/models/..%2f..%2fetc", 404],
    ["DELETE /v1/chat/completions", 405],
    ["PROPFIND /v1/chat/completions", 405],
    ["TRACE /v1/chat/completions", 405],
    ["GET /v1/chat/completions", 405],
  ])("%s is a %i in JSON", async (line, code) => {
    const headers = { authorization: `Bearer ${clientKey}`, connection: "close" };
    const reply = await raw(proxy.url, [head(line, headers)]);
    expect(reply.status).toBe(code);
    expect(errorOf(reply).type).toBe("invalid_request_error");
    if (code === 405) expect(reply.headers["allow"]).toBe("POST, OPTIONS");
  });

  it("CONNECT is not a way through", async () => {
    const reply = await raw(proxy.url, ["CONNECT example.com:443 HTTP/1.1\r\nhost: example.com:443\r\n\r\n"]);
    expect([0, 400, 404, 405]).toContain(reply.status);
  });

  it("an upgrade is answered as the plain request it also is", async () => {
    const headers = { upgrade: "websocket", connection: "upgrade", authorization: `Bearer ${clientKey}` };
    const reply = await raw(proxy.url, [head("GET /v1/models", headers)], { until: /"list"/ });
    expect(reply.status).toBe(200);
  });
});

describe("bodies over the limit", () => {
  const mebibyte = Buffer.alloc(1024 * 1024, " ");

  it("are refused by their length before a byte is read", async () => {
    const reply = await raw(proxy.url, [chatHead({ "content-length": 70_000_000 })], { until: /request_too_large/ });
    expect(reply.status).toBe(413);
    expect(errorOf(reply).message).toContain(`${maxBody} bytes`);
  });

  it("are refused in the middle when they come in chunks, and the connection serves on", async () => {
    const part = `${(50_000).toString(16)}\r\n${" ".repeat(50_000)}\r\n`;
    const next = head("GET /health", { connection: "close" });
    const reply = await raw(proxy.url, [
      chatHead({ "transfer-encoding": "chunked" }),
      ...Array.from({ length: 20 }, () => part),
      `0\r\n\r\n${next}`,
    ]);
    expect(reply.status).toBe(413);
    expect(reply.text).toMatch(/request_too_large[^]*HTTP\/1\.1 200[^]*"status":"ok"/);
  });

  it.each([true, false])(
    "reach a client that sends all 65 MB first, and are not kept (chunked: %s)",
    async (chunked) => {
      const before = process.memoryUsage().arrayBuffers;
      let most = 0;
      let left = 65;
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          most = Math.max(most, process.memoryUsage().arrayBuffers);
          if (left-- > 0) controller.enqueue(mebibyte);
          else controller.close();
        },
      });
      const length: { [name: string]: string } = chunked ? {} : { "content-length": String(65 * mebibyte.length) };
      const response = await fetch(`${proxy.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${clientKey}`, ...length },
        body,
        duplex: "half",
      } as RequestInit);
      expect(response.status).toBe(413);
      expect(((await response.json()) as Refusal).error.code).toBe("request_too_large");
      expect(most - before).toBeLessThan(32 * mebibyte.length);
    },
  );

  it("are not even looked at without a key", async () => {
    const reply = await raw(proxy.url, [head("POST /v1/chat/completions", { "content-length": 70_000_000 })], {
      until: /invalid_api_key/,
    });
    expect(reply.status).toBe(401);
  });
});

describe("a request that never ends", () => {
  it.each([
    ["in its headers", "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nx-canary9: 1"],
    ["in its first line", "POST /v1/chat"],
    ["in its body", `${chatHead({ "content-length": 1000 })}{"model":"canary9`],
    ["in its chunks", `${chatHead({ "transfer-encoding": "chunked" })}5\r\n{"mod`],
  ])("%s is a 408 in JSON when its time is over", async (_, text) => {
    const reply = await raw(hasty.url, [text]);
    expect(reply.status).toBe(408);
    expect(reply.headers["connection"]).toBe("close");
    expect(errorOf(reply)).toMatchObject({
      type: "invalid_request_error",
      message: expect.stringContaining("time") as string,
    });
    expect(reply.text).not.toContain("canary9");
  });

  it("does not hold up others, and a slow answer is not a slow request", async () => {
    hasty.upstream.reply(later(answer({ text: "late" }), pause(450)));
    const response = await hasty.post(good);
    expect(response.status).toBe(200);
    expect(await response.text()).toContain("late");
    hasty.upstream.always(answer());
  });
});
