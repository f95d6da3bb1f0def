/** Errors: found inside answers with a success status, and written in this protocol's shape. */
import type { ErrorKind, ProxyError } from "../../failure/error.ts";
import type { Sse } from "../../wire/sse.ts";
import type { Json, JsonObject } from "../canonical.ts";
import type { InBandError, RenderedError } from "../types.ts";
import { isArray, isEmpty, isNumber, isObject, isText } from "./values.ts";

/**
 * True for a chunk or a body that is an error though the status said success. Beside OpenAI's `error` object these are
 * the shapes OpenAI-compatible upstreams send: a string, a flat error, FastAPI's `detail`, an error in the choice.
 */
export function carriesError(json: JsonObject): boolean {
  const { error, type, object, choices } = json;
  if (isText(error) || (isObject(error) && !isEmpty(error))) return true;
  if (type === "error" || object === "error") return true;
  if (!isArray(choices)) return isPresent(json["detail"]) || isText(json["message"]) || json["success"] === false;
  const [choice] = choices;
  return isObject(choice) && (failedFinishes.has(choice["finish_reason"]) || isPresent(choice["error"]));
}

/** Finish reasons that say the answer was given up: OpenRouter's, and DeepSeek's when it is out of machines. */
const failedFinishes: ReadonlySet<Json | undefined> = new Set(["error", "insufficient_system_resource"]);

function isPresent(value: Json | undefined): boolean {
  return value !== undefined && value !== null && value !== "" && value !== false;
}

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

/** One event and no `[DONE]` behind it, as OpenAI's own streams break off; its clients throw on the event. */
export function encodeStreamError(rendered: RenderedError): readonly Sse[] {
  return [{ data: JSON.stringify(encodeError(rendered).body) }];
}

const requestFaults: readonly ErrorKind[] = ["invalid_request", "context_length", "content_filter", "not_found"];

/** For an error event nobody has rendered: the core decides status and code where it can. */
export function encodeRawError(error: ProxyError): JsonObject {
  const limited = error.kind === "rate_limited" || error.kind === "quota_exhausted";
  const status = error.status ?? (requestFaults.includes(error.kind) ? 400 : limited ? 429 : 502);
  const code = error.code ?? (status < 500 ? error.kind : "upstream_error");
  return encodeError({ error, status, code, message: error.message, param: error.param, requestId: "" }).body;
}
