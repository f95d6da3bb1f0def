/** listhen with everything off that a development server would want: no banner, no clipboard, no other port. */
import { readFile } from "node:fs/promises";
import type { RequestListener, Server } from "node:http";
import type { ServerConfig } from "./config/types.ts";

export interface Listening {
  readonly node: Server;
  readonly url: string;
  readonly port: number;
}

export interface ListenTo {
  readonly host: string;
  readonly port: number;
  readonly tls: ServerConfig["tls"];
  /** Milliseconds a request may take to arrive whole. */
  readonly requestTimeout: number;
}

/** Milliseconds: Node's own limit for the headers alone, and how often it looks for requests over their limit. */
const HEADERS_TIMEOUT = 60_000;
const CHECK_INTERVAL = 30_000;

/** Rejects with an error whose `code` is `EADDRINUSE` when the port is taken, and with a clear one when it is unusable. */
export async function createServer(
  listener: RequestListener,
  { host, port, tls, requestTimeout }: ListenTo,
): Promise<Listening> {
  const { listen } = await import("listhen");
  const { server } = await listen(listener, {
    hostname: host,
    // listhen would look for another free port; an address that clients have configured must not move.
    port: port === 0 ? { port: 0, random: true } : { port, random: false },
    https: tls
      ? { cert: await readFile(tls.cert, "utf8"), key: await readFile(tls.key, "utf8"), passphrase: tls.passphrase }
      : false,
    public: host === "0.0.0.0" || host === "::",
    isProd: true,
    showURL: false,
    clipboard: false,
    open: false,
    qr: false,
    autoClose: false,
  }).catch((error: unknown) => {
    throw error instanceof Error && error.name === "GetPortError"
      ? Object.assign(new Error(`Port ${port} is taken on ${host}.`, { cause: error }), { code: "EADDRINUSE" })
      : error;
  });
  // listhen's own listener for requests writes to the socket of every one that is over, and throws where there is none
  // any more: a client that breaks off at the wrong moment would end the process. Closing is done without it.
  server.removeAllListeners("request");
  server.on("request", listener);
  limitArrival(server as Server & { connectionsCheckingInterval: number }, requestTimeout);
  const address = server.address();
  const bound = typeof address === "object" && address !== null ? address.port : port;
  if (port !== 0 && bound !== port) {
    server.close();
    throw new Error(
      `Port ${port} is one that browsers refuse to open, so it cannot be used. Choose another server.port.`,
    );
  }
  const name = host.includes(":") ? `[${host}]` : host;
  return { node: server as Server, port: bound, url: `${tls ? "https" : "http"}://${name}:${bound}` };
}

function limitArrival(server: Server & { connectionsCheckingInterval: number }, requestTimeout: number): void {
  server.requestTimeout = requestTimeout;
  if (requestTimeout <= 0) return;
  server.headersTimeout = Math.min(requestTimeout, HEADERS_TIMEOUT);
  if (requestTimeout >= CHECK_INTERVAL) return;
  // Node reads the interval when it begins to listen, which listhen has seen to; said again, it sets a new timer.
  server.connectionsCheckingInterval = Math.max(100, Math.floor(requestTimeout / 2));
  server.emit("listening");
}
