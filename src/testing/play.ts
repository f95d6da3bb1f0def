/** Plays a reply on the answer of a node:http server, or past it on the bare socket. */
import type { ServerResponse } from "node:http";
import { setImmediate as turn } from "node:timers/promises";
import { type BrotliCompress, constants, createBrotliCompress, createGzip, type Gzip } from "node:zlib";
import type { Ending, Piece, Reply, Wait } from "./script.ts";

/** Resolves when nothing more will be written: how the reply ended, or `left` when the client went first. */
export async function play(reply: Reply, response: ServerResponse, left: AbortSignal): Promise<Ending | "left"> {
  for (const wait of reply.before) await pass(wait, left);
  if (left.aborted) return "left";
  const { head, body } = reply;
  if (head) {
    const headers = Object.entries(head.headers).map(([name, value]) => [
      name,
      typeof value === "string" ? value : [...value],
    ]);
    response.writeHead(head.status, Object.fromEntries(headers));
    // Headers must not wait for a first byte of body that may never come.
    if (!(body[0] instanceof Uint8Array) && (body.length > 0 || reply.end === "hang")) response.flushHeaders();
  }
  const sink = head
    ? reply.encoding
      ? compressed(response, reply.encoding)
      : plain(response)
    : plain(socketOf(response));
  for (const piece of body) {
    if (left.aborted) return "left";
    await put(piece, sink, left);
  }
  await unlessLeft(sink.flush(), left);
  if (left.aborted) return "left";
  await end(reply, response, sink);
  return reply.end;
}

interface Sink {
  /** Resolves when there is room for more. */
  write(bytes: Uint8Array): Promise<void>;
  /** Resolves when everything written has left the process. */
  flush(): Promise<void>;
  /** Writes the trailer of a compressed body, if any. */
  finish(): Promise<void>;
}

async function put(piece: Piece, sink: Sink, left: AbortSignal): Promise<void> {
  if (piece instanceof Uint8Array) {
    await unlessLeft(sink.write(piece), left);
    await unlessLeft(sink.flush(), left);
    // A turn of the event loop, or the socket would join what was meant to arrive piece by piece.
    return turn();
  }
  if (piece.kind === "forever") {
    while (!left.aborted) await unlessLeft(sink.write(piece.bytes), left);
    return;
  }
  await unlessLeft(sink.flush(), left);
  return pass(piece, left);
}

async function pass(wait: Wait, left: AbortSignal): Promise<void> {
  if (left.aborted) return;
  if (wait.kind === "gate") {
    wait.arrive();
    return unlessLeft(wait.opened, left);
  }
  const slept = Promise.withResolvers<void>();
  const timer = setTimeout(slept.resolve, wait.ms);
  await unlessLeft(slept.promise, left);
  clearTimeout(timer);
}

async function end(reply: Reply, response: ServerResponse, sink: Sink): Promise<void> {
  if (reply.end === "hang") return;
  const socket = socketOf(response);
  if (reply.end === "destroy") socket.destroy();
  else if (reply.end === "reset") socket.resetAndDestroy();
  else if (!reply.head) socket.end();
  else {
    await sink.finish();
    response.end(() => {
      if (reply.end === "close") socket.end();
    });
  }
}

function socketOf(response: ServerResponse): NonNullable<ServerResponse["socket"]> {
  if (!response.socket) throw new Error("the connection was gone before the reply could be played");
  return response.socket;
}

function unlessLeft(promise: Promise<void>, left: AbortSignal): Promise<void> {
  if (left.aborted) return Promise.resolve();
  const gone = Promise.withResolvers<void>();
  const leave = (): void => gone.resolve();
  left.addEventListener("abort", leave, { once: true });
  return Promise.race([promise, gone.promise]).finally(() => left.removeEventListener("abort", leave));
}

interface Target {
  write(bytes: Uint8Array, done: () => void): boolean;
  once(event: "drain", listener: () => void): unknown;
}

function plain(target: Target): Sink {
  let pending = 0;
  let flushed = Promise.withResolvers<void>();
  flushed.resolve();
  return {
    write(bytes) {
      if (pending++ === 0) flushed = Promise.withResolvers<void>();
      const room = target.write(bytes, () => {
        if (--pending === 0) flushed.resolve();
      });
      if (room) return Promise.resolve();
      const drained = Promise.withResolvers<void>();
      target.once("drain", drained.resolve);
      return drained.promise;
    },
    flush: () => flushed.promise,
    finish: () => Promise.resolve(),
  };
}

// Flushed after every piece, so that a reader can decode each of them as it comes.
function compressed(response: ServerResponse, encoding: "gzip" | "br"): Sink {
  const out = plain(response);
  const zip: Gzip | BrotliCompress = encoding === "gzip" ? createGzip() : createBrotliCompress();
  const flag = encoding === "gzip" ? constants.Z_SYNC_FLUSH : constants.BROTLI_OPERATION_FLUSH;
  let room = Promise.resolve();
  zip.on("data", (bytes: Uint8Array) => {
    room = out.write(bytes);
  });
  return {
    async write(bytes) {
      zip.write(bytes);
      const done = Promise.withResolvers<void>();
      zip.flush(flag, done.resolve);
      await done.promise;
      await room;
    },
    flush: () => out.flush(),
    async finish() {
      const done = Promise.withResolvers<void>();
      zip.once("end", done.resolve);
      zip.end();
      await done.promise;
    },
  };
}
