/** Tools and the choice among them. Source: Gemini API reference, `Tool` and `FunctionCallingConfig`. */
import type { GenerateRequest, Json, JsonObject, Tool, ToolChoice } from "../canonical.ts";
import type { Emit, Loss } from "../types.ts";
import { jsonSchemaOf, parametersSchema } from "./json-schema.ts";
import { takesJsonSchema } from "./model.ts";
import { openApiSchema } from "./schema.ts";
import { isArray, isEmpty, isObject, isText, listOf, ownMeta, protocolId, readMeta, same, without } from "./values.ts";

type FunctionTool = Extract<Tool, { type: "function" }>;

/** Every function of every list, and every other entry as a tool the provider runs. */
export function decodeTools(value: Json | undefined): readonly Tool[] {
  return listOf(value).flatMap((entry): Tool[] => {
    if (!isObject(entry)) return [];
    return Object.entries(entry).flatMap(([key, inner]): Tool[] => {
      if (key === "functionDeclarations") return listOf(inner).flatMap((one) => decodeFunction(one) ?? []);
      return [{ type: "hosted", protocol: protocolId, name: key, value: { [key]: inner } }];
    });
  });
}

function decodeFunction(value: Json): Tool | undefined {
  if (!isObject(value) || !isText(value["name"])) return undefined;
  const { name, description, parameters, parametersJsonSchema, ...rest } = value;
  const schema = isObject(parametersJsonSchema)
    ? parametersJsonSchema
    : isObject(parameters)
      ? jsonSchemaOf(parameters)
      : { type: "object", properties: {} };
  return {
    type: "function",
    name,
    ...(typeof description === "string" && { description }),
    schema,
    // How the answer of the function looks is a hint for the model.
    ...ownMeta({}, {}, rest),
  };
}

/** `raw` is the client's own list, which goes as it is as long as it still says the same. */
export function encodeTools(
  { tools = [], model }: GenerateRequest,
  raw: Json | undefined,
  lose: Emit<Loss>,
): Json | undefined {
  if (raw !== undefined && same(decodeTools(raw), tools)) return raw;
  const names = new Set<string>();
  const functions: JsonObject[] = [];
  const hosted: JsonObject[] = [];
  for (const tool of tools) {
    if (tool.type === "hosted") {
      if (tool.protocol === protocolId) hosted.push(tool.value);
      else lose({ what: `the hosted tool ${tool.name} of ${tool.protocol}`, where: "tools" });
    } else if (names.has(tool.name)) lose({ what: `the second tool named ${tool.name}`, where: "tools" });
    else {
      names.add(tool.name);
      functions.push(encodeFunction(tool, model));
    }
  }
  const all = [...(functions.length > 0 ? [{ functionDeclarations: functions }] : []), ...hosted];
  return all.length > 0 ? all : undefined;
}

function encodeFunction({ name, description, schema, meta }: FunctionTool, model: string): JsonObject {
  const parameters: JsonObject = takesJsonSchema(model)
    ? { parametersJsonSchema: parametersSchema(schema) }
    : hasProperties(schema)
      ? { parameters: openApiSchema(schema) }
      : {};
  return {
    ...readMeta(meta).rest,
    name,
    ...(description !== undefined && { description }),
    ...parameters,
  };
}

/** An object without properties is refused there; a function without parameters has none. */
function hasProperties(schema: JsonObject): boolean {
  const { properties } = openApiSchema(schema);
  return isObject(properties) && !isEmpty(properties);
}

/** What is understood, and the fields that are left. */
export function decodeToolConfig(config: JsonObject): { choice: ToolChoice | undefined; rest: JsonObject } {
  const { functionCallingConfig: calling, ...rest } = config;
  if (!isObject(calling)) return { choice: undefined, rest: config };
  const { mode, allowedFunctionNames: allowed } = calling;
  const names = isArray(allowed) ? allowed.filter((name) => typeof name === "string") : [];
  const choice = decodeMode(mode, names);
  const more = without(calling, ["mode", "allowedFunctionNames"]);
  if (choice === undefined) return { choice, rest: config };
  return { choice, rest: isEmpty(more) ? rest : { ...rest, functionCallingConfig: more } };
}

function decodeMode(mode: Json | undefined, names: readonly string[]): ToolChoice | undefined {
  const [only] = names;
  if (mode === "NONE") return "none";
  if (mode === "AUTO") return "auto";
  if (mode === "ANY")
    return only === undefined ? "required" : names.length === 1 ? { name: only } : { names, required: true };
  // Calls that keep to the schema, or text.
  if (mode === "VALIDATED") return only === undefined ? "auto" : { names, required: false };
  return undefined;
}

/** `undefined` where there is nothing to choose from, which is refused. */
export function encodeToolConfig(
  { toolChoice, tools = [] }: GenerateRequest,
  raw: Json | undefined,
  kept: Json | undefined,
): Json | undefined {
  if (isObject(raw) && same(decodeToolConfig(raw).choice, toolChoice)) return raw;
  const rest = isObject(kept) ? kept : {};
  const choice = tools.some(({ type }) => type === "function") ? toolChoice : undefined;
  const calling = choice === undefined ? {} : encodeMode(choice);
  const more = isObject(rest["functionCallingConfig"]) ? rest["functionCallingConfig"] : {};
  const config = { ...rest, ...(!isEmpty(calling) && { functionCallingConfig: { ...more, ...calling } }) };
  return isEmpty(config) ? undefined : config;
}

function encodeMode(choice: ToolChoice): JsonObject {
  if (choice === "auto") return { mode: "AUTO" };
  if (choice === "none") return { mode: "NONE" };
  if (choice === "required") return { mode: "ANY" };
  if ("name" in choice) return { mode: "ANY", allowedFunctionNames: [choice.name] };
  return { mode: choice.required ? "ANY" : "VALIDATED", allowedFunctionNames: choice.names };
}
