/** Constants, limits and formats in what `Schema` has for them; the rest in words. */
import type { Json, JsonObject } from "../canonical.ts";
import { isArray, isNumber, isObject } from "./values.ts";

/** Remarks for the description gather under this key until the end. */
const hints = "~hints";

function hint(schema: JsonObject, text: string): JsonObject {
  const before = isArray(schema[hints]) ? schema[hints] : [];
  return { ...schema, [hints]: [...before, text] };
}

/** `enum` is a list of texts there. Numbers and booleans are put into words. */
export function withEnum(schema: JsonObject): JsonObject {
  const { const: constant, enum: listed, ...rest } = schema;
  const values = constant !== undefined ? [constant] : isArray(listed) ? listed : undefined;
  if (!values) return rest;
  const given = values.filter((value) => value !== null && value !== "");
  const flag: JsonObject = values.includes(null) ? { nullable: true } : {};
  const type = rest["type"] ?? typeOf(given);
  const texts = given.filter((value) => typeof value !== "object").map(String);
  if (type !== "string") return hint({ ...rest, ...flag, type }, `Allowed: ${given.map(shown).join(", ")}`);
  const listedTexts: JsonObject = texts.length > 0 ? { enum: [...new Set(texts)] } : {};
  return { ...rest, ...flag, type, ...listedTexts };
}

/** The one type of all values, else text. */
function typeOf(values: readonly Json[]): string {
  const kinds = new Set(values.map(kind));
  const [only] = kinds;
  return kinds.size === 1 && only !== undefined ? only : "string";
}

function kind(value: Json): string {
  if (isArray(value)) return "array";
  if (isNumber(value)) return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

function shown(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

const formats: { readonly [type: string]: readonly string[] } = {
  string: ["enum", "date-time"],
  number: ["float", "double"],
  integer: ["int32", "int64"],
};

export function withFormat(schema: JsonObject): JsonObject {
  const { format, ...rest } = schema;
  if (typeof format !== "string") return rest;
  const type = typeof rest["type"] === "string" ? rest["type"] : "string";
  return formats[type]?.includes(format) ? schema : hint(rest, `Format: ${format}`);
}

/** Keywords without a counterpart that restrict the value, put into words. */
const worded = ["exclusiveMinimum", "exclusiveMaximum", "multipleOf", "uniqueItems", "patternProperties"];

export function withLimits(schema: JsonObject): JsonObject {
  let limited = schema;
  for (const key of worded) {
    const { [key]: value, ...rest } = limited;
    if (value === undefined || value === false) continue;
    limited = inclusive(rest, key, value) ?? hint(rest, `${key}: ${JSON.stringify(value)}`);
  }
  const { additionalProperties: values } = limited;
  if (isObject(values) && Object.keys(values).length > 0) {
    const text = JSON.stringify(values);
    return hint(limited, text.length > 200 ? "Other names are allowed." : `Values of other names: ${text}`);
  }
  return limited;
}

/** For whole numbers the next one is the limit. */
function inclusive(schema: JsonObject, key: string, value: Json): JsonObject | undefined {
  if (schema["type"] !== "integer" || !isNumber(value) || !Number.isInteger(value)) return undefined;
  if (key === "exclusiveMinimum")
    return { ...schema, minimum: Math.max(value + 1, numberOr(schema["minimum"], -Infinity)) };
  if (key === "exclusiveMaximum")
    return { ...schema, maximum: Math.min(value - 1, numberOr(schema["maximum"], Infinity)) };
  return undefined;
}

function numberOr(value: Json | undefined, other: number): number {
  return isNumber(value) ? value : other;
}

/** The cleaned schema with the remarks of the raw one at the end of its description. */
export function hinted(clean: JsonObject, raw: JsonObject): JsonObject {
  const texts = raw[hints];
  if (!isArray(texts)) return clean;
  const { description } = clean;
  const before = typeof description === "string" && description !== "" ? [description] : [];
  return { ...clean, description: [...before, ...texts].join("\n") };
}
