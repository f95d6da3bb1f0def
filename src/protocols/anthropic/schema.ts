/** JSON Schemas as the API takes them: draft 2020-12, with an object at the root. */
import type { Json, JsonObject } from "../canonical.ts";
import { mapSchemas } from "../schema-map.ts";
import { withPlainRoot } from "../schema-root.ts";
import { isArray, isEmpty, isObject, isText, without } from "./values.ts";

const joined = ["anyOf", "oneOf", "allOf"] as const;

/** A schema of a tool's arguments. The API refuses alternatives at the root: their properties are put together. */
export function toolSchema(schema: JsonObject): JsonObject {
  const current = upToDate(withPlainRoot(schema));
  let properties = isObject(current["properties"]) ? current["properties"] : {};
  const required = new Set(isArray(current["required"]) ? current["required"].filter(isText) : []);
  for (const key of joined) {
    for (const one of isArray(current[key]) ? current[key] : []) {
      if (!isObject(one)) continue;
      if (isObject(one["properties"])) properties = { ...one["properties"], ...properties };
      if (key === "allOf" && isArray(one["required"]))
        one["required"].filter(isText).forEach((name) => required.add(name));
    }
  }
  const rest = without(current, [...joined, "type", "properties", "required"]);
  return {
    ...rest,
    type: "object",
    properties,
    ...(required.size > 0 && { required: [...required] }),
  };
}

/** A schema of the answer. The API asks that objects are closed explicitly (guide to structured outputs). */
export function answerSchema(schema: JsonObject): JsonObject {
  return closed(upToDate(schema));
}

function closed(schema: JsonObject): JsonObject {
  const inner = mapSchemas(schema, closed);
  const isOpen = inner["type"] === "object" || isObject(inner["properties"]);
  return isOpen && inner["additionalProperties"] === undefined ? { ...inner, additionalProperties: false } : inner;
}

/** What older drafts said in another way. */
function upToDate(schema: JsonObject): JsonObject {
  const changed: { [key: string]: Json } = { ...mapSchemas(schema, upToDate) };
  if (isArray(changed["items"])) {
    changed["prefixItems"] = changed["items"];
    delete changed["items"];
  }
  for (const [bound, limit] of [
    ["exclusiveMinimum", "minimum"],
    ["exclusiveMaximum", "maximum"],
  ] as const) {
    const given = changed[limit];
    if (typeof changed[bound] !== "boolean") continue;
    if (changed[bound] && given !== undefined) {
      changed[bound] = given;
      delete changed[limit];
    } else delete changed[bound];
  }
  if (changed["required"] !== undefined && !isArray(changed["required"])) delete changed["required"];
  return isEmpty(changed) ? schema : changed;
}
