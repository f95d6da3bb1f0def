import { createServer, type RequestListener, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import type { ProxyError } from "../../src/failure/error.ts";
import type { Wire } from "../../src/plugin/provider.ts";
import { type Clock, type SendOptions, systemClock, type Transport } from "../../src/runtime.ts";
import { upstreamOf, type UpstreamStream } from "../../src/transport/response.ts";
import { undiciTransport, type UndiciTransportOptions } from "../../src/transport/undici.ts";
import { textBody } from "../../src/wire/body.ts";

export interface Upstream {
  readonly url: string;
  readonly port: number;
  readonly server: Server;
  /** Every connection ever accepted. */
  readonly sockets: readonly Socket[];
}

/** A real HTTP server on loopback that ends with the test. */
export async function upstream(listener: RequestListener): Promise<Upstream> {
  const server = createServer(listener);
  const sockets = track(server);
  const port = await listen(server);
  return { url: `http://127.0.0.1:${port}/v1`, port, server, sockets };
}

/** A server for bytes that node:http would not send. */
export async function rawUpstream(
  onSocket: (socket: Socket) => void,
): Promise<{ url: string; port: number; sockets: readonly Socket[] }> {
  const server = createTcpServer(onSocket);
  const sockets = track(server);
  const port = await listen(server);
  return { url: `http://127.0.0.1:${port}/v1`, port, sockets };
}

export async function listen(server: TcpServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => sockets.add(socket));
  onTestFinished(async () => {
    const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  return (server.address() as AddressInfo).port;
}

function track(server: TcpServer): readonly Socket[] {
  const sockets: Socket[] = [];
  server.on("connection", (socket: Socket) => {
    sockets.push(socket);
    socket.on("error", () => {}); // Clients that leave are what these tests are about.
  });
  return sockets;
}

/** A transport that is closed with the test, before its servers are. */
export function transport(options: UndiciTransportOptions = {}): Transport {
  const made = undiciTransport({ env: {}, ...options });
  onTestFinished(() => made.close());
  return made;
}

export const post = (url: string, more: Partial<Wire> = {}): Wire => ({
  url,
  method: "POST",
  headers: { "content-type": "application/json" },
  body: textBody("{}"),
  ...more,
});

export const options = (more: Partial<SendOptions> = {}): SendOptions => ({
  signal: new AbortController().signal,
  connectTimeout: 10_000,
  headersTimeout: 10_000,
  ...more,
});

/** A clock that stands still until it is told to go on. */
export function manualClock(): Clock & { advance(ms: number): void; readonly pending: number } {
  let now = 0;
  const timers = new Set<{ at: number; callback: () => void }>();
  return {
    ...systemClock(),
    now: () => now,
    monotonic: () => now,
    timer(callback, ms) {
      const timer = { at: now + ms, callback };
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    },
    advance(ms) {
      now += ms;
      for (const timer of [...timers]) if (timer.at <= now && timers.delete(timer)) timer.callback();
    },
    get pending() {
      return timers.size;
    },
  };
}

export interface Recording {
  readonly chunks: string[];
  readonly text: string;
  readonly calls: string[];
  readonly error: ProxyError | undefined;
  /** Resolves when the body has ended or failed. */
  readonly over: Promise<void>;
  /** Resolves when the text so far contains this. */
  contains(text: string): Promise<void>;
}

/** Reads the fast way and writes down what happens. */
export function record(stream: UpstreamStream): Recording {
  const chunks: string[] = [];
  const calls: string[] = [];
  let problem: ProxyError | undefined;
  const waiting: { text: string; resolve: () => void }[] = [];
  const over = Promise.withResolvers<void>();
  stream.start({
    data(chunk) {
      calls.push("data");
      chunks.push(Buffer.from(chunk).toString());
      for (const entry of waiting) if (chunks.join("").includes(entry.text)) entry.resolve();
    },
    end() {
      calls.push("end");
      over.resolve();
    },
    error(error) {
      calls.push("error");
      problem = error;
      over.resolve();
    },
  });
  return {
    chunks,
    calls,
    over: over.promise,
    get text() {
      return chunks.join("");
    },
    get error() {
      return problem;
    },
    contains(text) {
      if (chunks.join("").includes(text)) return Promise.resolve();
      return new Promise((resolve) => waiting.push({ text, resolve }));
    },
  };
}

/** The fast way; fails the test when there is none. */
export function fast(response: Response): UpstreamStream {
  const stream = upstreamOf(response);
  if (stream === undefined) throw new Error("not a response of this transport");
  return stream;
}

/** The error a promise rejects with. */
export async function failure(promise: Promise<unknown>): Promise<ProxyError> {
  return promise.then(
    () => {
      throw new Error("it did not fail");
    },
    (error: ProxyError) => error,
  );
}

/** Resolves when a socket is gone. */
export const gone = (socket: Socket): Promise<void> =>
  socket.closed ? Promise.resolve() : new Promise((resolve) => socket.once("close", () => resolve()));

/** Lets everything that is ready happen. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
