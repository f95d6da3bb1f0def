/** Arguments that arrive as JSON in a text where the schema says a list or an object. */
import type { Json, JsonObject } from "waygate";
import { isObject } from "waygate/plugins/openai-compatible";
import { definitionsOf } from "./described.ts";
import { declarationsOf, itemsOf, objectsOf, schemaOf } from "./request.ts";
import type { ToolGuard } from "./tool-guard.ts";

/** Texts within texts, and alternatives within alternatives, that are looked into. */
const NESTED = 2;
/** Levels of a value; deeper ones stay as they are. */
const DEPTH = 32;

/** Changes the arguments of calls only where the declared schema has no place for a text. */
export function repairedArguments(request: JsonObject): ToolGuard {
  const schemas = new Map<string, JsonObject>();
  for (const one of declarationsOf(request)) {
    const found = schemaOf(one);
    if (found && typeof one["name"] === "string") schemas.set(one["name"], found.schema);
  }
  if (schemas.size === 0) return { request };
  return {
    request,
    call(call) {
      const { name, args } = call;
      const schema = typeof name === "string" ? schemas.get(name) : undefined;
      if (!schema || args === undefined) return call;
      const repaired = repairedValue(args, schema);
      return repaired === args ? call : { ...call, args: repaired };
    },
  };
}

/** The value itself when there is nothing to repair. */
export function repairedValue(value: Json, schema: JsonObject): Json {
  const find = definitionsOf(schema);

  const within = (given: Json, raw: Json | undefined, depth: number): Json => {
    if (!isObject(raw) || depth > DEPTH) return given;
    const described = find(raw);
    const found = typeof given === "string" ? parsedAs(given, kindsOf(described, find)) : given;
    if (Array.isArray(found)) {
      const items = shapeWith(described, "items", find)?.["items"];
      const list = found as readonly Json[];
      const now = list.map((item) => within(item, items, depth + 1));
      return now.every((item, at) => item === list[at]) ? found : now;
    }
    if (!isObject(found)) return found;
    const properties = shapeWith(described, "properties", find)?.["properties"];
    if (!isObject(properties)) return found;
    let changed = false;
    const entries = Object.entries(found).map(([name, item]): [string, Json] => {
      const now = Object.hasOwn(properties, name) ? within(item, properties[name], depth + 1) : item;
      changed ||= now !== item;
      return [name, now];
    });
    return changed ? Object.fromEntries(entries) : found;
  };
  return within(value, schema, 0);
}

interface Kinds {
  readonly array: boolean;
  readonly object: boolean;
}

/** Whether a list or an object is wanted; neither where a text may stand as well, or anything. */
function kindsOf(schema: JsonObject, find: (schema: JsonObject) => JsonObject): Kinds {
  const types = new Set(typesOf(schema, find));
  if (types.size === 0 || types.has("string") || types.has("any")) return { array: false, object: false };
  return { array: types.has("array"), object: types.has("object") };
}

function typesOf(schema: JsonObject, find: (schema: JsonObject) => JsonObject, depth = 0): readonly string[] {
  // Alternatives may refer to themselves.
  if (depth > NESTED) return ["any"];
  const alternatives = [...objectsOf(schema["anyOf"]), ...objectsOf(schema["oneOf"])];
  if (alternatives.length > 0) return alternatives.flatMap((each) => typesOf(find(each), find, depth + 1));
  if (schema["enum"] !== undefined || schema["const"] !== undefined) return ["string"];
  const types = itemsOf(schema["type"]).filter((type): type is string => typeof type === "string");
  if (types.length > 0) return types.map((type) => type.toLowerCase());
  if (isObject(schema["properties"])) return ["object"];
  return schema["items"] === undefined ? ["any"] : ["array"];
}

/** The schema, or that of its alternatives which says what is inside. */
function shapeWith(
  schema: JsonObject,
  key: "items" | "properties",
  find: (schema: JsonObject) => JsonObject,
): JsonObject | undefined {
  if (schema[key] !== undefined) return schema;
  const alternatives = [...objectsOf(schema["anyOf"]), ...objectsOf(schema["oneOf"])].map(find);
  return alternatives.find((each) => each[key] !== undefined);
}

function parsedAs(text: string, { array, object }: Kinds): Json {
  if (!array && !object) return text;
  let value: Json | undefined = text;
  for (let nested = 0; nested <= NESTED && typeof value === "string"; nested += 1) value = parsed(value);
  if (array && Array.isArray(value)) return value;
  return object && isObject(value) ? value : text;
}

/** As it stands, else with line breaks and quotes that were escaped once too often. */
function parsed(text: string): Json | undefined {
  const trimmed = text.trim();
  if (!/^[[{"]/.test(trimmed)) return undefined;
  const unescaped = (): string =>
    trimmed.replaceAll("\\n", "\n").replaceAll("\\t", "\t").replaceAll('\\"', '"').replaceAll("\\\\", "\\");
  for (const make of [() => trimmed, unescaped]) {
    try {
      return JSON.parse(make()) as Json;
    } catch {
      // Not this way; what is no JSON either way stays the text that came.
    }
  }
  return undefined;
}
