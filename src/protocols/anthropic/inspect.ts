/** Who is asked, read without decoding, and refusals of what cannot be a request, in the words of Anthropic's API. */
import { ProxyError } from "../../failure/error.ts";
import type { Body } from "../../wire/body.ts";
import type { Json, JsonObject } from "../canonical.ts";
import type { Inspection } from "../types.ts";
import { isArray, isNumber, isObject, kindOf } from "./values.ts";

/** Throws a `ProxyError` of kind `invalid_request` when the body can be a request of neither route. */
export function inspect(request: Request, body: Body): Inspection {
  const json: Json = body.json;
  if (!isObject(json)) throw invalid(undefined, `The request body must be a JSON object, but it is ${kindOf(json)}.`);
  const { model, stream, thread } = json;
  if (model === undefined || model === null) throw missing("model");
  if (typeof model !== "string") throw wrongType("model", "string", model);
  if (model === "") throw invalid("model", "model: String should have at least 1 character");
  if (stream !== undefined && stream !== null && typeof stream !== "boolean") {
    throw wrongType("stream", "boolean", stream);
  }
  if (!request.url.includes("/count_tokens")) checkLimit(json["max_tokens"]);
  checkMessages(json["messages"]);
  checkLists(json);
  const continues = isObject(thread) && thread["type"] === "continue" ? thread["previous_message_id"] : undefined;
  return {
    model,
    stream: stream === true,
    usage: true,
    ...(isObject(thread) && { keeps: true }),
    ...(typeof continues === "string" && { continues }),
  };
}

function checkLimit(limit: Json | undefined): void {
  if (limit === undefined || limit === null) throw missing("max_tokens");
  if (!isNumber(limit) || !Number.isInteger(limit)) throw wrongType("max_tokens", "integer", limit);
  // 0 fills the cache and generates nothing.
  if (limit < 0) throw invalid("max_tokens", "max_tokens: Input should be greater than or equal to 0");
}

function checkMessages(messages: Json | undefined): void {
  if (messages === undefined || messages === null) throw missing("messages");
  if (!isArray(messages)) throw wrongType("messages", "list", messages);
  if (messages.length === 0) throw invalid("messages", "messages: at least one message is required");
  for (let index = 0; index < messages.length; index++) {
    const message = messages[index]!;
    const place = `messages.${index}`;
    if (!isObject(message)) throw wrongType(place, "object", message);
    const { role, content } = message;
    if (role === undefined) throw missing(`${place}.role`);
    if (typeof role !== "string") throw wrongType(`${place}.role`, "string", role);
    if (content === undefined) throw missing(`${place}.content`);
    if (typeof content === "string") continue;
    if (!isArray(content)) throw wrongType(`${place}.content`, "string or a valid list", content);
    for (let at = 0; at < content.length; at++) checkBlock(content[at]!, `${place}.content.${at}`);
  }
}

function checkBlock(block: Json, place: string): void {
  if (!isObject(block)) throw wrongType(place, "object", block);
  if (typeof block["type"] !== "string") throw missing(`${place}.type`);
}

function checkLists({ system, tools, stop_sequences: stops }: JsonObject): void {
  if (system !== undefined && system !== null && typeof system !== "string" && !isArray(system)) {
    throw wrongType("system", "string or a valid list", system);
  }
  if (tools !== undefined && tools !== null && !isArray(tools)) throw wrongType("tools", "list", tools);
  if (stops !== undefined && stops !== null && !isArray(stops)) throw wrongType("stop_sequences", "list", stops);
}

function missing(param: string): ProxyError {
  return invalid(param, `${param}: Field required`);
}

function wrongType(param: string, expected: string, value: Json): ProxyError {
  const article = /^[aeiou]/.test(expected) ? "an" : "a";
  return invalid(param, `${param}: Input should be ${article} valid ${expected}, but it is ${kindOf(value)}`);
}

export function invalid(param: string | undefined, message: string): ProxyError {
  return new ProxyError({ kind: "invalid_request", scope: "request", message, param });
}
