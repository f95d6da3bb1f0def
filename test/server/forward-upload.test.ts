/** Forms that are sent on while they arrive: what is held, what may be tried again, and who ends what. */
import { once } from "node:events";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import type { Writable } from "node:stream";
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { serve } from "waygate";
import { cooldown } from "waygate/plugins/cooldown";
import { openaiCompatible, type OpenAICompatibleOptions } from "waygate/plugins/openai-compatible";
import {
  answer,
  createTestProxy,
  createUpstream,
  status,
  type TestProxy,
  type TestProxyOptions,
} from "waygate/testing";
import { HOLD } from "../../src/pipeline/forward/upload.ts";
import { internalsOf } from "../../src/proxy.ts";
import { closing, watcher } from "../rules/_streams.ts";
import { formEnd, formOf, formStart, formType, type LiveUpstream, liveUpstream } from "./_forms.ts";

const MB = 1024 * 1024;

interface Live {
  readonly proxy: TestProxy;
  readonly upstream: LiveUpstream;
}

async function live(
  lab: Partial<OpenAICompatibleOptions> = {},
  options: Partial<TestProxyOptions> = {},
): Promise<Live> {
  const upstream = closing(await liveUpstream());
  const provider = openaiCompatible({ name: "lab", baseURL: upstream.url, keys: ["k1", "k2"], models: ["m"], ...lab });
  const { plugins = [], ...rest } = options;
  const proxy = closing(
    await createTestProxy({ listen: true, retry: { sameCredential: 0 }, ...rest, plugins: [provider, ...plugins] }),
  );
  return { proxy, upstream };
}

/** A request whose body the test writes by itself. */
function sending(proxy: TestProxy, headers: { readonly [name: string]: string | number } = {}): ClientRequest {
  const client = request(`${proxy.url}/v1/images/edits`, {
    method: "POST",
    headers: { "content-type": formType, ...headers },
  });
  client.on("error", () => {}); // Breaking off is what some tests are about.
  return client;
}

async function answerOf(client: ClientRequest): Promise<{ status: number | undefined; json: unknown }> {
  const [response] = (await once(client, "response")) as [IncomingMessage];
  const chunks = await Array.fromAsync(response as AsyncIterable<Buffer>);
  return { status: response.statusCode, json: JSON.parse(Buffer.concat(chunks).toString()) };
}

/** Resolves when nothing more can come of it, which for one that broke off is an error that `once` would pass on. */
function closed(message: IncomingMessage): Promise<void> {
  return new Promise((resolve) => (message.destroyed ? resolve() : message.once("close", () => resolve())));
}

/** Writes until the other side takes no more for a while; returns the bytes written. */
async function fill(client: Writable, most: number): Promise<number> {
  const chunk = Buffer.alloc(256 * 1024, 120);
  let written = 0;
  while (written < most) {
    written += chunk.length;
    if (client.write(chunk)) continue;
    if ((await Promise.race([once(client, "drain"), sleep(300)])) === undefined) break;
  }
  return written;
}

