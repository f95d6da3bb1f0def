/** Connections: one pool per origin, one set of pools per outbound proxy. */
import { Socket } from "node:net";
import { Agent, type buildConnector, Client, type Dispatcher, EnvHttpProxyAgent, Pool, ProxyAgent } from "undici";
import { ProxyError } from "../failure/error.ts";

/** The connection a request was given to. It carries one request at a time. */
export interface Connection {
  /** Requests put on the present socket. */
  requests: number;
  /** Ends a connection attempt; there only while one is under way. */
  abandon: (() => void) | undefined;
}

/** A handler that wants to know its connection. */
export interface Attachable extends Dispatcher.DispatchHandler {
  attach?(connection: Connection): void;
}

export interface PoolOptions {
  /** TLS and socket options, or a whole connector of undici's shape. */
  readonly connect?: buildConnector.BuildOptions | buildConnector.connector;
  /** Where `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` (either case) are looked up. */
  readonly env: { readonly [name: string]: string | undefined };
}

export interface Pools {
  /** `fresh`: on a connection that has carried no request. */
  dispatcher(proxy: string | undefined, fresh: boolean): Dispatcher;
  close(): Promise<void>;
}

/** Response headers in bytes, all names and values together. */
const maxHeaderSize = 65_536;
/** Idle connections are kept this long unless the server says otherwise: milliseconds. */
const keepAliveTimeout = 30_000;
/** Only a net under connections nobody waits for any more; the limit that matters is the caller's. */
const proxyConnectTimeout = 300_000;
const mostProxies = 256;

const clientOptions = {
  // Over HTTP/2 undici puts all requests to an origin on one connection, so one reset or one full window hits them
  // all, and "was this connection used before" has no answer any more.
  allowH2: false,
  maxHeaderSize,
  keepAliveTimeout,
  // Off on purpose: undici's own limits of 300 s cut models that think in silence, and its clock cannot be injected.
  headersTimeout: 0,
  bodyTimeout: 0,
  connectTimeout: 0,
} as const;

export function createPools(options: PoolOptions): Pools {
  const connecting = new Set<Connection>();
  const kept = agents(options, connecting, 1);
  // Without pipelining undici closes every connection after its first request.
  const fresh = agents(options, connecting, 0);
  return {
    dispatcher: (proxy, isFresh) => (isFresh ? fresh : kept).get(proxy),
    async close() {
      const closing = [kept.destroy(), fresh.destroy()];
      for (const connection of connecting) connection.abandon?.();
      await Promise.all(closing);
    },
  };
}

interface Agents {
  get(proxy: string | undefined): Dispatcher;
  destroy(): Promise<unknown>;
}

function agents({ connect, env }: PoolOptions, connecting: Set<Connection>, pipelining: 0 | 1): Agents {
  // The proxy agents hand their own connector to the factory; it has to stay.
  const factory = (origin: string | URL, given: object): Pool =>
    new Pool(origin, {
      ...clientOptions,
      pipelining,
      connect: (given as Pool.Options).connect,
      factory: (target, made) => trackedClient(target, made as Client.Options, connecting),
    });
  const proxyOptions = {
    factory,
    clientFactory: factory,
    connectTimeout: proxyConnectTimeout,
    ...(typeof connect === "object" ? { requestTls: connect } : undefined),
  };
  const httpProxy = env["http_proxy"] ?? env["HTTP_PROXY"] ?? "";
  const httpsProxy = env["https_proxy"] ?? env["HTTPS_PROXY"] ?? "";
  const noProxy = env["no_proxy"] ?? env["NO_PROXY"] ?? "";
  const direct =
    httpProxy === "" && httpsProxy === ""
      ? new Agent({ factory, connect })
      : guarded(
          "HTTPS_PROXY or HTTP_PROXY",
          () => new EnvHttpProxyAgent({ ...proxyOptions, connect, httpProxy, httpsProxy, noProxy }),
        );
  const proxies = new Map<string, ProxyAgent>();

  return {
    get(proxy) {
      if (proxy === undefined) return direct;
      const known = proxies.get(proxy);
      if (known !== undefined) return known;
      const made = guarded("The outbound proxy of this request", () => new ProxyAgent({ ...proxyOptions, uri: proxy }));
      for (const [oldest, agent] of proxies) {
        if (proxies.size < mostProxies) break;
        proxies.delete(oldest);
        agent.close().catch(() => {}); // Fails only when it is destroyed already, which is as good.
      }
      proxies.set(proxy, made);
      return made;
    },
    destroy: () => Promise.all([direct, ...proxies.values()].map((agent) => agent.destroy())),
  };
}

/** Runs a constructor whose own error would quote the proxy URL, password included. */
function guarded<T>(name: string, make: () => T): T {
  try {
    return make();
  } catch {
    // The cause is left out on purpose: it contains the URL.
    throw new ProxyError({
      kind: "internal",
      message: `${name} is not a usable proxy URL, as in http://user:password@host:3128.`,
    });
  }
}

/** An undici client that tells handlers their connection and can give up connecting. */
function trackedClient(origin: URL, options: Client.Options, connecting: Set<Connection>): Client {
  const connection: Connection = { requests: 0, abandon: undefined };
  const connector = options.connect as buildConnector.connector;
  const connect: buildConnector.connector = (target, callback) => {
    const tunnel = new AbortController();
    const opening: { socket?: unknown } = {};
    const settle: buildConnector.Callback = (...[error, connected]) => {
      if (connection.abandon !== abandon) {
        connected?.destroy(); // It came up after it had been given up.
        return;
      }
      connection.requests = 0;
      connection.abandon = undefined;
      connecting.delete(connection);
      if (error === null) callback(error, connected);
      else callback(error, null);
    };
    const abandon = (): void => {
      const reason = new Error("given up while connecting");
      settle(reason, null);
      tunnel.abort(reason);
      if (opening.socket instanceof Socket) opening.socket.destroy();
    };
    connection.abandon = abandon;
    connecting.add(connection);
    // Sockets of undici's connector have TCP_NODELAY set. It returns the socket, its type just does not say so; a
    // tunnel through a proxy is a promise instead and listens to `signal`.
    opening.socket = connector({ ...target, signal: tunnel.signal } as buildConnector.Options, settle);
  };
  const client = new Client(origin, { ...options, connect });
  const dispatch = client.dispatch;
  client.dispatch = (request, handler: Attachable) => {
    handler.attach?.(connection);
    return dispatch.call(client, request, handler);
  };
  return client;
}
