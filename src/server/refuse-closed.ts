/** The answer of a proxy that is ending or has ended. */
import { ProxyError } from "../failure/error.ts";
import { renderResponse } from "../pipeline/error-response.ts";
import type { Runtime } from "../runtime.ts";
import type { ClientProtocol } from "./client-protocol.ts";
import { requestId } from "./request-id.ts";

interface Over {
  readonly isOver: "draining" | "closed";
  readonly runtime: Runtime;
  readonly clientProtocol: ClientProtocol;
}

/** Whoever still asks a proxy that ends or has ended is told so in its protocol. */
export function refuseClosed({ headers, url }: Request, { isOver, runtime, clientProtocol }: Over): Response {
  const now = runtime.clock.now();
  const what = isOver === "closed" ? "This proxy has been closed." : "This proxy is shutting down.";
  const error = new ProxyError({
    kind: "no_candidate",
    status: 503,
    code: "shutting_down",
    message: `${what} Ask again in a moment.`,
    retryAt: now + 1000,
  });
  return renderResponse(error, {
    id: requestId(headers, runtime),
    protocol: clientProtocol(new URL(url).pathname, headers),
    now,
  });
}
