/** Errors: found inside answers with a success status, and written as this protocol's last events. */
import type { ProxyError } from "../../failure/error.ts";
import type { Sse } from "../../wire/sse.ts";
import type { JsonObject } from "../canonical.ts";
import { encodeError, encodeRawError } from "../openai-errors.ts";
import type { RenderedError } from "../types.ts";
import { isArray, isEmpty, isObject, isText } from "./values.ts";

/** True for a whole body that is no answer though the status said success. */
export function isFailure(body: JsonObject): boolean {
  const { error, status, type, output } = body;
  if (isText(error) || (isObject(error) && !isEmpty(error))) return true;
  return type === "error" || status === "failed" || status === "cancelled" || !isArray(output);
}

const failures: ReadonlySet<string> = new Set(["error", "response.failed", "response.cancelled"]);

/** True for a message that ends a stream as a failure; servers in front of the API send a bare `error` object. */
export function endsBadly(type: string, message: JsonObject): boolean {
  if (failures.has(type)) return true;
  return type === "" && (isText(message["error"]) || isObject(message["error"]));
}

/**
 * What follows the last event of a stream nobody has counted. Clients put events into the order of their numbers, and
 * the failure is the last: the highest number that every client can read.
 */
const last = 2_147_483_646;

/**
 * Both forms in which the API says that a stream has failed: OpenAI's clients raise on `error`, others wait for a
 * response that has an end (OpenAI API reference, "error" and "response.failed").
 */
export function encodeStreamError(rendered: RenderedError): readonly Sse[] {
  const { message, code, requestId } = rendered;
  const response = {
    id: `resp_${requestId.replace(/\W/g, "")}`,
    object: "response",
    created_at: 0,
    status: "failed",
    error: { code, message },
    incomplete_details: null,
    output: [],
    usage: null,
  };
  return failureEvents(encodeError(rendered).body, response, last);
}

/** For an error event nobody has rendered. */
export function encodeFailure(error: ProxyError, response: JsonObject, sequence: number): readonly Sse[] {
  const body = encodeRawError(error);
  const { code, message } = isObject(body["error"]) ? body["error"] : {};
  const failed = { ...response, status: "failed", error: { code: code ?? "upstream_error", message: message ?? "" } };
  return failureEvents(body, failed, sequence);
}

function failureEvents(body: JsonObject, response: JsonObject, sequence: number): readonly Sse[] {
  const error = isObject(body["error"]) ? body["error"] : {};
  const { code = null, message = "", param = null } = error;
  // The reference has the fields in the event itself, the service sends them in an object of their own.
  const flat = { type: "error", sequence_number: sequence, code, message, param, error };
  const failed = { type: "response.failed", sequence_number: sequence + 1, response };
  return [
    { event: "error", data: JSON.stringify(flat) },
    { event: "response.failed", data: JSON.stringify(failed) },
  ];
}
