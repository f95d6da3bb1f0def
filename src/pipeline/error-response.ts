/** An error as an answer in the client's protocol. A fault in the request keeps the upstream's own words. */
import { FastResponse } from "srvx";
import { ProxyError } from "../failure/error.ts";
import { renderError, retryAfterSeconds } from "../failure/render.ts";
import { errorTable, isOursAlone } from "../failure/table.ts";
import type { Protocol } from "../protocols/types.ts";
import type { RequestState } from "./context.ts";

export interface ErrorPlace {
  readonly id: string;
  readonly protocol: Protocol;
  readonly now: number;
  /** How many upstream calls were made. */
  readonly attempts?: number;
}

/** The answer for a request that ended in `error`. */
export function errorResponse(state: RequestState, error: unknown): Response {
  const { ctx } = state;
  const last = state.attempts.at(-1);
  const original = ProxyError.is(error) && last?.protocol === ctx.protocol ? originalBody(error) : undefined;
  const place = {
    id: ctx.id,
    protocol: ctx.protocol,
    now: ctx.app.runtime.clock.now(),
    attempts: state.attempts.length,
  };
  return renderResponse(error, place, original);
}

/** The same for routes that make no upstream call. */
export function renderResponse(error: unknown, place: ErrorPlace, original?: string): Response {
  const rendered = renderError(error, place.id);
  const wait = retryAfterSeconds(rendered.error, place.now);
  const retryAfter = rendered.status >= 429 ? wait : undefined;
  const { status, body } = place.protocol.encodeError({ ...rendered, ...(retryAfter !== undefined && { retryAfter }) });
  const headers: { [name: string]: string } = {
    "content-type": "application/json",
    "x-request-id": place.id,
    ...rendered.error.headers,
  };
  if (place.attempts !== undefined) headers["x-waygate-attempts"] = String(place.attempts);
  if (retryAfter !== undefined) headers["retry-after"] = String(retryAfter);
  return new FastResponse(original ?? JSON.stringify(body), { status, headers });
}

/** What the upstream said about the request itself, masked, when it is JSON of the client's own protocol. */
function originalBody(error: ProxyError): string | undefined {
  if ((error.scope ?? errorTable[error.kind].scope) !== "request" || !error.upstream) return undefined;
  const { body, contentType, status, code = "", explained } = error.upstream;
  if (status < 400 || explained || !contentType?.includes("json")) return undefined;
  // Clients would take it for a limit of ours and ask again (Groq says so of a request that is too large).
  if (isOursAlone(code)) return undefined;
  try {
    const json: unknown = JSON.parse(body);
    return typeof json === "object" && json !== null && "error" in json ? body : undefined;
  } catch {
    // A body cut by masking or by its size limit is not passed on; our own rendering is.
    return undefined;
  }
}
