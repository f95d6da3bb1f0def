/** Who is asked, and the same request under another model's name; both without decoding. */
import { ProxyError } from "../../failure/error.ts";
import { type Body, lazyBody } from "../../wire/body.ts";
import { withField } from "../../wire/json-text.ts";
import type { Json } from "../canonical.ts";
import type { Inspection, RetargetOptions } from "../types.ts";
import { kindOf } from "../json.ts";
import { isArray, isObject } from "./values.ts";

/** Throws a `ProxyError` of kind `invalid_request` when the body cannot be a chat completion request. */
export function inspect(_request: Request, body: Body): Inspection {
  const json: Json = body.json;
  if (!isObject(json)) throw invalid(undefined, `The request body must be a JSON object, but it is ${kindOf(json)}.`);
  const { model, stream, messages } = json;
  if (model === undefined || model === "") throw invalid("model", "Missing required parameter: 'model'.");
  if (typeof model !== "string") throw wrongType("model", "a string", model);
  if (stream !== undefined && stream !== null && typeof stream !== "boolean") {
    throw wrongType("stream", "a boolean", stream);
  }
  if (messages === undefined) throw invalid("messages", "Missing required parameter: 'messages'.");
  if (!isArray(messages)) throw wrongType("messages", "an array of objects", messages);
  if (messages.length === 0) throw invalid("messages", "Invalid 'messages': the array must hold at least one message.");
  for (let index = 0; index < messages.length; index++) {
    const message = messages[index]!;
    if (!isObject(message)) throw wrongType(`messages[${index}]`, "an object", message);
    const role = message["role"];
    if (role === undefined) {
      throw invalid(`messages[${index}].role`, `Missing required parameter: 'messages[${index}].role'.`);
    }
    if (typeof role !== "string") throw wrongType(`messages[${index}].role`, "a string", role);
  }
  const options = json["stream_options"];
  const usage = stream === true && isObject(options) && options["include_usage"] === true;
  return { model, stream: stream === true, usage };
}

/** The body with another `model`, and on request with `stream_options.include_usage` when it asks for a stream. */
export function retarget(body: Body, model: string, options: RetargetOptions): Body {
  const named = withModel(body, model);
  if (!options.usage || body.json["stream"] !== true) return named;
  return withField(named, ["stream_options", "include_usage"], true);
}

/** The general edit scans the whole text; the usual body needs only two native searches. */
function withModel(body: Body, model: string): Body {
  const { text } = body;
  const at = text.indexOf(MODEL);
  // One spelling of the key in the text, none escaped: as the body has the field, this is it and not one further in.
  if (at === -1 || text.includes(MODEL, at + 1) || text.includes("\\u")) return withField(body, ["model"], model);
  const value = /\s*:\s*"/y;
  value.lastIndex = at + MODEL.length;
  const start = value.test(text) ? value.lastIndex - 1 : -1;
  const end = text.indexOf('"', start + 1);
  if (start === -1 || end === -1 || text.slice(start, end).includes("\\")) return withField(body, ["model"], model);
  return lazyBody(
    () => text.slice(0, start) + JSON.stringify(model) + text.slice(end + 1),
    () => ({ ...body.json, model }),
  );
}

const MODEL = '"model"';

function wrongType(param: string, expected: string, value: Json): ProxyError {
  return invalid(param, `Invalid type for '${param}': expected ${expected}, but got ${kindOf(value)} instead.`);
}

function invalid(param: string | undefined, message: string): ProxyError {
  return new ProxyError({ kind: "invalid_request", scope: "request", message, param });
}
