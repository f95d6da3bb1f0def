/** `fetch` over a transport, so that what asks with it goes the way of the calls to upstreams: same proxy, same TLS. */
import type { Transport } from "../runtime.ts";
import { textBody } from "../wire/body.ts";

export interface FetchThroughOptions {
  /** URL of an outbound HTTP proxy. Default: what `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say. */
  readonly proxy?: string;
  /** Milliseconds until a connection is up; 0 = no limit. Default 10 s. */
  readonly connectTimeout?: number;
  /** Milliseconds from there until the response's headers; 0 = no limit. Default 30 s. */
  readonly headersTimeout?: number;
}

/**
 * Sends texts and forms, and no more often than it is called: redirects are answers like any other. Rejects like the
 * transport, with a `ProxyError`.
 */
export function fetchThrough(transport: Transport, options: FetchThroughOptions = {}): typeof fetch {
  const { proxy, connectTimeout = 10_000, headersTimeout = 30_000 } = options;
  return async (input, init) => {
    const request = new Request(input, init);
    const { url, method, headers, signal } = request;
    const body = request.body === null ? undefined : textBody(await request.text());
    return transport.send(
      { url, method, headers: Object.fromEntries(headers), body, ...(proxy !== undefined && { proxy }) },
      { signal, connectTimeout, headersTimeout },
    );
  };
}
