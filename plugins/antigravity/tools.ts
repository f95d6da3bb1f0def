/** Tools as Antigravity takes them: one list of functions with cleaned schemas, and little else. */
import type { Json, JsonObject, Loss } from "waygate";
import { isObject } from "waygate/plugins/openai-compatible";
import { jsonSchemaOf, openApiSchema, plainSchema } from "waygate/protocols/gemini";
import type { Family } from "./models.ts";

/** Words behind a function's name that nobody there knows are refused, so only these go. */
const known = ["name", "description"];

/** `lose` is told of tools that cannot go along. */
export function shapedTools(request: JsonObject, family: Family, lose: (loss: Loss) => void): JsonObject {
  const { tools, ...rest } = request;
  if (tools === undefined) return request;
  const entries = listOf(tools);
  const functions = new Map<string, JsonObject>();
  for (const entry of entries) {
    for (const one of flat(entry["functionDeclarations"])) {
      const { name } = one;
      if (typeof name === "string" && !functions.has(name)) functions.set(name, declaration(one, family));
    }
  }
  const hosted = entries.flatMap((entry) =>
    Object.entries(entry).flatMap(([name, value]) => (name === "functionDeclarations" ? [] : [{ [name]: value }])),
  );
  // A search cannot stand beside functions, and only Gemini has one.
  const alone = family === "gemini" && functions.size === 0;
  if (!alone) {
    for (const each of hosted) lose({ what: `the hosted tool ${Object.keys(each).join()}`, where: "tools" });
  }
  const list: readonly JsonObject[] = [
    ...(functions.size > 0 ? [{ functionDeclarations: [...functions.values()] }] : []),
    ...(alone ? hosted : []),
  ];
  return list.length > 0 ? { ...rest, tools: list } : rest;
}

function listOf(value: Json | undefined): readonly JsonObject[] {
  const list = Array.isArray(value) ? (value as readonly Json[]) : value === undefined || value === null ? [] : [value];
  return list.filter((each): each is JsonObject => isObject(each));
}

/** Some clients put groups of functions where one is expected. */
function flat(value: Json | undefined): readonly JsonObject[] {
  return listOf(value).flatMap((one) => {
    const inner = one["functionDeclarations"] ?? one["tools"];
    return inner === undefined ? [one] : flat(inner);
  });
}

function declaration(one: JsonObject, family: Family): JsonObject {
  const { parametersJsonSchema, parameters } = one;
  const schema = isObject(parametersJsonSchema)
    ? parametersJsonSchema
    : isObject(parameters)
      ? jsonSchemaOf(parameters)
      : undefined;
  const named = Object.fromEntries(known.flatMap((key) => (one[key] === undefined ? [] : [[key, one[key]]])));
  const cleaned = schema && (family === "gemini" ? openApiSchema(schema) : plainSchema(schema));
  const bare = !isObject(cleaned?.["properties"]) || Object.keys(cleaned["properties"]).length === 0;
  return cleaned && !bare ? { ...named, parameters: cleaned } : named;
}

/** Claude's calls are always checked against the schema; what the client has forbidden or required stays so. */
export function shapedChoice(request: JsonObject, family: Family): JsonObject {
  const { toolConfig, ...rest } = request;
  const hasTools = listOf(request["tools"]).some((entry) => entry["functionDeclarations"] !== undefined);
  if (!hasTools) return rest;
  if (family === "gemini") return request;
  const config = isObject(toolConfig) ? toolConfig : {};
  const calling = isObject(config["functionCallingConfig"]) ? config["functionCallingConfig"] : {};
  const mode = calling["mode"];
  if (mode === "NONE" || mode === "ANY") return request;
  return { ...rest, toolConfig: { ...config, functionCallingConfig: { ...calling, mode: "VALIDATED" } } };
}
