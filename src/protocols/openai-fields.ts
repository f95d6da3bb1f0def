/** The fields all of OpenAI's requests begin with, and its words for wrong ones. */
import { ProxyError } from "../failure/error.ts";
import type { Json, JsonObject } from "./canonical.ts";
import { isObject, kindOf } from "./json.ts";

export interface Head {
  readonly json: JsonObject;
  readonly model: string;
  readonly stream: boolean;
  /** Usage was asked for in the stream. */
  readonly usage: boolean;
}

/** Throws a `ProxyError` of kind `invalid_request`, with `param`, for a body without a model and the like. */
export function readHead(json: Json): Head {
  if (!isObject(json)) throw invalid(undefined, `The request body must be a JSON object, but it is ${kindOf(json)}.`);
  const { model, stream, stream_options: options } = json;
  if (model === undefined || model === "") throw missing("model");
  if (typeof model !== "string") throw wrongType("model", "a string", model);
  if (stream !== undefined && stream !== null && typeof stream !== "boolean") {
    throw wrongType("stream", "a boolean", stream);
  }
  const usage = stream === true && isObject(options) && options["include_usage"] === true;
  return { json, model, stream: stream === true, usage };
}

export function missing(param: string): ProxyError {
  return invalid(param, `Missing required parameter: '${param}'.`);
}

export function wrongType(param: string, expected: string, value: Json): ProxyError {
  return invalid(param, `Invalid type for '${param}': expected ${expected}, but got ${kindOf(value)} instead.`);
}

export function invalid(param: string | undefined, message: string): ProxyError {
  return new ProxyError({ kind: "invalid_request", scope: "request", message, param });
}
