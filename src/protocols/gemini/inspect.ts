/** Who is asked, and the same request under another model's name; both without decoding. */
import { ProxyError } from "../../failure/error.ts";
import type { Body } from "../../wire/body.ts";
import { withEachField, withField } from "../../wire/json-text.ts";
import type { Json, JsonObject } from "../canonical.ts";
import type { Inspection } from "../types.ts";
import { withStandInsInText } from "./sentinel.ts";
import { resourceName, targetOf } from "./target.ts";
import { isArray, isObject, kindOf, listOf } from "./values.ts";

/** Throws a `ProxyError` of kind `invalid_request` when the body cannot be one of the method in the path. */
export function inspect(request: Request, body: Body): Inspection {
  const json: Json = body.json;
  if (!isObject(json))
    throw invalid(undefined, `Invalid JSON payload received. Expected an object, but it is ${kindOf(json)}.`);
  const { model, verb } = targetOf(request.url);
  if (model === "") throw invalid("model", "* GenerateContentRequest.model: model is not specified");
  checkers[verb]?.(json);
  const stream = verb === "streamGenerateContent";
  const framed = stream && new URL(request.url).searchParams.get("alt") !== "sse";
  return { model, stream, usage: true, ...(framed && { framing: "json-array" as const }) };
}

const checkers: { readonly [verb: string]: (json: JsonObject) => void } = {
  generateContent: checkGenerate,
  streamGenerateContent: checkGenerate,
  countTokens(json) {
    const asked = json["generateContentRequest"] ?? json["generate_content_request"];
    if (asked !== undefined && !isObject(asked)) throw wrongType("generateContentRequest", "an object", asked);
    if (isObject(asked)) checkGenerate(asked);
    else checkGenerate(json, "CountTokensRequest");
  },
  embedContent: (json) => checkContent(json["content"], "EmbedContentRequest.content", "content"),
  batchEmbedContents(json) {
    const requests = listOf(json["requests"]);
    if (requests.length === 0) throw missing("BatchEmbedContentsRequest.requests", "requests");
    requests.forEach((one, at) => {
      if (!isObject(one)) throw wrongType(`requests[${at}]`, "an object", one);
      checkContent(one["content"], `BatchEmbedContentsRequest.requests[${at}].content`, `requests[${at}].content`);
    });
  },
};

/** Objects that may be there, under both spellings. */
const objects = [...["generationConfig", "generation_config", "toolConfig", "tool_config"]];

function checkGenerate(json: JsonObject, message = "GenerateContentRequest"): void {
  const { contents } = json;
  if (contents === undefined || contents === null) throw missing(`${message}.contents`, "contents");
  if (!isArray(contents) && !isObject(contents)) throw wrongType("contents", "a list of contents", contents);
  const list = listOf(contents);
  if (list.length === 0) throw missing(`${message}.contents`, "contents");
  list.forEach((content, at) => {
    checkContent(content, `${message}.contents[${at}]`, `contents[${at}]`);
    const role = isObject(content) ? content["role"] : undefined;
    if (role === undefined || role === null || role === "") return;
    if (typeof role !== "string") throw wrongType(`contents[${at}].role`, "a string", role);
    if (!roles.has(role)) throw invalid(`contents[${at}].role`, "Please use a valid role: user, model.");
  });
  for (const key of objects) {
    const value = json[key];
    if (value !== undefined && value !== null && !isObject(value)) throw wrongType(key, "an object", value);
  }
  const { tools } = json;
  if (tools !== undefined && tools !== null && !isArray(tools) && !isObject(tools)) {
    throw wrongType("tools", "a list of tools", tools);
  }
}

const roles: ReadonlySet<string> = new Set(["user", "model", "function"]);

function checkContent(content: Json | undefined, message: string, field: string): void {
  if (content === undefined || content === null) throw missing(message, field);
  if (!isObject(content)) throw wrongType(field, "a content with parts", content);
  const parts = listOf(content["parts"]);
  if (parts.length === 0) throw invalid(`${field}.parts`, `* ${message}.parts: contents.parts must not be empty.`);
  parts.forEach((part, at) => {
    if (!isObject(part)) throw wrongType(`${field}.parts[${at}]`, "an object", part);
  });
}

/** The body with another name wherever it names the model, and with what that model asks of a client's history. */
export function retarget(body: Body, model: string): Body {
  const named = body.json["model"] === undefined ? body : withField(body, ["model"], resourceName(model));
  return withStandInsInText(named, model);
}

/** The same for counting, where the model stands one level further in. */
export function retargetCount(body: Body, model: string): Body {
  const asked = body.json["generateContentRequest"] ?? body.json["generate_content_request"];
  if (!isObject(asked)) return retarget(body, model);
  const key = body.json["generateContentRequest"] === undefined ? "generate_content_request" : "generateContentRequest";
  return withField(body, [key, "model"], resourceName(model));
}

/** The same for embeddings, where every text of a batch names the model. */
export function retargetEmbed(body: Body, model: string): Body {
  const name = JSON.stringify(resourceName(model));
  const each = withEachField(body, ["requests", "*", "model"], () => name);
  return each.json["model"] === undefined ? each : withField(each, ["model"], resourceName(model));
}

function missing(message: string, field: string): ProxyError {
  return invalid(field, `* ${message}: ${field.split(".").at(-1)} is not specified`);
}

function wrongType(field: string, expected: string, value: Json): ProxyError {
  return invalid(field, `Invalid value at '${field}': expected ${expected}, but got ${kindOf(value)} instead.`);
}

export function invalid(param: string | undefined, message: string): ProxyError {
  return new ProxyError({ kind: "invalid_request", scope: "request", message, param });
}
