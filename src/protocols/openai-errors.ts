/** Errors in the shape OpenAI's APIs share, written and found inside answers with a success status. */
import type { ErrorKind, ProxyError } from "../failure/error.ts";
import type { JsonObject } from "./canonical.ts";
import { isArray, isNumber, isObject } from "./json.ts";
import type { InBandError, RenderedError } from "./types.ts";

/** `text` is the message as it came; a status is taken from it where it names one. */
export function inBandError(text: string, json?: JsonObject): InBandError {
  const error = json?.["error"];
  const choice = isArray(json?.["choices"]) ? json["choices"][0] : undefined;
  const inChoice = isObject(choice) ? choice["error"] : undefined;
  const named = [error, inChoice, json]
    .filter(isObject)
    .flatMap((one) => [one["code"], one["status"], one["status_code"]]);
  const status = named.find((value) => isNumber(value) && value >= 400 && value <= 599);
  return { text, ...(isNumber(status) && { status }) };
}

/** True for an HTML page in place of an answer. */
export function isHtml(text: string): boolean {
  return /^\s*<(?:!doctype\s+html|html)/i.test(text);
}

/** OpenAI's error guide names these types by status. */
function errorType(status: number, kind: ErrorKind): string {
  if (status === 429)
    return kind === "quota_exhausted" || kind === "no_credit" ? "insufficient_quota" : "rate_limit_error";
  if (status === 403) return "permission_error";
  return status >= 500 ? "server_error" : "invalid_request_error";
}

export function encodeError(rendered: RenderedError): { readonly status: number; readonly body: JsonObject } {
  const { status, code, message, param, details, error } = rendered;
  const body = {
    message,
    type: errorType(status, error.kind),
    param: param ?? null,
    code,
    ...(details && { details: JSON.parse(JSON.stringify(details)) as JsonObject }),
  };
  return { status, body: { error: body } };
}

const requestFaults: readonly ErrorKind[] = ["invalid_request", "context_length", "content_filter", "not_found"];

/** For an error event nobody has rendered: the core decides status and code where it can. */
export function encodeRawError(error: ProxyError): JsonObject {
  const limited = error.kind === "rate_limited" || error.kind === "quota_exhausted";
  const status = error.status ?? (requestFaults.includes(error.kind) ? 400 : limited ? 429 : 502);
  const code = error.code ?? (status < 500 ? error.kind : "upstream_error");
  return encodeError({ error, status, code, message: error.message, param: error.param, requestId: "" }).body;
}
