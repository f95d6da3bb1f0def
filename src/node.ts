/** The proxy as a Node request listener, for `node:http`, Express, h3 1 and Nitro 2. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { FastResponse } from "srvx";
import { toNodeHandler as toListener } from "srvx/node";
import { createLog } from "./log.ts";
import type { Proxy } from "./proxy-options.ts";

export type NodeHandler = (
  req: IncomingMessage | Http2ServerRequest,
  res: ServerResponse | Http2ServerResponse,
) => void | Promise<void>;

/**
 * A client that disconnects reaches the upstream through this handler; through h3 1's `fromWebHandler` it does not. Put
 * it before body parsers. A proxy that cannot start is answered 500 and logged: nobody catches what a listener throws.
 */
export function toNodeHandler(proxy: Pick<Proxy, "fetch">): NodeHandler {
  const listener = toListener((request) => proxy.fetch(request as unknown as Request).catch(notStarted));
  return listener as unknown as NodeHandler;
}

function notStarted(reason: unknown): Response {
  createLog("error").error("The proxy could not start:", reason);
  const error = {
    message: "The proxy could not start; its log has the details.",
    type: "server_error",
    param: null,
    code: "internal_error",
  };
  return new FastResponse(JSON.stringify({ error }), { status: 500, headers: { "content-type": "application/json" } });
}
