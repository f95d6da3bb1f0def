/** The parameters of a tool in its description, in few words: models read that more closely than a schema. */
import type { Json, JsonObject } from "waygate";
import { isObject } from "waygate/plugins/openai-compatible";
import { itemsOf, objectsOf, schemaOf, withDeclarations } from "./request.ts";
import type { ToolGuard } from "./tool-guard.ts";

export const usualDescription = "\n\nPARAMETERS: {params}";

/** Levels of objects that are written out. */
const DEPTH = 2;
/** Levels of lists and alternatives, which may refer to themselves. */
const NESTED = 6;
/** Values of an enumeration that are written out. */
const VALUES = 20;

/** `template` is put behind every description, with the list of parameters in place of `{params}`. */
export function describedTools(request: JsonObject, template: string = usualDescription): ToolGuard {
  return {
    request: withDeclarations(request, (one) => {
      const found = schemaOf(one);
      const parameters = found ? signatureOf(found.schema) : "";
      if (parameters === "") return one;
      const { description } = one;
      const before = typeof description === "string" ? description : "";
      return { ...one, description: `${before}${template.replace("{params}", () => parameters)}`.trimStart() };
    }),
  };
}

/** `city (string, REQUIRED), days (integer)`; empty for a function without parameters. */
export function signatureOf(schema: JsonObject): string {
  const find = definitionsOf(schema);
  const { properties, required } = find(schema);
  return fieldsOf(properties)
    .map(([name, value]) => {
      const needed = itemsOf(required).includes(name) ? ", REQUIRED" : "";
      return `${name} (${typeText(value, find, 1)}${needed})`;
    })
    .join(", ");
}

type Find = (schema: JsonObject) => JsonObject;

function fieldsOf(properties: Json | undefined): readonly (readonly [string, JsonObject])[] {
  if (!isObject(properties)) return [];
  return Object.entries(properties).map(([name, value]) => [name, isObject(value) ? value : {}] as const);
}

function typeText(given: JsonObject, find: Find, depth: number): string {
  const schema = find(given);
  if (depth > NESTED) return "any";
  const alternatives = [...objectsOf(schema["anyOf"]), ...objectsOf(schema["oneOf"])];
  if (alternatives.length > 0) {
    return [...new Set(alternatives.map((each) => typeText(each, find, depth + 1)))].join(" | ");
  }
  const values = schema["const"] === undefined ? itemsOf(schema["enum"]) : [schema["const"]];
  const types = itemsOf(schema["type"]).filter((type): type is string => typeof type === "string");
  const type = types.map((each) => each.toLowerCase()).find((each) => each !== "null");
  if (values.length > 0) {
    const listed = values.slice(0, VALUES).map((value) => (typeof value === "string" ? value : JSON.stringify(value)));
    return `${type ?? "string"} ENUM[${listed.join(", ")}${values.length > VALUES ? ", …" : ""}]`;
  }
  const { properties, items } = schema;
  if (type === "array" || (type === undefined && isObject(items))) {
    const [first] = objectsOf(items);
    if (!first) return "array";
    const inner = find(first);
    return isObject(inner["properties"])
      ? `ARRAY_OF_OBJECTS[${fieldsText(inner, find, depth)}]`
      : `array of ${typeText(first, find, depth + 1)}`;
  }
  if (isObject(properties)) return `object{${fieldsText(schema, find, depth)}}`;
  return type ?? "any";
}

function fieldsText(schema: JsonObject, find: Find, depth: number): string {
  const fields = fieldsOf(schema["properties"]);
  if (depth >= DEPTH && fields.some(([, value]) => isObject(find(value)["properties"]))) {
    return fields.map(([name]) => name).join(", ");
  }
  return fields
    .map(([name, value]) => {
      const needed = itemsOf(schema["required"]).includes(name) ? " REQUIRED" : "";
      return `${name}: ${typeText(value, find, depth + 1)}${needed}`;
    })
    .join(", ");
}

/** What a schema refers to within its document (`#/$defs/…`); what cannot be found is any value. */
export function definitionsOf(root: JsonObject): Find {
  return (schema) => {
    let found = schema;
    // References to references; more of them are a loop.
    for (let hops = 0; hops < 8 && typeof found["$ref"] === "string"; hops += 1) {
      const steps = found["$ref"].startsWith("#") ? found["$ref"].split("/").slice(1) : ["?"];
      let at: Json | undefined = root;
      for (const step of steps) {
        const key = step.replaceAll("~1", "/").replaceAll("~0", "~");
        at = isObject(at) && Object.hasOwn(at, key) ? at[key] : undefined;
      }
      found = isObject(at) ? at : {};
    }
    return found;
  };
}
