import {
  brotliCompressSync,
  constants,
  createBrotliCompress,
  createDeflate,
  createGzip,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from "node:zlib";
import { expect, it } from "vitest";
import { failure, fast, gone, options, post, record, transport, turn, upstream } from "./support.ts";

const text = "data: hello hello hello\n\n";
const bodies: { readonly [coding: string]: Buffer } = {
  gzip: gzipSync(text),
  "X-GZip": gzipSync(text),
  deflate: deflateSync(text),
  "deflate without its zlib frame": deflateRawSync(text),
  br: brotliCompressSync(text),
  zstd: zstdCompressSync(text),
  "deflate, gzip": gzipSync(deflateSync(text)),
  identity: Buffer.from(text),
};

it.each(Object.entries(bodies))("I2 reads %s and drops the headers that describe it", async (name, body) => {
  const coding = name.replace(" without its zlib frame", "");
  const { url } = await upstream(
    (_request, response) =>
      void response
        .writeHead(200, { "content-encoding": coding, "content-length": body.length, "x-other": "stays" })
        .end(body),
  );
  const stream = fast(await transport().send(post(url), options()));
  const reading = record(stream);
  await reading.over;
  expect(reading.text).toBe(text);
  expect(reading.calls.at(-1)).toBe("end");
  expect(stream.headers["x-other"]).toBe("stays");
  if (coding === "identity") return;
  expect(stream.headers).not.toHaveProperty("content-encoding");
  expect(stream.headers).not.toHaveProperty("content-length");
});

it.each([
  ["gzip", () => createGzip({ flush: constants.Z_SYNC_FLUSH })],
  ["deflate", () => createDeflate({ flush: constants.Z_SYNC_FLUSH })],
  ["br", () => createBrotliCompress({ flush: constants.BROTLI_OPERATION_FLUSH })],
] as const)("I2 the first event of a %s stream arrives before the second is sent", async (coding, create) => {
  const encoder = create();
  const { url } = await upstream((_request, response) => {
    response.writeHead(200, { "content-encoding": coding, "content-type": "text/event-stream" });
    encoder.pipe(response);
  });
  const sent = transport().send(post(url), options());
  encoder.write("data: 1\n\n");
  const reading = record(fast(await sent));
  await reading.contains("data: 1\n\n");
  encoder.write("data: 2\n\n");
  await reading.contains("data: 2\n\n");
  encoder.end();
  await reading.over;
  expect(reading.text).toBe("data: 1\n\ndata: 2\n\n");
  expect(reading.error).toBeUndefined();
});

it("I2 a bomb is unpacked no faster than it is read", async () => {
  const bomb = gzipSync(Buffer.alloc(32 * 1024 * 1024));
  const { url } = await upstream(
    (_request, response) => void response.writeHead(200, { "content-encoding": "gzip" }).end(bomb),
  );
  const stream = fast(await transport().send(post(url), options()));
  let bytes = 0;
  const enough = Promise.withResolvers<void>();
  stream.start({
    data(chunk) {
      bytes += chunk.byteLength;
      if (bytes < 1_000_000) return;
      stream.pause();
      enough.resolve();
    },
    end() {},
    error() {},
  });
  await enough.promise;
  const before = process.memoryUsage();
  for (let round = 0; round < 10_000; round++) await turn();
  const after = process.memoryUsage();
  expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(8 * 1024 * 1024);
  expect(bytes).toBeLessThan(1_100_000);
  stream.cancel();
});

it("I2 a long compressed answer comes whole through pauses", async () => {
  const body = Buffer.from(Array.from({ length: 200_000 }, (_, index) => `line ${index}\n`).join(""));
  const { url } = await upstream(
    (_request, response) => void response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(body)),
  );
  const stream = fast(await transport().send(post(url), options()));
  const chunks: Uint8Array[] = [];
  await new Promise<void>((resolve, reject) => {
    stream.start({
      data(chunk) {
        chunks.push(chunk);
        stream.pause();
        setImmediate(() => stream.resume());
      },
      end: resolve,
      error: reject,
    });
  });
  expect(Buffer.concat(chunks).equals(body)).toBe(true);
});

