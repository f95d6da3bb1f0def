/** Who is asked, and the same request under another model's name; both without decoding. */
import type { Body } from "../../wire/body.ts";
import { withField } from "../../wire/json-text.ts";
import type { Json } from "../canonical.ts";
import { invalid, missing, readHead, wrongType } from "../openai-fields.ts";
import { withModel } from "../retarget-model.ts";
import type { Inspection, RetargetOptions } from "../types.ts";
import { checkInput } from "./embedding.ts";
import { isArray, isObject } from "./values.ts";

/** Throws a `ProxyError` of kind `invalid_request` when the body cannot be a request to the route it came by. */
export function inspect(request: Request, body: Body): Inspection {
  const { json, model, stream, usage } = readHead(body.json);
  const { messages } = json;
  if (messages === undefined && isEmbedding(request)) {
    checkInput(json["input"]);
    return { model, stream: false, usage: false };
  }
  if (messages === undefined) throw missing("messages");
  checkMessages(messages);
  return { model, stream, usage };
}

function isEmbedding({ url }: Request): boolean {
  return /\/embeddings\/?(?:[?#]|$)/.test(url);
}

function checkMessages(messages: Json): void {
  if (!isArray(messages)) throw wrongType("messages", "an array of objects", messages);
  if (messages.length === 0) throw invalid("messages", "Invalid 'messages': the array must hold at least one message.");
  for (let index = 0; index < messages.length; index++) {
    const message = messages[index]!;
    if (!isObject(message)) throw wrongType(`messages[${index}]`, "an object", message);
    const role = message["role"];
    if (role === undefined) throw missing(`messages[${index}].role`);
    if (typeof role !== "string") throw wrongType(`messages[${index}].role`, "a string", role);
  }
}

/** The body with another `model`, and on request with `stream_options.include_usage` when it asks for a stream. */
export function retarget(body: Body, model: string, options: RetargetOptions): Body {
  const named = withModel(body, model);
  if (!options.usage || body.json["stream"] !== true) return named;
  return withField(named, ["stream_options", "include_usage"], true);
}
