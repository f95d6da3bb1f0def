/** Gemini's `Schema`, a subset of OpenAPI 3.0 with types in upper case, as JSON Schema. Source: reference, `Schema`. */
import type { Json, JsonObject } from "../canonical.ts";
import { isArray, isObject } from "./values.ts";

/** Counts, which ProtoJSON writes as texts. */
const counts: ReadonlySet<string> = new Set([
  ...["minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"],
]);

/** Names of properties and values stay as they are; only keywords are rewritten. */
export function jsonSchemaOf(schema: JsonObject): JsonObject {
  const { type, nullable, propertyOrdering: _, example, ...rest } = schema;
  const all: { [key: string]: Json } = {};
  const name = typeof type === "string" && type !== "TYPE_UNSPECIFIED" ? type.toLowerCase() : undefined;
  if (name !== undefined) all["type"] = nullable === true ? [name, "null"] : name;
  for (const [key, value] of Object.entries(rest)) all[key] = keyword(key, value);
  if (example !== undefined) all["examples"] = [example];
  const { enum: values, anyOf } = all;
  if (all["format"] === "enum") delete all["format"];
  if (nullable === true && isArray(values)) all["enum"] = [...values, null];
  if (nullable === true && isArray(anyOf) && name === undefined) all["anyOf"] = [...anyOf, { type: "null" }];
  return all;
}

function keyword(key: string, value: Json): Json {
  if (key === "properties" && isObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, converted(inner)]));
  }
  if (key === "items") return converted(value);
  if (key === "anyOf" && isArray(value)) return value.map(converted);
  if (counts.has(key) && typeof value === "string" && /^\d+$/.test(value)) return Number(value);
  return value;
}

function converted(value: Json): Json {
  return isObject(value) ? jsonSchemaOf(value) : value;
}

/** As `parametersJsonSchema` wants it: an object at the root, and no word about the dialect. */
export function parametersSchema(schema: JsonObject): JsonObject {
  const { $schema: _, ...rest } = schema;
  if ("$ref" in rest || "anyOf" in rest || "oneOf" in rest || "allOf" in rest) return { type: "object", ...rest };
  return { type: "object", properties: {}, ...rest };
}
