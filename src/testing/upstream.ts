/**
 * A scripted upstream on loopback: answers what a test tells it to, and tells the test what came in and how every
 * request ended. For plugin authors as much as for our own tests.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { answer } from "./answer.ts";
import { play } from "./play.ts";
import { resolveStep, type ScriptRequest, status, type Step } from "./script.ts";
import { scriptRequest } from "./script-request.ts";

/** How a request ended: answered in full, left by the client, or broken off by the script. */
export type Closed = "complete" | "client" | "script";

/** One request as it came in; listed once its body is complete. */
export interface Received extends ScriptRequest {
  /** Milliseconds of `performance.now()` when the headers were read. */
  readonly arrivedAt: number;
  /** Number of the connection it came on, from 0. */
  readonly socket: number;
  /** Resolves when nothing more can be said on this request. */
  readonly closed: Promise<Closed>;
  /** True once the client has left before the answer was complete. */
  readonly aborted: boolean;
}

/** Which requests a step is for; all given fields must fit. A path text fits when the path, without query, ends so. */
export interface RequestMatch {
  readonly key?: string;
  readonly model?: string;
  readonly method?: string;
  readonly path?: string | RegExp;
}

export interface UpstreamOptions {
  /** What to do when nothing else fits, as with `always`. */
  readonly step?: Step;
  /** Path of `url`. Default `/v1`. */
  readonly base?: string;
}

export interface Upstream extends AsyncDisposable {
  /** Base URL with its version segment, e.g. `http://127.0.0.1:4711/v1`. */
  readonly url: string;
  /** In the order of arrival. */
  readonly requests: readonly Received[];
  /** Requests that have not ended. */
  readonly open: number;
  /** Connections accepted since the start. */
  readonly connections: number;
  /** Connections that are up now. */
  readonly openConnections: number;
  /** Queues one step per coming request. */
  reply(...steps: readonly Step[]): void;
  /** What to do when the queue is empty. */
  always(step: Step): void;
  /** What to do with requests that fit, before the queue is asked. The newest that fits wins. */
  when(match: RequestMatch | ((request: ScriptRequest) => boolean), step: Step): void;
  /** Resolves with the n-th request (from 1) once it is there. */
  received(count: number): Promise<Received>;
  /** Closes every connection, hanging ones too. */
  close(): Promise<void>;
}

/**
 * Starts an upstream on a free port of 127.0.0.1. Unscripted it answers `ok` to every request; once steps were queued
 * and used up, and without `always`, it answers 500 with the code `script_over`, so that no call goes unnoticed.
 */
export async function createUpstream(options: UpstreamOptions = {}): Promise<Upstream> {
  const requests: Received[] = [];
  const queue: Step[] = [];
  const rules: { fits: (request: ScriptRequest) => boolean; step: Step }[] = [];
  const waiting: { count: number; resolve: (request: Received) => void }[] = [];
  const sockets = new Map<Socket, { id: number; served: number }>();
  let fallback = options.step;
  let scripted = false;
  let open = 0;
  let connections = 0;

  const choose = (request: ScriptRequest): Step =>
    rules.findLast((rule) => rule.fits(request))?.step ??
    queue.shift() ??
    fallback ??
    (scripted ? scriptOver : answer());

  const handle = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const arrivedAt = performance.now();
    const left = new AbortController();
    response.once("close", () => left.abort());
    const body = await bodyOf(message);
    if (body === undefined) return;
    const connection = sockets.get(message.socket) ?? { id: -1, served: 0 };
    const closed = Promise.withResolvers<Closed>();
    const facts = {
      index: requests.length,
      method: message.method ?? "GET",
      path: message.url ?? "/",
      headers: message.headers as { [name: string]: string },
      body,
      reused: connection.served++ > 0,
    };
    const rest = { arrivedAt, socket: connection.id, closed: closed.promise, aborted: false };
    const request = Object.defineProperties(
      scriptRequest(facts),
      Object.getOwnPropertyDescriptors(rest),
    ) as Received & {
      aborted: boolean;
    };
    requests.push(request);
    open++;
    for (const entry of waiting.splice(0))
      entry.count <= requests.length ? entry.resolve(request) : waiting.push(entry);
    const ended = await play(stepFor(choose, request), response, left.signal).catch((error: unknown) => {
      // Nothing can be written where the answer before has not left the connection yet; the request has ended all the same.
      response.destroy(error as Error);
      return "destroy" as const;
    });
    if (response.destroyed) left.abort();
    if (!left.signal.aborted) await new Promise((resolve) => left.signal.addEventListener("abort", resolve));
    const complete = response.writableFinished && (ended === "complete" || ended === "close");
    const how: Closed = complete ? "complete" : ended === "destroy" || ended === "reset" ? "script" : "client";
    if (how === "client") request.aborted = true;
    open--;
    closed.resolve(how);
  };

  const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 }, (message, response) => {
    handle(message, response).catch((error: unknown) => response.destroy(error as Error));
  });
  server.on("connection", (socket) => {
    sockets.set(socket, { id: connections++, served: 0 });
    socket.once("close", () => sockets.delete(socket));
    // A reset by the client is one of the things tests do; the request's `closed` tells of it.
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    const ended = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets.keys()) socket.destroy();
    await ended;
  };

  return {
    url: `http://127.0.0.1:${port}${options.base ?? "/v1"}`,
    requests,
    get open() {
      return open;
    },
    get connections() {
      return connections;
    },
    get openConnections() {
      return sockets.size;
    },
    reply(...steps) {
      scripted = true;
      queue.push(...steps);
    },
    always(step) {
      fallback = step;
    },
    when(match, step) {
      rules.push({ fits: typeof match === "function" ? match : (request) => fits(match, request), step });
    },
    received(count) {
      const request = requests[count - 1];
      return request ? Promise.resolve(request) : new Promise((resolve) => waiting.push({ count, resolve }));
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

const scriptOver: Step = status(500, {
  error: { message: "The script has no step for this request.", code: "script_over" },
});

function stepFor(choose: (request: ScriptRequest) => Step, request: ScriptRequest): ReturnType<typeof resolveStep> {
  try {
    return resolveStep(choose(request), request);
  } catch (error) {
    return status(500, { error: { message: `The script failed: ${String(error)}`, code: "script_failed" } });
  }
}

function fits(match: RequestMatch, request: ScriptRequest): boolean {
  const path = request.path.split("?")[0] ?? "";
  return (
    (match.key === undefined || match.key === request.key) &&
    (match.model === undefined || match.model === request.model) &&
    (match.method === undefined || match.method === request.method) &&
    (match.path === undefined || (typeof match.path === "string" ? path.endsWith(match.path) : match.path.test(path)))
  );
}

async function bodyOf(message: IncomingMessage): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of message) chunks.push(chunk as Uint8Array);
  } catch {
    // The client left while sending: there is no request to answer.
    return undefined;
  }
  return Buffer.concat(chunks).toString();
}
