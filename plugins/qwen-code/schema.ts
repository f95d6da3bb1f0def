/** Schemas of tools without the two words the service refuses. */
import type { Body, Json, JsonObject } from "waygate";
import { withField } from "waygate";
import { isObject } from "waygate/plugins/openai-compatible";

/** Of a schema these hold schemas by names that are not theirs. */
const named: ReadonlySet<string> = new Set(["properties", "patternProperties", "$defs", "definitions"]);
/** Of a schema these hold one or more schemas. */
const inner: ReadonlySet<string> = new Set(["items", "prefixItems", "anyOf", "oneOf", "allOf", "not"]);

/** Takes `strict` and `additionalProperties` out, and nothing else; the body itself when they are nowhere. */
export function withPlainTools(body: Body): Body {
  const { tools } = body.json;
  if (!Array.isArray(tools) || !/"(?:strict|additionalProperties)"/.test(JSON.stringify(tools))) return body;
  return withField(body, ["tools"], (tools as readonly Json[]).map(plainTool));
}

function plainTool(tool: Json): Json {
  if (!isObject(tool) || !isObject(tool["function"])) return tool;
  const { strict: _, ...described } = tool["function"];
  const { parameters } = described;
  return { ...tool, function: isObject(parameters) ? { ...described, parameters: plain(parameters) } : described };
}

function plain(schema: Json): Json {
  if (Array.isArray(schema)) return (schema as readonly Json[]).map(plain);
  if (!isObject(schema)) return schema;
  const kept = Object.entries(schema).filter(([key]) => key !== "strict" && key !== "additionalProperties");
  return Object.fromEntries(kept.map(([key, value]) => [key, plainAt(key, value)]));
}

function plainAt(key: string, value: Json): Json {
  if (inner.has(key)) return plain(value);
  if (!named.has(key) || !isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, schema]): [string, Json] => [name, plain(schema)]),
  ) satisfies JsonObject;
}
