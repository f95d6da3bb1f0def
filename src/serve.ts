/** Hangs a proxy up on a port. Requests that never become one (headers too large, too slow) get JSON as well. */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { ConfigError } from "./config/problem.ts";
import { createServer } from "./listen.ts";
import { toNodeHandler } from "./node.ts";
import { internalsOf } from "./proxy.ts";
import type { Proxy } from "./proxy-options.ts";
import { isLoopback } from "./server/origin.ts";

export interface ServeOptions {
  /** Over the config's `server.host`. */
  readonly host?: string;
  /** Over the config's `server.port`. */
  readonly port?: number;
  /** Milliseconds a request may take to arrive whole; then it is answered 408. Default 300000, 0 = no limit. */
  readonly requestTimeout?: number;
}

export interface Serving {
  /** `http://127.0.0.1:8000` */
  readonly url: string;
  readonly port: number;
  /**
   * Answers requests from now on with another proxy; those under way finish on the old one. Resolves when the last of
   * those has ended, so that the old one can be closed. Throws a `ConfigError` like `serve`, and then nothing changed.
   */
  swap(proxy: Proxy): Promise<void>;
  /**
   * Answers new requests with 503 `shutting_down` and waits for those under way up to `drain` milliseconds, by default
   * the config's `server.drain`; then ends what is left and listens no more.
   */
  close(drain?: number): Promise<void>;
}

/** Starts the proxy and listens. Rejects with a `ConfigError` when the network could use it without a key. */
export async function serve(first: Proxy, options: ServeOptions = {}): Promise<Serving> {
  const { server: config } = first.config;
  const host = options.host ?? config.host;
  requireAuthentication(first, host);
  await first.ready();
  let current = counted(first);
  const work = countWork();
  let isDraining = false;
  const answer = (req: IncomingMessage, res: ServerResponse): void => {
    // Also of those under way: a client that would use the connection again finds nobody there.
    if (isDraining) res.shouldKeepAlive = false;
    else work.begin(res);
    current.answer(req, res);
  };
  const server = await createServer(answer, {
    host,
    port: options.port ?? config.port,
    tls: config.tls,
    requestTimeout: options.requestTimeout ?? 300_000,
  });
  server.node.on("clientError", answerBrokenRequest);

  return {
    url: server.url,
    port: server.port,
    swap(proxy) {
      requireAuthentication(proxy, host);
      const before = current;
      current = counted(proxy);
      return before.idle();
    },
    async close(drain = current.proxy.config.server.drain) {
      isDraining = true;
      internalsOf(current.proxy).refuse();
      await work.done(drain);
      await closeServer(server.node, work.count() > 0 ? 0 : GRACE);
    },
  };
}

/** Milliseconds for what is neither work nor idle, such as a refusal on its way. */
const GRACE = 500;

interface Work {
  count(): number;
  begin(res: ServerResponse): void;
  /** Resolves when nothing is under way any more, or after so many milliseconds. */
  done(limit: number): Promise<void>;
}

function countWork(): Work {
  let open = 0;
  let onDone: (() => void) | undefined;
  return {
    count: () => open,
    begin(res) {
      open++;
      res.once("close", () => {
        if (--open === 0) onDone?.();
      });
    },
    done: (limit) =>
      open === 0
        ? Promise.resolve()
        : new Promise((resolve) => {
            const timer = setTimeout(resolve, limit);
            onDone = () => {
              clearTimeout(timer);
              resolve();
            };
          }),
  };
}

interface CountedHandler {
  readonly proxy: Proxy;
  answer(req: IncomingMessage, res: ServerResponse): void;
  /** Resolves once no request is under way. */
  idle(): Promise<void>;
}

/** A proxy's handler that knows how many of its answers have not ended. */
function counted(proxy: Proxy): CountedHandler {
  const handle = toNodeHandler(proxy);
  let open = 0;
  let waiting: (() => void) | undefined;
  return {
    proxy,
    answer(req, res) {
      open++;
      res.once("close", () => {
        if (--open === 0) waiting?.();
      });
      void handle(req, res);
    },
    idle: () => (open === 0 ? Promise.resolve() : new Promise((resolve) => (waiting = resolve))),
  };
}

/** A public bind without authentication does not start. */
function requireAuthentication(proxy: Proxy, host: string): void {
  if (isLoopback(host) || internalsOf(proxy).pipeline.hooks.auth.length > 0) return;
  throw new ConfigError([
    {
      code: "auth_required",
      path: ["server", "host"],
      what: "Not started: the network could spend your keys",
      why: `The server would listen on ${host}, and no auth plugin has a key, so anyone who finds the port may call every provider.`,
      fix: 'echo "PROXY_API_KEY=$(openssl rand -hex 32)" >> .env\nwith proxyKey() in plugins, or: proxy start --host 127.0.0.1',
      value: host,
    },
  ]);
}

const broken: { readonly [code: string]: { status: string; code: string; message: string } } = {
  HPE_HEADER_OVERFLOW: {
    status: "431 Request Header Fields Too Large",
    code: "invalid_request",
    message: "The request's headers are larger than this server accepts.",
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: "408 Request Timeout",
    code: "invalid_request",
    message: "The request did not arrive in time.",
  },
};

/** Node gives up on the request before a handler sees it, so the answer is written by hand. */
function answerBrokenRequest(error: Error & { code?: string }, socket: Duplex & Partial<NodeSocket>): void {
  // In the middle of an answer there is no place for another one.
  if (!socket.writable || socket._httpMessage?.headersSent) {
    socket.destroy();
    return;
  }
  const { status, code, message } = broken[error.code ?? ""] ?? {
    status: "400 Bad Request",
    code: "invalid_request",
    message: "The request is not valid HTTP.",
  };
  const body = JSON.stringify({ error: { message, type: "invalid_request_error", param: null, code } });
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
  // Not left half open: who sends nonsense may never close his side.
  socket.destroySoon?.();
}

interface NodeSocket {
  /** What Node is answering on this connection. */
  readonly _httpMessage: ServerResponse | null;
  destroySoon(): void;
}

function closeServer(server: Server, grace: number): Promise<void> {
  return new Promise((resolve) => {
    const force = setTimeout(() => server.closeAllConnections(), grace);
    // A kept connection that becomes idle meanwhile would stay open until its own timeout.
    const sweep = setInterval(() => server.closeIdleConnections(), 20);
    server.close(() => {
      clearTimeout(force);
      clearInterval(sweep);
      resolve();
    });
    server.closeIdleConnections();
  });
}
