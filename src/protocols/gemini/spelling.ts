/**
 * Google's services read every field in camelCase and in snake_case (ProtoJSON). Here everything is brought to
 * camelCase; what is free-form, like arguments of tools, stays as it is.
 */
import type { Json, JsonObject } from "../canonical.ts";
import { isArray, isObject } from "./values.ts";

/** Objects whose keys are somebody else's. */
const freeForm: ReadonlySet<string> = new Set([
  ...["args", "response", "parametersJsonSchema", "responseJsonSchema", "_responseJsonSchema", "default", "example"],
  ...["labels", "partMetadata", "metadata"],
]);

/** True when a text may hold a field in snake_case: one native search, so that usual texts cost nothing more. */
export function maySnake(text: string): boolean {
  return /"[a-z]+_[a-z_]+"\s*:/.test(text);
}

/** The value with the names of its fields in camelCase; the value itself when they are. */
export function camelCased(value: Json): Json {
  if (isArray(value)) {
    const items = value.map(camelCased);
    return items.every((item, at) => item === value[at]) ? value : items;
  }
  if (!isObject(value)) return value;
  let changed = false;
  const entries = Object.entries(value).map(([key, item]): [string, Json] => {
    const name = camelKey(key);
    const kept = freeForm.has(name) ? item : name === "properties" ? eachValue(item) : camelCased(item);
    changed ||= name !== key || kept !== item;
    return [name, kept];
  });
  return changed ? Object.fromEntries(entries) : value;
}

/** The same for a request or an answer. */
export function camelCasedObject(value: JsonObject): JsonObject {
  return camelCased(value) as JsonObject;
}

function camelKey(key: string): string {
  if (key.startsWith("_") || !key.includes("_")) return key;
  return key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** The properties of a schema are named by whoever wrote it. */
function eachValue(properties: Json): Json {
  if (!isObject(properties)) return properties;
  const entries = Object.entries(properties).map(([key, item]): [string, Json] => [key, camelCased(item)]);
  return entries.every(([key, item]) => item === properties[key]) ? properties : Object.fromEntries(entries);
}
