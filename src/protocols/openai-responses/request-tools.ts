/** Tools and the choice among them. A custom tool is a function of one text; tools the provider runs stay whole. */
import type { GenerateRequest, Json, JsonObject, Tool, ToolChoice } from "../canonical.ts";
import { argumentsSchema } from "../schema-root.ts";
import type { Emit, Loss } from "../types.ts";
import { bareName, wireName } from "./tool-names.ts";
import { defined, isArray, isObject, isText, ownMeta, protocolId, readMeta, without } from "./values.ts";

type FunctionTool = Extract<Tool, { type: "function" }>;

/** Says when the model gets to see a tool; elsewhere it sees all of them. */
const hinted = ["defer_loading"];

/** `noted` goes into its form, `rest` is lost elsewhere. */
export function decodeTool(tool: JsonObject, noted: JsonObject, rest: JsonObject = {}): Tool {
  return decodeFunction(tool, noted, rest) ?? decodeCustom(tool, noted, rest) ?? hosted(tool, noted);
}

function decodeFunction(tool: JsonObject, noted: JsonObject, rest: JsonObject): Tool | undefined {
  const { type, name, description, parameters, strict } = tool;
  if (type !== "function" || typeof name !== "string") return undefined;
  if (parameters !== undefined && parameters !== null && !isObject(parameters)) return undefined;
  const taken = ["type", "name", ...hinted];
  if (isObject(parameters)) taken.push("parameters");
  if (typeof description === "string") taken.push("description");
  if (typeof strict === "boolean") taken.push("strict");
  const form = { ...noted, strict: typeof strict, parameters: isObject(parameters) };
  const hints = defined(Object.fromEntries(hinted.map((key) => [key, tool[key]])));
  return {
    type: "function",
    name,
    ...(typeof description === "string" && { description }),
    schema: isObject(parameters) ? parameters : {},
    ...(typeof strict === "boolean" && { strict }),
    ...ownMeta({ ...rest, ...without(tool, taken) }, form, hints),
  };
}

/** Text in, as one argument: what other protocols can say. The grammar of the text is lost to them. */
const textSchema: JsonObject = {
  type: "object",
  properties: { input: { type: "string" } },
  required: ["input"],
  additionalProperties: false,
};

function decodeCustom(tool: JsonObject, noted: JsonObject, rest: JsonObject): Tool | undefined {
  const { type, name, description, format } = tool;
  if (type !== "custom" || typeof name !== "string") return undefined;
  const described = typeof description === "string";
  const hints = without(tool, ["type", "name", "format", ...(described ? ["description"] : [])]);
  return {
    type: "function",
    name,
    ...(described && { description }),
    schema: textSchema,
    ...ownMeta(format === undefined ? rest : { ...rest, format }, { ...noted, custom: true }, hints),
  };
}

/** A tool this protocol's services run themselves. */
export function hosted(tool: JsonObject, noted: JsonObject): Tool {
  const { name, type } = tool;
  return {
    type: "hosted",
    protocol: protocolId,
    name: isText(name) ? name : isText(type) ? type : "tool",
    value: tool,
    ...ownMeta({}, noted),
  };
}

/** True for tools that take free text. */
export function isCustom(tool: Tool): boolean {
  return tool.type === "function" && readMeta(tool.meta).form["custom"] === true;
}

/** `undefined` when there is no place for it, which has been reported then. */
export function encodeTool(tool: Tool, lose: Emit<Loss>): JsonObject | undefined {
  if (tool.type === "function") return encodeFunction(tool);
  if (tool.protocol === protocolId) return tool.value;
  lose({ what: `the hosted tool ${tool.name} of ${tool.protocol}`, where: "tools" });
  return undefined;
}

function encodeFunction(tool: FunctionTool): JsonObject {
  const { description, schema, strict, meta } = tool;
  const { rest, form } = readMeta(meta);
  const name = bareName(tool.name, form);
  if (form["custom"]) return defined({ ...rest, type: "custom", name, description });
  if (!meta?.[protocolId]) {
    // Unless told otherwise the API makes a schema strict, which rewrites it.
    return defined({
      type: "function",
      name,
      description,
      parameters: argumentsSchema(schema),
      strict: strict ?? false,
    });
  }
  const parameters = form["parameters"] === false ? rest["parameters"] : schema;
  return defined({ ...rest, type: "function", name, description, parameters, strict: strict ?? rest["strict"] });
}

/** `undefined` for choices the canonical form cannot say (tools the provider runs). A choice names no namespace. */
export function decodeToolChoice(value: Json | undefined, declared: readonly Tool[] = []): ToolChoice | undefined {
  if (value === "auto" || value === "none" || value === "required") return value;
  if (!isObject(value)) return undefined;
  const { type, mode, tools } = value;
  const nameOf = (choice: JsonObject): { readonly name: string } | undefined => {
    const name = nameIn(choice);
    if (name === undefined) return undefined;
    const exact = declared.some((tool) => tool.name === name);
    return { name: (exact ? undefined : declared.find((tool) => wireName(tool).name === name)?.name) ?? name };
  };
  if (type !== "allowed_tools") return nameOf(value);
  if ((mode !== "auto" && mode !== "required") || !isArray(tools) || Object.keys(value).length !== 3) return undefined;
  const names = tools.map((tool) => (isObject(tool) ? nameOf(tool)?.name : undefined));
  return names.every((name) => name !== undefined) ? { names, required: mode === "required" } : undefined;
}

function nameIn(value: JsonObject): string | undefined {
  const { type, name } = value;
  const known = (type === "function" || type === "custom") && Object.keys(value).length === 2;
  return known && typeof name === "string" ? name : undefined;
}

export function encodeToolChoice(choice: ToolChoice, { tools = [] }: GenerateRequest): Json {
  if (typeof choice === "string") return choice;
  const named = (name: string): JsonObject => {
    const tool = tools.find((one) => one.type === "function" && one.name === name);
    return { type: tool && isCustom(tool) ? "custom" : "function", name: tool ? wireName(tool).name : name };
  };
  if ("name" in choice) return named(choice.name);
  return { type: "allowed_tools", mode: choice.required ? "required" : "auto", tools: choice.names.map(named) };
}
