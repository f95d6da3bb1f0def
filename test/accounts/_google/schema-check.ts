/** Keywords of JSON Schema that the service's own form of schemas does not have. */
import { type Fields, isFields, listOf } from "./types.ts";

const allowed: ReadonlySet<string> = new Set([
  ...["type", "format", "title", "description", "nullable", "enum", "items", "maxItems", "minItems", "properties"],
  ...["required", "minProperties", "maxProperties", "minLength", "maxLength", "pattern", "example", "anyOf"],
  ...["propertyOrdering", "default", "minimum", "maximum"],
]);

/** `place: Cannot find field.` of the first that is none; `undefined` when all are known. */
export function unknownKeyword(
  schema: unknown,
  place: string,
): { readonly field: string; readonly name: string } | undefined {
  if (!isFields(schema)) return undefined;
  for (const [name, value] of Object.entries(schema)) {
    if (!allowed.has(name)) return { field: place, name };
    const inner = children(name, value)
      .map(([each, at]) => unknownKeyword(each, `${place}.${at}`))
      .find((found) => found !== undefined);
    if (inner) return inner;
  }
  if (Array.isArray(schema["type"])) return { field: place, name: "type" };
  if (listOf(schema["enum"]).some((each) => typeof each !== "string")) return { field: place, name: "enum" };
  return undefined;
}

function children(name: string, value: unknown): readonly (readonly [unknown, string])[] {
  if (name === "items") return [[value, "items"]];
  if (name === "anyOf") return listOf(value).map((each, at) => [each, `any_of[${at}]`] as const);
  if (name !== "properties" || !isFields(value)) return [];
  return Object.entries(value as Fields).map(([key, each]) => [each, `properties[${key}]`] as const);
}