describe("a form", () => {
  it("is at the upstream while the client still sends it", async () => {
    const { proxy, upstream } = await live();
    const client = sending(proxy);
    client.write(formStart);
    client.write("first");
    const { message, response } = await upstream.arrived(1);
    const seen: Buffer[] = [];
    message.on("data", (chunk: Buffer) => seen.push(chunk));
    while (!Buffer.concat(seen).includes("first")) await turn();
    client.write("second");
    while (!Buffer.concat(seen).includes("second")) await turn();
    client.end(formEnd);
    await once(message, "end");
    expect(Buffer.concat(seen).toString()).toBe(
      `${formStart.toString().replace("lab/m", "m")}firstsecond${formEnd.toString()}`,
    );
    response.end("{}");
    expect((await answerOf(client)).status).toBe(200);
  });

  it("of 64 MB and more waits at the client while the upstream does not read, and passes whole when it does", async () => {
    const size = 80 * MB;
    const { proxy, upstream } = await live({}, { server: { maxBody: 100 * MB } });
    const client = sending(proxy, { "content-length": formStart.length + size + formEnd.length });
    client.write(formStart);
    const { message, response } = await upstream.arrived(1);
    const written = await fill(client, size);
    // Sockets' buffers on both sides, and no more than that.
    expect(written).toBeLessThan(HOLD + 24 * MB);

    let received = 0;
    message.on("data", (chunk: Buffer) => (received += chunk.length));
    for (let left = size - written; left > 0; left -= MB) {
      if (!client.write(Buffer.alloc(Math.min(left, MB), 121))) await once(client, "drain");
    }
    client.end(formEnd);
    await once(message, "end");
    expect(received).toBe(Number(message.headers["content-length"]));
    expect(received).toBe(formStart.length - "lab/".length + size + formEnd.length);
    response.end("{}");
    expect((await answerOf(client)).status).toBe(200);
  });

  it("that was sent in full and is no larger than what is kept is tried again", async () => {
    const upstream = closing(await createUpstream());
    upstream.when({ key: "k1" }, status(500, { error: "boom" }));
    upstream.when({ key: "k2" }, answer({ as: "json" }));
    const lab = openaiCompatible({ name: "lab", baseURL: upstream.url, keys: ["k1", "k2"], models: ["m"] });
    const proxy = closing(await createTestProxy({ plugins: [lab], listen: true, retry: { sameCredential: 0 } }));
    const client = sending(proxy);
    client.write(formStart);
    client.write(Buffer.alloc(6 * MB, 97));
    client.end(formEnd);
    expect((await answerOf(client)).status).toBe(200);
    const [first, second] = upstream.requests;
    expect(second!.key).toBe("k2");
    expect(second!.body === first!.body && second!.body.length > 6 * MB).toBe(true);
  });

  it("whose file comes before the model's name is kept whole, so that it is tried again whatever its size", async () => {
    const upstream = closing(await createUpstream());
    upstream.when({ key: "k1" }, status(429, { error: "busy" }));
    const lab = openaiCompatible({ name: "lab", baseURL: upstream.url, keys: ["k1", "k2"], models: ["m"] });
    const proxy = closing(await createTestProxy({ plugins: [lab], listen: true }));
    const file = Buffer.alloc(HOLD + MB, 97);
    const body = formOf({ name: "file", value: file, filename: "a" }, { name: "model", value: "lab/m" });
    const response = await proxy.fetch("/v1/audio/transcriptions", {
      method: "POST",
      headers: { "content-type": formType },
      body,
    });
    expect([response.status, response.headers.get("x-waygate-attempts")]).toEqual([200, "2"]);
  });

  it("that is larger than what is kept is not tried again: the upstream's error is final", async () => {
    const { proxy, upstream } = await live({}, { plugins: [cooldown()] });
    const client = sending(proxy);
    client.write(formStart);
    client.write(Buffer.alloc(HOLD + MB, 97));
    client.end(formEnd);
    const { message, response } = await upstream.arrived(1);
    message.resume();
    await once(message, "end");
    response.writeHead(429, { "content-type": "application/json", "retry-after": "60" });
    response.end('{"error":{"message":"slow down"}}');
    expect(await answerOf(client)).toMatchObject({ status: 429, json: { error: { code: "upstream_error" } } });
    const { ctx } = await proxy.recorded(1);
    expect(ctx.attempts.map(({ error }) => error?.kind)).toEqual(["rate_limited"]);
    expect(upstream.count).toBe(1);
    expect(internalsOf(proxy.proxy).pipeline.pool.rests()).toHaveLength(1);
  });

  it("is tried again when the first upstream refuses in the middle of it, and nothing of it is lost", async () => {
    const { proxy, upstream } = await live();
    const client = sending(proxy);
    client.write(formStart);
    client.write("one,");
    const first = await upstream.arrived(1);
    first.response.writeHead(401, { "content-type": "application/json" });
    first.response.end('{"error":{"message":"bad key"}}');
    const second = await upstream.arrived(2);
    expect(second.message.headers["authorization"]).toBe("Bearer k2");
    client.write("two,");
    await sleep(10);
    client.end(formEnd);
    const body = Buffer.concat(await Array.fromAsync(second.message as AsyncIterable<Buffer>)).toString();
    expect(body).toBe(`${formStart.toString().replace("lab/m", "m")}one,two,${formEnd.toString()}`);
    second.response.end("{}");
    expect((await answerOf(client)).status).toBe(200);
  });
});

