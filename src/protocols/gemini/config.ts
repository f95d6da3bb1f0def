/** `generationConfig`. Source: Gemini API reference, `GenerationConfig`. */
import type { GenerateRequest, Json, JsonObject } from "../canonical.ts";
import type { Emit, Loss } from "../types.ts";
import { jsonSchemaOf } from "./json-schema.ts";
import { takesJsonSchema } from "./model.ts";
import { openApiSchema } from "./schema.ts";
import { decodeThinking, encodeThinking } from "./thinking.ts";
import { defined, isArray, isEmpty, isNumber, isObject, same, without } from "./values.ts";

type Format = NonNullable<GenerateRequest["format"]>;

/** The canonical fields by their names here. */
const numbers = {
  maxTokens: "maxOutputTokens",
  temperature: "temperature",
  topP: "topP",
  topK: "topK",
  seed: "seed",
  presencePenalty: "presencePenalty",
  frequencyPenalty: "frequencyPenalty",
  choices: "candidateCount",
} as const;

export interface DecodedConfig {
  readonly fields: Partial<GenerateRequest>;
  /** What the canonical form has no word for. */
  readonly rest: JsonObject;
  readonly form: JsonObject;
}

export function decodeConfig(config: JsonObject): DecodedConfig {
  const fields: { -readonly [Key in keyof GenerateRequest]?: GenerateRequest[Key] } = {};
  const form: { [key: string]: Json } = {};
  const taken: string[] = [];
  for (const [key, name] of Object.entries(numbers)) {
    const value = config[name];
    if (!isNumber(value)) continue;
    fields[key as keyof typeof numbers] = value;
    taken.push(name);
  }
  const { stopSequences: stop, thinkingConfig } = config;
  if (isArray(stop) && stop.every((one) => typeof one === "string")) {
    fields.stop = stop;
    taken.push("stopSequences");
  }
  const thinking = isObject(thinkingConfig) ? decodeThinking(thinkingConfig) : undefined;
  if (isObject(thinkingConfig) && thinking?.reasoning) {
    fields.reasoning = thinking.reasoning;
    form["thinkingConfig"] = thinkingConfig;
    taken.push("thinkingConfig");
  }
  const written = formatFields(config);
  const format = decodeFormat(written);
  if (format) {
    fields.format = format;
    form["format"] = written;
    taken.push(...Object.keys(written));
  }
  return { fields, rest: without(config, taken), form };
}

const formatKeys = ["responseMimeType", "responseSchema", "responseJsonSchema", "_responseJsonSchema"];

function formatFields(config: JsonObject): JsonObject {
  return defined(Object.fromEntries(formatKeys.map((key) => [key, config[key]])));
}

/** `undefined` for plain text and for types the canonical form does not know, like one word of a list. */
function decodeFormat(config: JsonObject): Format | undefined {
  if (config["responseMimeType"] !== "application/json") return undefined;
  const { responseSchema, responseJsonSchema, _responseJsonSchema } = config;
  const json = responseJsonSchema ?? _responseJsonSchema;
  if (isObject(json)) return { type: "json", schema: json };
  return { type: "json", ...(isObject(responseSchema) && { schema: jsonSchemaOf(responseSchema) }) };
}

/** `kept` and `form` are what `decodeConfig` set aside. */
export function encodeConfig(
  request: GenerateRequest,
  { kept, form, own, lose }: { kept: JsonObject; form: JsonObject; own: boolean; lose: Emit<Loss> },
): JsonObject {
  const { reasoning, format, stop, model } = request;
  const values = Object.entries(numbers).map(([key, name]): [string, Json | undefined] => {
    return [name, own ? request[key as keyof typeof numbers] : fitting(name, request[key as keyof typeof numbers])];
  });
  return {
    ...kept,
    ...defined(Object.fromEntries(values)),
    ...defined({
      stopSequences: stop && (own ? stop : fewStops(stop, lose)),
      thinkingConfig: reasoning && (keptThinking(reasoning, form) ?? encodeThinking(reasoning, model, lose)),
    }),
    ...(format && (keptFormat(format, form) ?? encodeFormat(format, model))),
  };
}

/** Seeds are 32 bits wide here; the same seed must always give the same one. */
function fitting(name: string, value: number | undefined): number | undefined {
  return name === "seed" && value !== undefined ? Math.trunc(value) | 0 : value;
}

/** The reference allows five, and none may be empty. */
function fewStops(stop: readonly string[], lose: Emit<Loss>): readonly string[] | undefined {
  const texts = stop.filter((text) => text !== "");
  if (texts.length > 5) lose({ what: `${texts.length - 5} of ${texts.length} stop sequences`, where: "stop" });
  return texts.length > 0 ? texts.slice(0, 5) : undefined;
}

/** The client's own words as long as they still mean what is asked. */
function keptThinking(reasoning: NonNullable<GenerateRequest["reasoning"]>, form: JsonObject): JsonObject | undefined {
  const raw = form["thinkingConfig"];
  return isObject(raw) && same(decodeThinking(raw).reasoning, reasoning) ? raw : undefined;
}

function keptFormat(format: Format, form: JsonObject): JsonObject | undefined {
  const raw = form["format"];
  return isObject(raw) && same(decodeFormat(raw), format) ? raw : undefined;
}

function encodeFormat({ schema }: Format, model: string): JsonObject {
  const type = { responseMimeType: "application/json" };
  if (!schema) return type;
  if (!takesJsonSchema(model)) return { ...type, responseSchema: openApiSchema(schema, false) };
  return { ...type, responseJsonSchema: without(schema, ["$schema"]) };
}

/** Fields that only name what is the default, or steer how and not what. */
export function isHint(field: string, value: Json): boolean {
  if (field === "responseModalities") return isArray(value) && value.every((one) => one === "TEXT");
  if (field === "responseMimeType") return value === "text/plain";
  return field === "mediaResolution" || value === false || value === null || (isObject(value) && isEmpty(value));
}

/** Fields without which the answer would be another than was asked for. */
export function isNeed(field: string, value: Json): boolean {
  return field === "responseModalities" && isArray(value) && value.some((one) => one !== "TEXT");
}
