/** Where in a JSON Schema there are schemas again (draft 2020-12, and what older drafts called otherwise). */
import type { Json, JsonObject } from "./canonical.ts";
import { isArray, isObject } from "./json.ts";

const maps = ["properties", "patternProperties", "$defs", "definitions"];
const lists = ["anyOf", "oneOf", "allOf", "prefixItems", "items"];
const singles = ["items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"];

/** The schema with every schema inside it changed; names of properties are no keywords. */
export function mapSchemas(schema: JsonObject, change: (schema: JsonObject) => JsonObject): JsonObject {
  const inside = (value: Json): Json => (isObject(value) ? change(value) : value);
  const entries = Object.entries(schema).map(([key, value]): [string, Json] => {
    if (maps.includes(key) && isObject(value)) {
      return [key, Object.fromEntries(Object.entries(value).map(([name, one]) => [name, inside(one)]))];
    }
    if (lists.includes(key) && isArray(value)) return [key, value.map(inside)];
    return [key, singles.includes(key) ? inside(value) : value];
  });
  return Object.fromEntries(entries);
}
