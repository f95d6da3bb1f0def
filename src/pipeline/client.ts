/** Notices when the client leaves. */
import type { ServerResponse } from "node:http";
import type { Cancellation } from "./cancellation.ts";

/** What a Node server hands over beside the web-standard request. */
interface NodeRequest {
  readonly runtime?: { readonly node?: { readonly res?: ServerResponse } };
}

/** True when the request came over a Node server whose response srvx writes. */
export function isNodeRequest(req: Request): boolean {
  return (req as NodeRequest).runtime?.node?.res !== undefined;
}

/**
 * Cancels when the client does; returns how to stop looking. On a Node server the response's `close` is looked at
 * directly: the request's own signal is made from it, at a price.
 */
export function followClient(req: Request, cancellation: Cancellation): () => void {
  const response = (req as NodeRequest).runtime?.node?.res;
  if (response) {
    const onClose = (): void => {
      if (!response.writableEnded) cancellation.abort(gone());
    };
    if (response.destroyed) onClose();
    else response.once("close", onClose);
    return () => response.off("close", onClose);
  }
  const { signal } = req;
  const leave = (): void => cancellation.abort(signal.reason);
  if (signal.aborted) leave();
  else signal.addEventListener("abort", leave, { once: true });
  return () => signal.removeEventListener("abort", leave);
}

function gone(): DOMException {
  return new DOMException("The client has closed the connection.", "AbortError");
}
