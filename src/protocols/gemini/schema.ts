/**
 * JSON Schema reduced to Gemini's `Schema`, for services and models that know no other. What has no keyword there is
 * put into words, in the description. Source: Gemini API reference, `Schema`.
 */
import type { Json, JsonObject } from "../canonical.ts";
import { nullable, withAlternatives, withMergedParts, withOneType } from "./schema-choice.ts";
import { createResolver, type Resolve } from "./schema-refs.ts";
import { hinted, withEnum, withFormat, withLimits } from "./schema-values.ts";
import { isArray, isEmpty, isObject } from "./values.ts";

/** The keywords that stay where they are, with their values. */
const kept = [
  ...["type", "format", "description", "nullable", "enum", "minimum", "maximum", "pattern"],
  ...["minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"],
];

/** The schema of a function's parameters or of an answer: always of an object when `root` is not false. */
export function openApiSchema(schema: JsonObject, root = true): JsonObject {
  const clean = reduce(schema, createResolver(schema));
  return root ? asObject(clean) : clean;
}

function reduce(schema: Json | undefined, resolve: Resolve): JsonObject {
  const { schema: found, leave } = resolve(schema);
  const inner = (value: Json | undefined): JsonObject => reduce(value, resolve);
  const merged = withMergedParts(found, resolve);
  const single = withOneType(withAlternatives(merged, resolve, inner), inner);
  const clean = finish(withLimits(withFormat(withEnum(single))), inner);
  leave();
  return clean;
}

function finish(schema: JsonObject, inner: (value: Json | undefined) => JsonObject): JsonObject {
  if (isArray(schema["anyOf"])) {
    const { anyOf, description } = schema;
    const texts: JsonObject = typeof description === "string" ? { description } : {};
    return hinted({ ...texts, ...nullable(schema["nullable"] === true), anyOf }, schema);
  }
  const type = typeof schema["type"] === "string" ? schema["type"] : typeFrom(schema);
  const clean: { [key: string]: Json } = { type };
  for (const key of kept) {
    const value = schema[key];
    if (key !== "type" && value !== undefined && value !== null) clean[key] = value;
  }
  if (type === "array") {
    const { items, prefixItems } = schema;
    const first = isArray(items) ? items[0] : (items ?? (isArray(prefixItems) ? prefixItems[0] : undefined));
    clean["items"] = first === undefined || first === true ? { type: "string" } : inner(first);
  }
  if (type === "object") Object.assign(clean, objectFields(schema, inner));
  return hinted(clean, schema);
}

function objectFields(schema: JsonObject, inner: (value: Json | undefined) => JsonObject): JsonObject {
  const { properties, required, propertyOrdering } = schema;
  if (!isObject(properties)) return {};
  const own = Object.entries(properties).filter(([, value]) => value !== false);
  const names = own.map(([name]) => name);
  const wanted = [
    ...(isArray(required) ? required : []),
    // Draft 3 of JSON Schema, which some generators still write, says it in the property.
    ...own.filter(([, value]) => isObject(value) && value["required"] === true).map(([name]) => name),
  ];
  const all = [...new Set(wanted)].filter((name) => typeof name === "string" && names.includes(name));
  const order = isArray(propertyOrdering) ? propertyOrdering.filter((name) => names.includes(String(name))) : [];
  return {
    properties: Object.fromEntries(own.map(([name, value]) => [name, inner(value)])),
    ...(all.length > 0 && { required: all }),
    ...(order.length > 0 && { propertyOrdering: order }),
  };
}

function typeFrom(schema: JsonObject): string {
  if (isObject(schema["properties"]) || schema["additionalProperties"] !== undefined) return "object";
  return schema["items"] !== undefined || isArray(schema["prefixItems"]) ? "array" : "string";
}

/** A root that offers several objects becomes one that has all their properties. */
function asObject(schema: JsonObject): JsonObject {
  if (schema["type"] === "object") return schema;
  const branches = isArray(schema["anyOf"]) ? schema["anyOf"].filter(isObject) : [];
  const properties = branches.reduce<JsonObject>(
    (all, { properties: own }) => ({ ...all, ...(isObject(own) && own) }),
    {},
  );
  const { description } = schema;
  return {
    type: "object",
    ...(typeof description === "string" && { description }),
    ...(!isEmpty(properties) && { properties }),
  };
}
