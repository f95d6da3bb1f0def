/** Errors: found inside answers with a success status, and written in this protocol's shape. */
import type { ProxyError } from "../../failure/error.ts";
import { codeOf, statusOf } from "../../failure/table.ts";
import type { Sse } from "../../wire/sse.ts";
import type { Json, JsonObject } from "../canonical.ts";
import type { InBandError, RenderedError } from "../types.ts";
import { isEmpty, isNumber, isObject, isText } from "./values.ts";

/** True for a chunk or a body that is an error though the status said success. */
export function carriesError(json: JsonObject): boolean {
  const { error } = json;
  return isText(error) || (isObject(error) && !isEmpty(error));
}

/** `text` is the message as it came; a status is taken from it where it names one. */
export function inBandError(text: string, json?: JsonObject): InBandError {
  const error = json?.["error"];
  const status = isObject(error) ? error["code"] : undefined;
  return { text, ...(isNumber(status) && status >= 400 && status <= 599 && { status }) };
}

/** The canonical codes of Google's APIs by HTTP status (google.rpc.Code). */
const statuses: { readonly [status: number]: string } = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  408: "DEADLINE_EXCEEDED",
  409: "ABORTED",
  412: "FAILED_PRECONDITION",
  413: "INVALID_ARGUMENT",
  429: "RESOURCE_EXHAUSTED",
  499: "CANCELLED",
  500: "INTERNAL",
  501: "UNIMPLEMENTED",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};

function statusWord(status: number): string {
  return statuses[status] ?? (status >= 500 ? "UNAVAILABLE" : "INVALID_ARGUMENT");
}

/**
 * `details` is a list of typed messages: our code as an `ErrorInfo`, the field at fault as a `BadRequest`, the time to ask
 * again as a `RetryInfo`, because Google's own clients look there and not at headers.
 */
export function encodeError(rendered: RenderedError): { readonly status: number; readonly body: JsonObject } {
  const { status, code, message, param, details, requestId, retryAfter } = rendered;
  const list: Json[] = [
    {
      "@type": "type.googleapis.com/google.rpc.ErrorInfo",
      reason: code.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_"),
      domain: "waygate",
      metadata: { code, requestId },
    },
  ];
  if (param !== undefined) {
    const violation = { field: param, description: message };
    list.push({ "@type": "type.googleapis.com/google.rpc.BadRequest", fieldViolations: [violation] });
  }
  if (retryAfter !== undefined) {
    list.push({ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: `${retryAfter}s` });
  }
  if (details) {
    const value = JSON.parse(JSON.stringify(details)) as JsonObject;
    list.push({ "@type": "type.googleapis.com/google.protobuf.Struct", value });
  }
  return { status, body: { error: { code: status, message, status: statusWord(status), details: list } } };
}

/** One event with the error in place of a response; there is no terminator. */
export function encodeStreamError(rendered: RenderedError): readonly Sse[] {
  return [{ data: JSON.stringify(encodeError(rendered).body) }];
}

/** For an error event nobody has rendered. */
export function encodeRawError(error: ProxyError): JsonObject {
  const status = statusOf(error);
  return encodeError({
    error,
    status,
    code: codeOf(error),
    message: error.message,
    param: error.param,
    requestId: "",
  }).body;
}
