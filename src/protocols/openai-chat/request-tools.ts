/** Tools and the choice among them. Everything but a plain function is kept whole, as a hosted tool. */
import type { GenerateRequest, Json, JsonObject, Tool } from "../canonical.ts";
import type { Emit, Loss } from "../types.ts";
import { isArray, isEmpty, isObject, isText, ownMeta, protocolId, readMeta, without } from "./values.ts";

type ToolChoice = NonNullable<GenerateRequest["toolChoice"]>;

/** `undefined` when the value is not a list of tools; an empty list stays as the client wrote it, too. */
export function decodeTools(value: Json | undefined): readonly Tool[] | undefined {
  if (!isArray(value) || value.length === 0 || !value.every(isObject)) return undefined;
  return value.map((tool) => decodeFunction(tool) ?? hosted(tool));
}

function decodeFunction(tool: JsonObject): Tool | undefined {
  const described = tool["function"];
  if (tool["type"] !== "function" || !isObject(described)) return undefined;
  const { name, description, parameters, strict } = described;
  if (typeof name !== "string" || (parameters !== undefined && !isObject(parameters))) return undefined;
  const taken = ["name", "parameters"];
  if (typeof description === "string") taken.push("description");
  if (typeof strict === "boolean") taken.push("strict");
  const outer = without(tool, ["type", "function"]);
  const inner = without(described, taken);
  const rest = isEmpty(inner) ? outer : { ...outer, function: inner };
  return {
    type: "function",
    name,
    ...(typeof description === "string" && { description }),
    schema: parameters ?? {},
    ...(typeof strict === "boolean" && { strict }),
    ...ownMeta(rest, parameters === undefined ? { parameters: "absent" } : {}),
  };
}

function hosted(tool: JsonObject): Tool {
  const { type, custom, function: called } = tool;
  const described = isObject(custom) ? custom : isObject(called) ? called : tool;
  const name = isText(described["name"]) ? described["name"] : isText(type) ? type : "tool";
  return { type: "hosted", protocol: protocolId, name, value: tool };
}

export function encodeTools(tools: readonly Tool[], lose: Emit<Loss>): readonly JsonObject[] {
  return tools.flatMap((tool) => {
    if (tool.type === "function") return [encodeFunction(tool)];
    if (tool.protocol === protocolId) return [tool.value];
    lose({ what: `the hosted tool ${tool.name} of ${tool.protocol}`, where: "tools" });
    return [];
  });
}

function encodeFunction(tool: Extract<Tool, { type: "function" }>): JsonObject {
  const { rest, form } = readMeta(tool.meta);
  const inner = isObject(rest["function"]) ? rest["function"] : {};
  const described: JsonObject = {
    ...inner,
    name: tool.name,
    ...(tool.description !== undefined && { description: tool.description }),
    ...((form["parameters"] !== "absent" || !isEmpty(tool.schema)) && { parameters: tool.schema }),
    ...(tool.strict !== undefined && { strict: tool.strict }),
  };
  return { ...without(rest, ["function"]), type: "function", function: described };
}

/** `undefined` for choices the canonical form cannot say (lists of allowed tools, custom tools). */
export function decodeToolChoice(value: Json | undefined): ToolChoice | undefined {
  if (value === "auto" || value === "none" || value === "required") return value;
  if (!isObject(value) || value["type"] !== "function" || !isObject(value["function"])) return undefined;
  const name = value["function"]["name"];
  const exact = Object.keys(value).length === 2 && Object.keys(value["function"]).length === 1;
  return exact && typeof name === "string" ? { name } : undefined;
}

export function encodeToolChoice(choice: ToolChoice): Json {
  if (typeof choice === "string") return choice;
  if ("name" in choice) return { type: "function", function: { name: choice.name } };
  const tools = choice.names.map((name) => ({ type: "function", function: { name } }));
  return { type: "allowed_tools", allowed_tools: { mode: choice.required ? "required" : "auto", tools } };
}
