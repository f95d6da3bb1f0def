import { inspect } from "node:util";
import { expect, it } from "vitest";
import { discard, upstreamOf } from "../../src/transport/response.ts";
import { failure, fast, gone, options, post, rawUpstream, record, transport, turn, upstream } from "./support.ts";

const json = { "content-type": "application/json", "x-list": "a" };

async function answering(body: string | Buffer, status = 200): Promise<Response> {
  const { url } = await upstream((_request, response) => void response.writeHead(status, json).end(body));
  return transport().send(post(url), options());
}

it("is a Response for whoever asks", async () => {
  const response = await answering('{"a":1}', 418);
  expect(response).toBeInstanceOf(Response);
  expect(response.status).toBe(418);
  expect(response.ok).toBe(false);
  expect(response.headers.get("Content-Type")).toBe("application/json");
  expect(response.bodyUsed).toBe(false);
  expect(await response.json()).toEqual({ a: 1 });
  expect(response.bodyUsed).toBe(true);
  expect(() => inspect(response)).not.toThrow();
});

it("reads as text, bytes, blob and array buffer", async () => {
  expect(await (await answering("ä")).text()).toBe("ä");
  expect(await (await answering("ab")).bytes()).toEqual(new Uint8Array([97, 98]));
  expect(await (await (await answering("ab")).blob()).text()).toBe("ab");
  expect((await (await answering("ab")).arrayBuffer()).byteLength).toBe(2);
});

it("clones into two readable answers with the same headers", async () => {
  const response = await answering("twice");
  response.headers.set("x-added", "1");
  const copy = response.clone();
  expect([copy.status, copy.headers.get("x-added")]).toEqual([200, "1"]);
  expect([await response.text(), await copy.text()]).toEqual(["twice", "twice"]);
});

it("can be wrapped in another Response", async () => {
  const response = await answering("inner");
  const wrapped = new Response(response.body, response);
  expect(wrapped.headers.get("x-list")).toBe("a");
  expect(await wrapped.text()).toBe("inner");
});

it("gives up the fast way once the body is asked for, but not for a look at status and headers", async () => {
  const response = await answering("x");
  expect([response.status, response.headers.get("x-list")]).toEqual([200, "a"]);
  expect(upstreamOf(response)).toBeDefined();
  expect(response.body).toBeInstanceOf(ReadableStream);
  expect(upstreamOf(response)).toBeUndefined();
  discard(response);
});

it("shows changed headers on the fast way too", async () => {
  const response = await answering("x");
  response.headers.set("x-list", "changed");
  expect(fast(response).headers["x-list"]).toBe("changed");
});

it("counts as used when it was read the fast way", async () => {
  const response = await answering("x");
  await record(fast(response)).over;
  expect(response.bodyUsed).toBe(true);
  await expect(response.text()).rejects.toThrow("read or cancelled already");
});

it("has no body with 204", async () => {
  const { url, sockets } = await upstream((_request, response) => void response.writeHead(204).end());
  const sending = transport();
  const response = await sending.send(post(url), options());
  expect(response.body).toBeNull();
  expect(await response.text()).toBe("");
  await turn();
  await (await sending.send(post(url), options())).text();
  expect(sockets).toHaveLength(1);
});

it("takes one piece at a time from the upstream and passes the end on", async () => {
  const { url } = await upstream((_request, response) => {
    response.write("one ");
    setImmediate(() => response.end("two"));
  });
  const reader = (await transport().send(post(url), options())).body!.getReader();
  let text = "";
  for (let read = await reader.read(); !read.done; read = await reader.read())
    text += Buffer.from(read.value).toString();
  expect(text).toBe("one two");
  await reader.closed;
});

it("cancelling the body ends the upstream request", async () => {
  const { url, sockets } = await upstream((_request, response) => void response.write("x"));
  const response = await transport().send(post(url), options());
  const reader = response.body!.getReader();
  await reader.read();
  await reader.cancel();
  await gone(sockets[0]!);
  expect(upstreamOf(response)).toBeUndefined();
});

it("a cut body rejects reads with the very network error", async () => {
  const { url } = await rawUpstream((socket) =>
    socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")),
  );
  const error = await failure((await transport().send(post(url), options())).text());
  expect(error.kind).toBe("network");
});

it("carries large bodies whole through the web stream", async () => {
  const body = Buffer.alloc(5_000_000, "0123456789");
  expect(Buffer.from(await (await answering(body)).arrayBuffer()).equals(body)).toBe(true);
});