describe("an answer", () => {
  it.each([400, 200])("with status %i in the middle of a form: the client can send the rest", async (code) => {
    const { proxy, upstream } = await live();
    const size = formStart.length + 30 * MB + formEnd.length;
    // A bare socket, since Node's client hears nothing more of its own sending once it has the answer.
    const client = connect(Number(new URL(proxy.url).port), "127.0.0.1");
    let heard = "";
    client.on("data", (bytes: Buffer) => (heard += bytes.toString()));
    client.write(
      `POST /v1/images/edits HTTP/1.1\r\nhost: localhost\r\ncontent-type: ${formType}\r\ncontent-length: ${size}\r\n\r\n`,
    );
    client.write(formStart);
    const { response } = await upstream.arrived(1);
    response.writeHead(code, { "content-type": "application/json" });
    response.end(code === 200 ? "{}" : '{"error":{"message":"no"}}');
    while (!heard.startsWith(`HTTP/1.1 ${code} `)) await turn();
    expect(await fill(client, 30 * MB)).toBe(30 * MB);
    client.write(formEnd);
    client.write("GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n");
    while (!heard.includes(`{"status":"ok"`)) await turn();
    client.destroy();
    expect(proxy.records).toHaveLength(1);
    expect(upstream.count).toBe(1);
  });

  it("B14 waits at the upstream while the client does not read it", async () => {
    const { proxy, upstream } = await live({ timeouts: { idle: 100 } });
    const client = sending(proxy);
    client.end(formOf({ name: "model", value: "lab/m" }));
    const { message, response } = await upstream.arrived(1);
    message.resume();
    response.writeHead(200, { "content-type": "audio/mpeg" });
    const got = once(client, "response") as Promise<[IncomingMessage]>;
    const written = await fill(response, 64 * MB);
    expect(written).toBeLessThan(32 * MB);
    // Longer than the idle limit: time in which the client does not read is not the upstream's.
    await sleep(200);
    response.end();
    let received = 0;
    for await (const chunk of (await got)[0] as AsyncIterable<Buffer>) received += chunk.length;
    expect(received).toBe(written);
    expect((await proxy.recorded(1)).outcome).toMatchObject({ end: "complete", bytes: written });
  });
});

describe("a form that cannot be sent", () => {
  it.each([
    ["has no boundary", "multipart/form-data", formOf({ name: "model", value: "lab/m" }), "names no boundary"],
    ["has no model", formType, formOf({ name: "file", value: "x" }), 'no field "model"'],
    ["breaks off before its model", formType, formOf({ name: "x", value: "y" }).subarray(0, -9), "breaks off after"],
    ["is JSON", formType, Buffer.from('{"model":"lab/m"}'), 'does not hold the boundary "--X"'],
    ["has a model without end", formType, formOf({ name: "model", value: "x".repeat(2000) }), "longer than 1024 bytes"],
    ["names two models", formType, formOf({ name: "model", value: "a" }, { name: "model", value: "b" }), "two fields"],
  ])("because it %s is refused before any upstream hears of it", async (_name, type, body, message) => {
    const { proxy, upstream } = await live();
    const response = await proxy.fetch("/v1/images/edits", { method: "POST", headers: { "content-type": type }, body });
    expect([response.status, await response.json()]).toMatchObject([
      400,
      {
        error: {
          type: "invalid_request_error",
          code: "invalid_request",
          message: expect.stringContaining(message) as string,
        },
      },
    ]);
    expect(upstream.count).toBe(0);
    expect((await proxy.recorded(1)).outcome).toMatchObject({ end: "refused", status: 400 });
  });

  it.each([
    ["gzip", { "content-encoding": "gzip" }, 415],
    ["too long by its own account", { "content-length": String(3 * MB) }, 413],
  ])("is refused unread: %s", async (_name, headers, expected) => {
    const { proxy, upstream } = await live({}, { server: { maxBody: 2 * MB } });
    const client = sending(proxy, headers);
    client.flushHeaders();
    expect((await answerOf(client)).status).toBe(expected);
    client.destroy();
    expect(upstream.count).toBe(0);
  });

  it.each([
    ["grows larger than server.maxBody", Buffer.alloc(2 * MB, 97), 413, "request_too_large"],
    ["ends without its last line", Buffer.alloc(0), 400, "invalid_request"],
    [
      "names a second model",
      Buffer.from('\r\n--X\r\nContent-Disposition: form-data; name="model"\r\n\r\nx\r\n--X--'),
      400,
      "invalid_request",
    ],
  ])("because it %s when a part has been sent ends at the upstream as well", async (_name, rest, code, name) => {
    const watch = watcher();
    const { proxy, upstream } = await live({}, { server: { maxBody: 2 * MB }, plugins: [watch.plugin, cooldown()] });
    const client = sending(proxy);
    client.write(formStart);
    const { message } = await upstream.arrived(1);
    message.resume();
    client.end(rest);
    expect(await answerOf(client)).toMatchObject({ status: code, json: { error: { code: name } } });
    expect(message.complete).toBe(false);
    await closed(message);
    const { outcome, ctx } = await proxy.recorded(1);
    expect(outcome).toMatchObject({ end: "refused", status: code });
    expect(ctx.attempts).toHaveLength(1);
    expect(upstream.count).toBe(1);
    expect(watch.cleaned).toEqual([0]);
    expect(internalsOf(proxy.proxy).pipeline.pool.rests()).toEqual([]);
  });
});

