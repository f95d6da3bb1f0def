/** Tools and the choice among them. Everything but a plain function is kept whole, as a hosted tool. */
import type { GenerateRequest, Json, JsonObject, Tool } from "../canonical.ts";
import { argumentsSchema } from "../schema-root.ts";
import type { Emit, Loss } from "../types.ts";
import { unsupported } from "../unsupported.ts";
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

/** The search models' option is a hosted tool that stands beside the tools. */
export function webSearch(options: Json | undefined): Tool | undefined {
  if (!isObject(options)) return undefined;
  return { type: "hosted", protocol: protocolId, name: "web_search", value: { web_search_options: options } };
}

interface WrittenTools {
  readonly tools: readonly JsonObject[];
  /** Tools that have fields of their own in the request. */
  readonly fields: JsonObject | undefined;
}

/** `own`: the client wrote them in this protocol, so that nothing about them is improved. */
export function encodeTools(tools: readonly Tool[] = [], own: boolean, lose: Emit<Loss>): WrittenTools {
  let fields: JsonObject | undefined;
  const written = tools.flatMap((tool) => {
    if (tool.type === "function") return [encodeFunction(tool, own)];
    if (tool.protocol === protocolId && "web_search_options" in tool.value) fields = tool.value;
    else if (tool.protocol === protocolId) return [tool.value];
    else lose({ what: `the hosted tool ${tool.name} of ${tool.protocol}`, where: "tools" });
    return [];
  });
  return { tools: written, fields };
}

function encodeFunction(tool: Extract<Tool, { type: "function" }>, own: boolean): JsonObject {
  const { rest, form } = readMeta(tool.meta);
  const inner = isObject(rest["function"]) ? rest["function"] : {};
  const described: JsonObject = {
    ...inner,
    name: tool.name,
    ...(tool.description !== undefined && { description: tool.description }),
    ...((form["parameters"] !== "absent" || !isEmpty(tool.schema)) && {
      parameters: own ? tool.schema : argumentsSchema(tool.schema),
    }),
    ...(tool.strict !== undefined && { strict: tool.strict }),
  };
  return { ...without(rest, ["function"]), type: "function", function: described };
}

/** `undefined` for choices the canonical form cannot say (custom tools). */
export function decodeToolChoice(value: Json | undefined): ToolChoice | undefined {
  if (value === "auto" || value === "none" || value === "required") return value;
  if (!isObject(value)) return undefined;
  if (value["type"] === "allowed_tools") return decodeAllowed(value);
  const name = functionName(value);
  return name === undefined ? undefined : { name };
}

function decodeAllowed(value: JsonObject): ToolChoice | undefined {
  const { allowed_tools: allowed } = value;
  if (!isObject(allowed) || Object.keys(value).length !== 2 || Object.keys(allowed).length !== 2) return undefined;
  const { mode, tools } = allowed;
  if ((mode !== "auto" && mode !== "required") || !isArray(tools)) return undefined;
  const names = tools.map((tool) => (isObject(tool) ? functionName(tool) : undefined));
  return names.every((name) => name !== undefined) ? { names, required: mode === "required" } : undefined;
}

/** Of `{"type":"function","function":{"name":…}}` and nothing else in it. */
function functionName(value: JsonObject): string | undefined {
  const { type, function: called } = value;
  if (type !== "function" || !isObject(called) || typeof called["name"] !== "string") return undefined;
  return Object.keys(value).length === 2 && Object.keys(called).length === 1 ? called["name"] : undefined;
}

/** The field to be spread. Throws when the only tool allowed is one this protocol does not have. */
export function encodeToolChoice({ toolChoice: choice, tools = [] }: GenerateRequest): JsonObject {
  if (choice === undefined) return {};
  if (typeof choice === "string") return { tool_choice: choice };
  if ("name" in choice) {
    const chosen = tools.find((tool) => tool.name === choice.name);
    if (chosen?.type === "hosted" && chosen.protocol !== protocolId) {
      throw unsupported(
        "tool_choice",
        `the tool ${choice.name} is run by the provider, and only in ${chosen.protocol}.`,
      );
    }
    return { tool_choice: { type: "function", function: { name: choice.name } } };
  }
  const allowed = choice.names.map((name) => ({ type: "function", function: { name } }));
  return {
    tool_choice: {
      type: "allowed_tools",
      allowed_tools: { mode: choice.required ? "required" : "auto", tools: allowed },
    },
  };
}
