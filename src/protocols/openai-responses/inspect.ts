/** Who is asked, and what cannot be a request of this protocol; without decoding. */
import type { Body } from "../../wire/body.ts";
import { withField } from "../../wire/json-text.ts";
import type { Json, JsonObject } from "../canonical.ts";
import { invalid, missing, readHead, wrongType } from "../openai-fields.ts";
import { withModel } from "../retarget-model.ts";
import type { Inspection } from "../types.ts";
import { isArray, isNumber, isObject, isText } from "./values.ts";

/** Throws a `ProxyError` of kind `invalid_request` when the body cannot be a request for a response. */
export function inspect(_request: Request, body: Body): Inspection {
  const { json, model, stream } = readHead(body.json);
  const { previous_response_id: previous, conversation } = json;
  if (!isNothing(previous) && typeof previous !== "string") {
    throw wrongType("previous_response_id", "a string", previous);
  }
  if (isText(previous) && !isNothing(conversation)) {
    const message = "Mutually exclusive parameters: provide only one of 'previous_response_id' or 'conversation'.";
    throw invalid("previous_response_id", message);
  }
  checkFields(json);
  checkInput(json);
  return {
    model,
    stream,
    usage: true,
    ...(json["store"] !== false && { keeps: true }),
    ...(isText(previous) && { continues: previous }),
  };
}

/** Tokens the API accepts as a limit at least; it answers a smaller one with an error. */
export const leastTokens = 16;

/** The body with another `model` and a limit the API accepts; the rest of it, byte for byte. */
export function retarget(body: Body, model: string): Body {
  const limit = body.json["max_output_tokens"];
  const named = withModel(body, model);
  return isNumber(limit) && limit < leastTokens ? withField(named, ["max_output_tokens"], leastTokens) : named;
}

function checkFields({ instructions, max_output_tokens: limit, tools }: JsonObject): void {
  if (!isNothing(instructions) && typeof instructions !== "string") {
    throw wrongType("instructions", "a string", instructions);
  }
  if (!isNothing(limit) && typeof limit !== "number") throw wrongType("max_output_tokens", "an integer", limit);
  if (isNothing(tools)) return;
  if (!isArray(tools)) throw wrongType("tools", "an array of objects", tools);
  for (let index = 0; index < tools.length; index++) {
    if (!isObject(tools[index])) throw wrongType(`tools[${index}]`, "an object", tools[index]!);
  }
}

function checkInput(json: JsonObject): void {
  const { input, previous_response_id: previous, prompt, conversation } = json;
  const elsewhere = !isNothing(previous) || !isNothing(prompt) || !isNothing(conversation);
  if (isNothing(input)) {
    if (elsewhere) return;
    const message = "One of 'input', 'previous_response_id', 'prompt' or 'conversation' must be provided.";
    throw invalid("input", message);
  }
  if (typeof input === "string") return;
  if (!isArray(input)) throw wrongType("input", "a string or an array of input items", input);
  if (input.length === 0 && !elsewhere) {
    throw invalid("input", "Invalid 'input': empty array. Expected an array with at least one item.");
  }
  for (let index = 0; index < input.length; index++) checkItem(input[index]!, `input[${index}]`);
}

function checkItem(item: Json, place: string): void {
  if (!isObject(item)) throw wrongType(place, "an object", item);
  const { type, role, content } = item;
  if (!isNothing(type) && typeof type !== "string") throw wrongType(`${place}.type`, "a string", type);
  if (!isNothing(type) && type !== "message") return;
  if (isNothing(role)) throw missing(`${place}.role`);
  if (typeof role !== "string") throw wrongType(`${place}.role`, "a string", role);
  if (isNothing(content)) throw missing(`${place}.content`);
  if (typeof content !== "string" && !isArray(content)) {
    throw wrongType(`${place}.content`, "a string or an array of content parts", content);
  }
}

function isNothing(value: Json | undefined): value is null | undefined {
  return value === undefined || value === null;
}