describe("leaving", () => {
  it("C1 C4 in the middle of a form ends the upstream's request and gives the place back", async () => {
    const { proxy, upstream } = await live({ concurrency: 1, keys: ["k1"] });
    for (let round = 1; round <= 2; round++) {
      const client = sending(proxy);
      client.write(formStart);
      const { message } = await upstream.arrived(round);
      message.resume();
      client.destroy();
      await closed(message);
      expect(message.complete).toBe(false);
      const { outcome } = await proxy.recorded(round);
      expect(outcome).toMatchObject({ end: "client-aborted", status: 499 });
    }
    expect(upstream.count).toBe(2);
  });

  it("C1 before the model's name has come asks nobody", async () => {
    const { proxy, upstream } = await live();
    const client = sending(proxy);
    client.write(formStart.subarray(0, 20));
    await once(client, "socket");
    await sleep(20);
    client.destroy();
    expect((await proxy.recorded(1)).outcome).toMatchObject({ end: "client-aborted", status: 499 });
    expect(upstream.count).toBe(0);
  });

  it("C1 in the middle of an answer ends the upstream's", async () => {
    const { proxy, upstream } = await live();
    const client = sending(proxy);
    client.end(formOf({ name: "model", value: "lab/m" }));
    const { message, response } = await upstream.arrived(1);
    message.resume();
    response.writeHead(200, { "content-type": "audio/mpeg" });
    response.write("abc");
    const [got] = (await once(client, "response")) as [IncomingMessage];
    await once(got, "data");
    client.destroy();
    await once(response, "close");
    expect((await proxy.recorded(1)).outcome).toMatchObject({ end: "client-aborted", status: 200, bytes: 3 });
  });

  it("by the upstream in the middle of its answer is seen by the client, and told to the hooks", async () => {
    const watch = watcher();
    const { proxy, upstream } = await live({}, { plugins: [watch.plugin] });
    const client = sending(proxy);
    client.end(formOf({ name: "model", value: "lab/m" }));
    const { message, response } = await upstream.arrived(1);
    message.resume();
    response.writeHead(200, { "content-type": "audio/mpeg", "content-length": "10" });
    response.write("abc");
    const [got] = (await once(client, "response")) as [IncomingMessage];
    expect(got.headers["content-length"]).toBe("10");
    await once(got, "data");
    response.destroy();
    await expect(Array.fromAsync(got)).rejects.toThrow("aborted");
    const { outcome } = await proxy.recorded(1);
    expect(outcome).toMatchObject({ end: "upstream-failed", error: { kind: "network" } });
    expect(watch.told.map(({ committed }) => committed)).toEqual([true]);
    expect(upstream.count).toBe(1);
  });

  it("of a connection in the middle of a form is followed by another key", async () => {
    const { proxy, upstream } = await live();
    const client = sending(proxy);
    client.write(formStart);
    (await upstream.arrived(1)).message.destroy();
    const { message, response } = await upstream.arrived(2);
    client.end(formEnd);
    const body = Buffer.concat(await Array.fromAsync(message as AsyncIterable<Buffer>)).toString();
    expect(body).toBe(formStart.toString().replace("lab/m", "m") + formEnd.toString());
    response.end("{}");
    expect((await answerOf(client)).status).toBe(200);
  });
});

describe("time", () => {
  it("that the client takes to send is not the upstream's; that the upstream takes is", async () => {
    const { proxy, upstream } = await live({ keys: ["k1"], timeouts: { whole: 150 } });
    const client = sending(proxy);
    client.write(formStart);
    const { message } = await upstream.arrived(1);
    message.resume();
    await sleep(300);
    expect(message.destroyed).toBe(false);
    client.end(formEnd);
    expect((await answerOf(client)).status).toBe(504);
    expect((await proxy.recorded(1)).ctx.attempts[0]?.error?.kind).toBe("timeout");
  });

  it("of the server's limit for requests ends a form that stands still, here and at the upstream", async () => {
    const { proxy, upstream } = await live();
    const serving = await serve(proxy.proxy, { port: 0, requestTimeout: 200 });
    try {
      const client = request(`${serving.url}/v1/images/edits`, {
        method: "POST",
        headers: { "content-type": formType },
      });
      client.on("error", () => {}); // The server breaks off.
      const responding = once(client, "response") as Promise<[IncomingMessage]>;
      client.write(formStart);
      const { message } = await upstream.arrived(1);
      message.resume();
      expect((await responding)[0].statusCode).toBe(408);
      await closed(message);
      expect((await proxy.recorded(1)).outcome).toMatchObject({ end: "client-aborted", status: 499 });
    } finally {
      await serving.close(0);
    }
  });

  it("in which the upstream takes nothing of what is there is its own", async () => {
    const { proxy, upstream } = await live(
      { keys: ["k1"], timeouts: { whole: 150 } },
      { server: { maxBody: 64 * MB } },
    );
    const client = sending(proxy);
    client.write(formStart);
    await upstream.arrived(1);
    client.end(Buffer.alloc(32 * MB));
    expect((await answerOf(client)).status).toBe(504);
  });
});
