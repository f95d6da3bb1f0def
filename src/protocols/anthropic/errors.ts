/** Errors: found inside answers with a success status, and written in this protocol's shape. */
import type { ProxyError } from "../../failure/error.ts";
import type { Sse } from "../../wire/sse.ts";
import type { JsonObject } from "../canonical.ts";
import type { InBandError, RenderedError } from "../types.ts";
import { isEmpty, isNumber, isObject, isText } from "./values.ts";

/** True for a message or a body that is an error though the status said success; other APIs' shapes included. */
export function carriesError(json: JsonObject): boolean {
  const { type, error } = json;
  return type === "error" || isText(error) || (isObject(error) && !isEmpty(error));
}

/** Anthropic API reference, "Errors": the status that belongs to each type. */
const statuses: { readonly [type: string]: number } = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  api_error: 500,
  timeout_error: 504,
  overloaded_error: 529,
};

/** `text` is the message as it came. The status is the one that belongs to the type, or a number the message names. */
export function inBandError(text: string, json?: JsonObject): InBandError {
  const error = isObject(json?.["error"]) ? json["error"] : json;
  const type = error?.["type"];
  const named = [error?.["status"], error?.["code"], json?.["status"]].find(
    (value) => isNumber(value) && value >= 400 && value <= 599,
  );
  const status = isText(type) && Object.hasOwn(statuses, type) ? statuses[type] : named;
  return { text, ...(isNumber(status) && { status }) };
}

function errorType(status: number): string {
  if (status === 503) return "overloaded_error";
  const type = Object.keys(statuses).find((name) => statuses[name] === status);
  return type ?? (status >= 500 ? "api_error" : "invalid_request_error");
}

/** Anthropic's clients send the whole conversation again when they are told so (@anthropic-ai/sdk, message threads). */
const lostThread = { status: 404, details: { error_code: "thread_not_found" } };

export function encodeError(rendered: RenderedError): { readonly status: number; readonly body: JsonObject } {
  const { requestId } = rendered;
  const { status, details } = rendered.code === "previous_response_not_found" ? lostThread : rendered;
  const error = {
    type: errorType(status),
    message: messageOf(rendered),
    ...(details && { details: JSON.parse(JSON.stringify(details)) as JsonObject }),
  };
  return { status, body: { type: "error", error, request_id: requestId } };
}

/** Agents tell by Anthropic's own words that they have to shorten the conversation. */
const tooLong = "prompt is too long";

function messageOf({ error, message }: Pick<RenderedError, "error" | "message">): string {
  return error.kind === "context_length" && !message.includes(tooLong) ? `${tooLong}: ${message}` : message;
}

/** One `error` event; Anthropic's streams end with it. */
export function encodeStreamError(rendered: RenderedError): readonly Sse[] {
  return [{ event: "error", data: JSON.stringify(encodeError(rendered).body) }];
}

/** For an error event nobody has rendered. */
export function encodeRawError(error: ProxyError): Sse {
  const type = error.status === undefined ? "api_error" : errorType(error.status);
  const message = messageOf({ error, message: error.message });
  return { event: "error", data: JSON.stringify({ type: "error", error: { type, message } }) };
}
