/** Objects that say they are complete, so that no parameter is made up. */
import type { Json, JsonObject } from "waygate";
import { isObject } from "waygate/plugins/openai-compatible";
import { schemaOf, withDeclarations } from "./request.ts";
import type { ToolGuard } from "./tool-guard.ts";

/** `additionalProperties: false` for every object that lists its properties and does not say that there are others. */
export function strictTools(request: JsonObject): ToolGuard {
  return {
    request: withDeclarations(request, (one) => {
      const found = schemaOf(one);
      return found ? { ...one, [found.key]: closed(found.schema) } : one;
    }),
  };
}

const maps = ["properties", "$defs", "definitions", "patternProperties"];
const lists = ["anyOf", "oneOf", "prefixItems"];

function closed(schema: JsonObject): JsonObject {
  const inner = (value: Json): Json => (isObject(value) ? closed(value) : value);
  const entries = Object.entries(schema).map(([key, value]): [string, Json] => {
    if (maps.includes(key) && isObject(value)) {
      return [key, Object.fromEntries(Object.entries(value).map(([name, one]) => [name, inner(one)]))];
    }
    if ((lists.includes(key) || key === "items") && Array.isArray(value)) {
      return [key, (value as readonly Json[]).map(inner)];
    }
    return [key, key === "items" ? inner(value) : value];
  });
  const all = Object.fromEntries(entries);
  // What is put together of parts is complete in none of them.
  const open = "additionalProperties" in all || "allOf" in all || "$ref" in all;
  return isObject(all["properties"]) && !open ? { ...all, additionalProperties: false } : all;
}
