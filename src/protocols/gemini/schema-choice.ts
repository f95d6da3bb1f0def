/** `allOf`, `anyOf`, `oneOf` and lists of types, in what `Schema` has: one type, `anyOf` and `nullable`. */
import type { Json, JsonObject } from "../canonical.ts";
import type { Resolve } from "./schema-refs.ts";
import { isArray, isObject, same, without } from "./values.ts";

export function nullable(is: boolean): JsonObject {
  return is ? { nullable: true } : {};
}

/** What `allOf` lists, in the schema itself. */
export function withMergedParts(schema: JsonObject, resolve: Resolve): JsonObject {
  const { allOf, ...rest } = schema;
  if (!isArray(allOf)) return schema;
  return allOf.reduce<JsonObject>((all, part) => {
    // Stays open until the whole schema is left, because what it refers to becomes a part of that.
    return merged(all, withMergedParts(resolve(part).schema, resolve));
  }, rest);
}

function merged(one: JsonObject, other: JsonObject): JsonObject {
  const { properties, required, description } = one;
  const { properties: more, required: needed } = other;
  return {
    ...other,
    ...one,
    ...(isObject(more) && { properties: { ...more, ...(isObject(properties) && properties) } }),
    ...(isArray(needed) && { required: [...(isArray(required) ? required : []), ...needed] }),
    ...(description !== undefined && { description }),
  };
}

/** Alternatives: `null` becomes a flag, constants become one list, and what is left stays `anyOf`. */
export function withAlternatives(
  schema: JsonObject,
  resolve: Resolve,
  reduce: (value: Json) => JsonObject,
): JsonObject {
  const { anyOf, oneOf, ...rest } = schema;
  const listed = isArray(anyOf) ? anyOf : isArray(oneOf) ? oneOf : undefined;
  if (!listed) return rest;
  const others = listed.filter((one) => !isNull(one));
  const flag = others.length < listed.length || rest["nullable"] === true;
  const constants = others.map(constantsOf);
  if (others.length > 0 && constants.every((list) => list !== undefined)) {
    return { ...rest, ...nullable(flag), enum: [...new Set(constants.flat())] };
  }
  const [only] = others;
  if (others.length === 1 && only !== undefined) {
    const whole = withAlternatives(withMergedParts(merged(rest, resolve(only).schema), resolve), resolve, reduce);
    return { ...whole, ...nullable(flag || whole["nullable"] === true) };
  }
  // Alternatives of an object that is described already say which properties go together; that has no keyword.
  if (isObject(rest["properties"])) {
    const optional = others.map((one) => without(withMergedParts(isObject(one) ? one : {}, resolve), ["required"]));
    return { ...optional.reduce(merged, rest), ...nullable(flag) };
  }
  const branches = others.map(reduce).filter((one, at, all) => all.findIndex((other) => same(one, other)) === at);
  const single = branches.length === 1 ? branches[0] : undefined;
  if (single) return { ...single, ...rest, ...nullable(flag) };
  return branches.length === 0 ? { ...rest, ...nullable(flag) } : { ...rest, ...nullable(flag), anyOf: branches };
}

function isNull(schema: Json): boolean {
  return isObject(schema) && (schema["type"] === "null" || (schema["const"] === null && "const" in schema));
}

function constantsOf(schema: Json): readonly Json[] | undefined {
  if (!isObject(schema)) return undefined;
  if (schema["const"] !== undefined) return [schema["const"]];
  return isArray(schema["enum"]) ? schema["enum"] : undefined;
}

/** Keywords that say something about values of one type only. */
const about: { readonly [type: string]: readonly string[] } = {
  object: ["properties", "required", "additionalProperties", "minProperties", "maxProperties"],
  array: ["items", "prefixItems", "minItems", "maxItems"],
  string: ["pattern", "format", "minLength", "maxLength", "enum"],
  number: ["minimum", "maximum"],
  integer: ["minimum", "maximum"],
  boolean: [],
};

/** A list of types becomes one type, or alternatives of one type each. */
export function withOneType(schema: JsonObject, reduce: (value: Json) => JsonObject): JsonObject {
  const { type, ...rest } = schema;
  if (typeof type === "string") {
    const name = type.toLowerCase();
    return name === "null" ? { ...rest, type: "string", nullable: true } : { ...rest, type: name };
  }
  if (!isArray(type)) return schema;
  const types = type.filter((one) => typeof one === "string" && one !== "null") as string[];
  const flag = nullable(types.length < type.length || rest["nullable"] === true);
  const [only = "string"] = types;
  if (types.length <= 1) return { ...rest, ...flag, type: only };
  const special = Object.values(about).flat();
  const anyOf = types.map((name) => {
    const own = Object.entries(rest).filter(([key]) => about[name]?.includes(key));
    return reduce({ type: name, ...Object.fromEntries(own) });
  });
  return { ...without(rest, special), ...flag, anyOf };
}
