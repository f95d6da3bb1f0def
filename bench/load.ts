/** A load generator over bare kept-alive sockets: one request in flight per socket, as little work per byte as possible. */
import { connect, type Socket } from "node:net";
import { type Kind, proxyKey, requestBody } from "./traffic.ts";

export interface LoadOptions {
  readonly port: number;
  readonly kind: Kind;
  readonly connections: number;
  /** Milliseconds during which new requests are started; those in flight are then awaited. */
  readonly duration: number;
  /** Counts answers other than 200 and streams that end with an error, instead of giving up at the first. */
  readonly tolerant?: boolean;
}

export interface LoadResult {
  /** Answered with 200. */
  readonly requests: number;
  /** Answered with anything else. */
  readonly failed: number;
  /** Streams that held an error. */
  readonly broken: number;
  /** Milliseconds from the first request to the end of the last. */
  readonly elapsed: number;
  /** Milliseconds to the end of a JSON answer, to the first byte of a stream; sorted. */
  readonly latencies: Float64Array;
}

/** Milliseconds that answers in flight at the end have left. */
const patience = 20_000;

/** Runs load against a server. Rejects with the first answer that is not a 200, or a lost connection. */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const body = requestBody(options.kind);
  const request = Buffer.from(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:${options.port}\r\nauthorization: Bearer ${proxyKey}\r\n` +
      `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  const sockets = await Promise.all(Array.from({ length: options.connections }, () => open(options.port)));
  const latencies: number[] = [];
  const tally = { failed: 0, broken: 0 };
  const start = performance.now();
  const until = start + options.duration;
  const hung = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => hung.reject(new Error(`${options.kind}: answers did not end within ${patience} ms after the load`)),
    options.duration + patience,
  );
  const drives = sockets.map((socket) => drive(socket, { request, until, latencies, tally, ...options }));
  try {
    await Promise.race([hung.promise, Promise.all(drives)]);
  } finally {
    clearTimeout(timer);
    for (const socket of sockets) socket.destroy();
  }
  const elapsed = performance.now() - start;
  return { requests: latencies.length, ...tally, elapsed, latencies: Float64Array.from(latencies).sort() };
}

interface Drive {
  readonly request: Buffer;
  readonly until: number;
  readonly latencies: number[];
  readonly tally: { failed: number; broken: number };
  readonly kind: Kind;
  readonly tolerant?: boolean;
}

/** Sends requests one after the other until the time is over. */
function drive(socket: Socket, { request, until, latencies, tally, kind, tolerant }: Drive): Promise<void> {
  return new Promise((resolve, reject) => {
    let sent = 0;
    let head = "";
    let remaining = -1; // Bytes of body still to come; -1: still in the headers; Infinity: chunked.
    let tail: Uint8Array = new Uint8Array();
    let refused = false;
    let broken = false;

    const send = (): void => {
      head = "";
      remaining = -1;
      tail = new Uint8Array();
      refused = false;
      broken = false;
      sent = performance.now();
      socket.write(request);
    };
    const finish = (): void => {
      if (refused) tally.failed++;
      else if (kind === "json") latencies.push(performance.now() - sent);
      if (broken) tally.broken++;
      if (performance.now() < until) send();
      else resolve();
    };
    const bodyPart = (part: Buffer): void => {
      if (tolerant && !refused && kind !== "json" && part.includes('"error":{')) broken = true;
      if (remaining !== Infinity) {
        remaining -= part.length;
        if (remaining <= 0) finish();
        return;
      }
      // Neither JSON nor events hold CR LF, so these five bytes can only be the last chunk.
      const last = part.length >= 5 ? part : Buffer.concat([tail, part]);
      if (last.length >= 5 && last.toString("latin1", last.length - 5) === "0\r\n\r\n") finish();
      else tail = last.subarray(-5);
    };
    socket.on("data", (part: Buffer) => {
      if (remaining !== -1) return bodyPart(part);
      head += part.toString("latin1");
      const end = head.indexOf("\r\n\r\n");
      if (end < 0) return;
      refused = !head.startsWith("HTTP/1.1 200");
      if (refused && !tolerant) return reject(new Error(`not a 200: ${head.slice(0, 600)}`));
      if (kind !== "json" && !refused) latencies.push(performance.now() - sent);
      const length = /\r\ncontent-length: *(\d+)/i.exec(head.slice(0, end + 2))?.[1];
      remaining = length === undefined ? Infinity : Number(length);
      const rest = Buffer.from(head.slice(end + 4), "latin1");
      if (rest.length > 0 || remaining === 0) bodyPart(rest);
    });
    socket.on("close", () => reject(new Error("the server closed a connection under load")));
    socket.on("error", reject);
    send();
  });
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true }, () => {
      socket.off("error", reject);
      resolve(socket);
    });
    socket.once("error", reject);
  });
}