it("I2 a corrupt body fails as the upstream's fault, once", async () => {
  const { url, sockets } = await upstream((_request, response) => {
    response.writeHead(200, { "content-encoding": "gzip" });
    response.write("this is not gzip at all");
  });
  const reading = record(fast(await transport().send(post(url), options())));
  await reading.over;
  expect(reading.calls).toEqual(["error"]);
  expect(reading.error?.kind).toBe("upstream");
  expect(reading.error?.message).toContain("not valid gzip");
  await gone(sockets[0]!);
  expect(reading.calls).toEqual(["error"]);
});

it.each(["gzip", "br", "zstd"])("I2 a %s body that stops before its end fails", async (coding) => {
  const whole = bodies[coding]!;
  const { url } = await upstream(
    (_request, response) =>
      void response.writeHead(200, { "content-encoding": coding }).end(whole.subarray(0, whole.length - 4)),
  );
  const reading = record(fast(await transport().send(post(url), options())));
  await reading.over;
  expect(reading.calls.at(-1)).toBe("error");
  expect(reading.error?.kind).toBe("upstream");
});

it("I2 what was compressed before a cut is delivered before the cut is reported", async () => {
  const encoder = createGzip({ flush: constants.Z_SYNC_FLUSH });
  const { url } = await upstream((_request, response) => {
    response.writeHead(200, { "content-encoding": "gzip" });
    encoder.on("data", (chunk) => {
      response.write(chunk, () => response.socket?.destroy());
    });
    encoder.write("data: 1\n\n");
  });
  const reading = record(fast(await transport().send(post(url), options())));
  await reading.over;
  expect(reading.error?.kind).toBe("network");
  expect(reading.calls.filter((call) => call !== "data")).toEqual(["error"]);
});

it("I2 an unknown coding is refused and its connection freed", async () => {
  const { url, sockets } = await upstream(
    (_request, response) => void response.writeHead(200, { "content-encoding": "compress" }).write("x"),
  );
  const error = await failure(transport().send(post(url), options()));
  expect(error.kind).toBe("upstream");
  expect(error.message).toContain('"compress"');
  await gone(sockets[0]!);
});

it("I2 a failed answer is decoded too", async () => {
  const { url } = await upstream(
    (_request, response) => void response.writeHead(429, { "content-encoding": "gzip" }).end(gzipSync('{"error":1}')),
  );
  expect(await (await transport().send(post(url), options())).json()).toEqual({ error: 1 });
});

it("I2 an empty answer that claims to be compressed is just empty", async () => {
  const { url } = await upstream(
    (_request, response) => void response.writeHead(200, { "content-encoding": "gzip", "content-length": 0 }).end(),
  );
  expect(await (await transport().send(post(url), options())).text()).toBe("");
});

it("I6 leaving in the middle of a compressed stream raises nothing", async () => {
  const { url, sockets } = await upstream((_request, response) => {
    response.writeHead(200, { "content-encoding": "gzip" });
    response.write(gzipSync(text).subarray(0, 15));
  });
  const sending = transport();
  const leaving = new AbortController();
  const aborted = record(fast(await sending.send(post(url), options({ signal: leaving.signal }))));
  const cancelled = fast(await sending.send(post(url), options()));
  const calls = record(cancelled).calls;
  await turn();
  leaving.abort();
  cancelled.cancel();
  await Promise.all(sockets.map(gone));
  await turn();
  expect(aborted.calls.filter((call) => call !== "data")).toEqual(["error"]);
  expect(aborted.error?.kind).toBe("aborted");
  expect(calls.filter((call) => call !== "data")).toEqual([]);
});
