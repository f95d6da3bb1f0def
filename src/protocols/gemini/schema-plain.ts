/**
 * Gemini's `Schema` for models that take no alternatives and no limits, as those of other makers behind Google's services.
 * What is left out is put into words.
 */
import type { Json, JsonObject } from "../canonical.ts";
import { openApiSchema } from "./schema.ts";
import { isArray, isObject } from "./values.ts";

/** Limits of values; in the description they still help. */
const limits = [
  ...["minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"],
  ...["minimum", "maximum", "pattern", "format"],
];

/** The arguments of a function; always an object. */
export function plainSchema(schema: JsonObject): JsonObject {
  return plain(openApiSchema(schema));
}

function plain(schema: JsonObject): JsonObject {
  const { anyOf, properties, items, required, propertyOrdering: _, ...rest } = schema;
  if (isArray(anyOf)) return chosen(anyOf.filter(isObject), rest);
  const fields: { [key: string]: Json } = {};
  const hints: string[] = [];
  for (const [key, value] of Object.entries(rest)) {
    if (limits.includes(key)) hints.push(`${key}: ${typeof value === "string" ? value : JSON.stringify(value)}`);
    else fields[key] = value;
  }
  if (isObject(properties)) {
    fields["properties"] = Object.fromEntries(
      Object.entries(properties).map(([name, one]) => [name, isObject(one) ? plain(one) : one]),
    );
    // What may be null may as well be left out, which every model understands.
    const needed = (isArray(required) ? required : []).filter((name) => !isNullable(properties[String(name)]));
    if (needed.length > 0) fields["required"] = needed;
  }
  if (isObject(items)) fields["items"] = plain(items);
  return withHints(fields, hints);
}

function isNullable(schema: Json | undefined): boolean {
  return isObject(schema) && schema["nullable"] === true;
}

const ranks: { readonly [type: string]: number } = { object: 3, array: 2 };

/** The alternative that says most, and the types of all. */
function chosen(branches: readonly JsonObject[], beside: JsonObject): JsonObject {
  const [first = { type: "string" }, ...others] = branches;
  const rank = ({ type }: JsonObject): number => ranks[String(type)] ?? 1;
  const best = others.reduce((one, other) => (rank(other) > rank(one) ? other : one), first);
  const types = [...new Set(branches.map(({ type }) => String(type)))];
  return withHints({ ...plain(best), ...beside }, [...(types.length > 1 ? [`Accepts: ${types.join(" | ")}`] : [])]);
}

function withHints(schema: JsonObject, hints: readonly string[]): JsonObject {
  if (hints.length === 0) return schema;
  const { description } = schema;
  const before = typeof description === "string" && description !== "" ? [description] : [];
  return { ...schema, description: [...before, ...hints].join("\n") };
}
