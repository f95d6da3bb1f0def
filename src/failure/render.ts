/** From any thrown value to what the client may see of it. */
import type { RenderedError } from "../protocols/types.ts";
import { ProxyError } from "./error.ts";
import { MAX_REST } from "./retry-time.ts";
import { codeOf, errorTable, statusOf } from "./table.ts";

/** Seconds to name where the client must be told some time and nobody knows one. */
const GUESS = 10;

/**
 * The error a thrown value is for the client: itself, or for what nobody expected an `internal` one with it as cause.
 * What went wrong inside, in which plugin, is for the log.
 */
function expected(error: unknown): ProxyError {
  if (ProxyError.is(error) && error.kind !== "internal") return error;
  return new ProxyError({
    kind: "internal",
    message: "The proxy made a mistake while handling this request; its log has the details.",
    ...(ProxyError.is(error) && { status: error.status, details: error.details, headers: error.headers }),
    cause: error,
  });
}

const sentence = (text: string): string => (/[.!?…]$/.test(text) ? text : `${text}.`);

/**
 * Decides status, code and message. A mistake of the proxy or of a plugin, `internal` or no `ProxyError` at all, becomes
 * a 500 that says nothing of its cause; log `error.cause` of the result. The message ends with the request's id, so that a report can be found in the log.
 */
export function renderError(error: unknown, requestId: string): RenderedError {
  const known = expected(error);
  const { prefix } = errorTable[known.kind];
  const message = known.upstream && prefix !== undefined ? prefix + known.message : known.message;
  return {
    error: known,
    status: statusOf(known),
    code: codeOf(known),
    message: `${sentence(message.trim())} Request ${requestId}.`,
    param: known.param,
    details: known.details,
    requestId,
  };
}

/**
 * Value of `retry-after`: whole seconds, at least 1, at most 7 days. Every 429 and 503 has one, also when the time is
 * unknown; other statuses only when it is known.
 */
export function retryAfterSeconds(error: ProxyError, now: number): number | undefined {
  const { retryAt } = error;
  if (retryAt !== undefined && Number.isFinite(retryAt)) {
    return Math.max(1, Math.ceil(Math.min(retryAt - now, MAX_REST) / 1000));
  }
  return [429, 503, 529].includes(statusOf(error)) ? GUESS : undefined;
}
