/** Embeddings. Source: Gemini API reference, `models.embedContent` and `models.batchEmbedContents`. */
import { jsonBody } from "../../wire/body.ts";
import type { Json, JsonObject } from "../canonical.ts";
import { loseForeign } from "../meta.ts";
import type { EmbedAnswer, EmbedCodec, EmbedRequest } from "../types.ts";
import { unsupported } from "../unsupported.ts";
import { retargetEmbed } from "./inspect.ts";
import { camelCasedObject, maySnake } from "./spelling.ts";
import { resourceName, targetOf } from "./target.ts";
import { decodeUsage, encodeUsage } from "./usage.ts";
import { defined, isArray, isNumber, isObject, listOf, ownMeta, protocolId, readMeta, same } from "./values.ts";

export const embedding: EmbedCodec = {
  retarget: retargetEmbed,
  decodeRequest(body, request) {
    const json = maySnake(body.text) ? camelCasedObject(body.json) : body.json;
    const list = json["requests"] === undefined ? [json] : listOf(json["requests"]).filter(isObject);
    const inputs = list.map((one, at) => textOf(one["content"], at));
    const options = list.map(optionsOf);
    const [first = {}] = options;
    const { outputDimensionality: dimensions, taskType, title, ...rest } = first;
    // Only this protocol can ask for something else with every text.
    const needs: JsonObject = options.every((one) => same(one, first)) ? {} : { requests: options };
    return {
      model: targetOf(request.url).model,
      inputs,
      ...(isNumber(dimensions) && { dimensions }),
      ...(typeof taskType === "string" && { taskType }),
      ...(typeof title === "string" && { title }),
      ...ownMeta(rest, {}, {}, needs),
    };
  },
  encodeRequest(request, lose) {
    loseForeign(request.meta, protocolId, lose);
    const { rest } = readMeta(request.meta);
    const { requests, ...common } = rest;
    const each = isArray(requests) ? requests.filter(isObject) : [];
    const list = request.inputs.map((input, at) => ({
      model: resourceName(request.model),
      content: { parts: [{ text: plainText(input) }] },
      ...(each[at] ?? { ...common, ...encodeOptions(request) }),
    }));
    const [only] = list;
    if (only && list.length === 1) return { body: jsonBody(only), operation: "embed" };
    return { body: jsonBody({ requests: list }), operation: "embed-batch" };
  },
  decodeAnswer(json): EmbedAnswer | undefined {
    const { embedding: single, embeddings } = camelCasedObject(json);
    const list = single === undefined ? embeddings : [single];
    if (!isArray(list)) return undefined;
    const vectors = list.map(valuesOf);
    if (!vectors.every((vector) => vector !== undefined)) return undefined;
    const usage = decodeUsage(camelCasedObject(json)["usageMetadata"]);
    return { vectors, ...(usage && { usage }) };
  },
  encodeAnswer({ vectors, usage }, _request, operation) {
    const counts: JsonObject = usage ? { usageMetadata: encodeEmbedUsage(usage.input, encodeUsage(usage)) } : {};
    const [first = []] = vectors;
    if (operation === "embed") return { embedding: { values: first }, ...counts };
    return { embeddings: vectors.map((values) => ({ values })), ...counts };
  },
};

/** Vectors have no tokens of their own. */
function encodeEmbedUsage(input: number | undefined, counts: JsonObject): JsonObject {
  return { promptTokenCount: input ?? 0, totalTokenCount: counts["totalTokenCount"] ?? input ?? 0 };
}

function optionsOf(request: JsonObject): JsonObject {
  const { model: _, content: __, ...options } = request;
  return options;
}

function encodeOptions({ dimensions, taskType, title }: EmbedRequest): JsonObject {
  return defined({ outputDimensionality: dimensions, taskType, title });
}

/** Throws a `ProxyError` with the code `unsupported_feature` for anything but text. */
function textOf(content: Json | undefined, at: number): string {
  const parts = isObject(content) ? listOf(content["parts"]) : [];
  return parts
    .map((part) => {
      if (isObject(part) && typeof part["text"] === "string") return part["text"];
      throw unsupported(`requests[${at}].content.parts`, "only texts can be embedded in another protocol's way.");
    })
    .join("\n");
}

function plainText(input: string | readonly number[]): string {
  if (typeof input === "string") return input;
  throw unsupported("input", `${protocolId} embeds texts and not lists of tokens.`);
}

function valuesOf(value: Json): readonly number[] | undefined {
  const values = isObject(value) ? value["values"] : undefined;
  return isArray(values) && values.every(isNumber) ? values : undefined;
}
