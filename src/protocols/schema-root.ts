/** JSON Schemas for services that want an object at the root and every list to say what it holds (OpenAI's do). */
import type { Json, JsonObject } from "./canonical.ts";
import { isArray, isObject, without } from "./json.ts";
import { mapSchemas } from "./schema-map.ts";
import { unsupported } from "./unsupported.ts";

/** References that lead to references; more are a loop. */
const hops = 8;

/**
 * A reference at the root is replaced by what it names, as generators write recursive types. The definitions stay, for
 * the references inside. What cannot be found is left as it is.
 */
export function withPlainRoot(schema: JsonObject): JsonObject {
  let root = schema;
  for (let count = 0; count < hops && typeof root["$ref"] === "string"; count += 1) {
    const target = definition(schema, root["$ref"]);
    if (!target) return schema;
    root = { ...without(root, ["$ref"]), ...target };
  }
  return typeof root["$ref"] === "string" ? schema : root;
}

function definition(schema: JsonObject, reference: string): JsonObject | undefined {
  const [, place = "", name = ""] = /^#\/(\$defs|definitions)\/([^/]+)$/.exec(reference) ?? [];
  const all: Json | undefined = schema[place];
  const key = name.replaceAll("~1", "/").replaceAll("~0", "~");
  const found = isObject(all) && Object.hasOwn(all, key) ? all[key] : undefined;
  return isObject(found) ? found : undefined;
}

/** Arguments of a function: an object with properties, if only with none. */
export function argumentsSchema(schema: JsonObject): JsonObject {
  const root = withItems(withPlainRoot(schema));
  const { type, properties } = root;
  if (type === "object" && isObject(properties)) return root;
  return { ...root, type: "object", properties: isObject(properties) ? properties : {} };
}

/** An answer in JSON. Throws a `ProxyError` with the code `unsupported_feature` for one that is to be no object. */
export function objectAnswerSchema(schema: JsonObject): JsonObject {
  const { type } = withPlainRoot(schema);
  const object = type === undefined || type === "object" || (isArray(type) && type.includes("object"));
  if (!object) throw unsupported("format", `the answer has to be an object there and no ${String(type)}.`);
  return argumentsSchema(schema);
}

function withItems(schema: JsonObject): JsonObject {
  const inner = mapSchemas(schema, withItems);
  const { type, items, prefixItems } = inner;
  return type === "array" && items === undefined && prefixItems === undefined ? { ...inner, items: {} } : inner;
}
