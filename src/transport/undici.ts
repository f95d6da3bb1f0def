/** The transport of the machine: undici's dispatcher, without the parts of `fetch` that cost and get in the way. */
import type { buildConnector, Dispatcher } from "undici";
import { ProxyError } from "../failure/error.ts";
import { type Clock, systemClock, type Transport } from "../runtime.ts";
import type { Place } from "./errors.ts";
import { exchange } from "./exchange.ts";
import { createPools } from "./pools.ts";
import { uploadHeaders } from "./upload.ts";

export interface UndiciTransportOptions {
  /** For the limits of `send`. Default: the machine's. */
  readonly clock?: Clock;
  /** Where `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` are looked up. Default: `process.env`. */
  readonly env?: { readonly [name: string]: string | undefined };
  /** TLS and socket options for upstream connections (`ca`, `family`, …), or a connector of undici's shape. */
  readonly connect?: buildConnector.BuildOptions | buildConnector.connector;
}

/**
 * Sends over pooled HTTP/1.1 connections. Besides the errors that `Transport` names, a request that cannot be put on
 * the wire rejects as `internal` and an answer that cannot be read as `upstream`.
 */
export function undiciTransport(options: UndiciTransportOptions = {}): Transport {
  const clock = options.clock ?? systemClock();
  const pools = createPools({ env: options.env ?? process.env, connect: options.connect });
  return {
    async send(wire, { signal, connectTimeout, headersTimeout }) {
      const { origin, path } = addressOf(wire.url);
      const { stream } = wire;
      const place: Place = wire.proxy === undefined ? { origin } : { origin, proxy: proxyName(wire.proxy) };
      const request: Dispatcher.DispatchOptions = {
        origin,
        path,
        method: wire.method,
        headers: (stream ? uploadHeaders(wire.headers, stream) : wire.headers) as Dispatcher.DispatchOptions["headers"],
        body: wire.body?.text,
      };
      const dispatcher = (fresh: boolean): Dispatcher => pools.dispatcher(wire.proxy, fresh);
      return exchange({ place, request, stream, clock, dispatcher, signal, connectTimeout, headersTimeout });
    },
    close: () => pools.close(),
  };
}

interface Address {
  readonly origin: string;
  readonly path: string;
}

/** Addresses are few and parsing one costs more than all else here. Those with a query may hold a key: not kept. */
const parsed = new Map<string, Address>();
const mostParsed = 1000;

function addressOf(text: string): Address {
  const known = parsed.get(text);
  if (known) return known;
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw new ProxyError({
      kind: "internal",
      message: "The provider's address is not an http or https URL. Check its baseURL.",
    });
  }
  const address = { origin: url.origin, path: url.pathname + url.search };
  if (parsed.size >= mostParsed) parsed.clear();
  if (url.search === "" && text.length < 256) parsed.set(text, address);
  return address;
}

/** The proxy's origin only: its URL may carry a password. */
function proxyName(proxy: string): string {
  const url = URL.parse(proxy);
  return url === null ? "(unreadable)" : `${url.protocol}//${url.host}`;
}
