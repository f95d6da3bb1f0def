/** A load generator over bare kept-alive sockets: one request in flight per socket, as little work per byte as possible. */
import { connect, type Socket } from "node:net";
import { type Kind, proxyKey, requestBody } from "./traffic.ts";

export interface LoadOptions {
  readonly port: number;
  readonly kind: Kind;
  readonly connections: number;
  /** Milliseconds during which new requests are started; those in flight are then awaited. */
  readonly duration: number;
}

export interface LoadResult {
  readonly requests: number;
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
  const start = performance.now();
  const until = start + options.duration;
  const hung = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => hung.reject(new Error(`${options.kind}: answers did not end within ${patience} ms after the load`)),
    options.duration + patience,
  );
  const drives = sockets.map((socket) => drive(socket, { request, until, latencies, kind: options.kind }));
  try {
    await Promise.race([hung.promise, Promise.all(drives)]);
  } finally {
    clearTimeout(timer);
    for (const socket of sockets) socket.destroy();
  }
  const elapsed = performance.now() - start;
  return { requests: latencies.length, elapsed, latencies: Float64Array.from(latencies).sort() };
}

interface Drive {
  readonly request: Buffer;
  readonly until: number;
  readonly latencies: number[];
  readonly kind: Kind;
}

/** Sends requests one after the other until the time is over. */
function drive(socket: Socket, { request, until, latencies, kind }: Drive): Promise<void> {
  return new Promise((resolve, reject) => {
    let sent = 0;
    let head = "";
    let remaining = -1; // Bytes of body still to come; -1: still in the headers; Infinity: chunked.
    let tail: Uint8Array = new Uint8Array();

    const send = (): void => {
      head = "";
      remaining = -1;
      tail = new Uint8Array();
      sent = performance.now();
      socket.write(request);
    };
    const finish = (): void => {
      if (kind === "json") latencies.push(performance.now() - sent);
      if (performance.now() < until) send();
      else resolve();
    };
    const bodyPart = (part: Buffer): void => {
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
      if (!head.startsWith("HTTP/1.1 200")) return reject(new Error(`not a 200: ${head.slice(0, 600)}`));
      if (kind !== "json") latencies.push(performance.now() - sent);
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
