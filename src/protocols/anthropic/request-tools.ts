/** Tools and the choice among them. Whatever the API runs itself is kept whole, as a hosted tool. */
import type { GenerateRequest, Json, JsonObject, Message, Tool } from "../canonical.ts";
import type { Emit, Loss } from "../types.ts";
import { unsupported } from "../unsupported.ts";
import type { ModelTraits } from "./model-traits.ts";
import { toolSchema } from "./schema.ts";
import { defined, isArray, isEmpty, isObject, isText, ownMeta, protocolId, readMeta, without } from "./values.ts";

type FunctionTool = Extract<Tool, { type: "function" }>;

/** `undefined` when the value is not a list of tools. */
export function decodeTools(value: Json | undefined): readonly Tool[] | undefined {
  if (!isArray(value) || value.length === 0 || !value.every(isObject)) return undefined;
  return value.map((tool) => decodeCustom(tool) ?? hosted(tool));
}

const hintFields = ["cache_control", "eager_input_streaming"];

function decodeCustom(tool: JsonObject): Tool | undefined {
  const { type, name, description, input_schema: schema, strict } = tool;
  if ((type !== undefined && type !== null && type !== "custom") || !isText(name) || !isObject(schema))
    return undefined;
  const taken = ["type", "name", "input_schema"];
  if (typeof description === "string") taken.push("description");
  if (typeof strict === "boolean") taken.push("strict");
  const fields = without(tool, taken);
  const hints = Object.fromEntries(Object.entries(fields).filter(([key]) => hintFields.includes(key)));
  return {
    type: "function",
    name,
    ...(typeof description === "string" && { description }),
    schema,
    ...(typeof strict === "boolean" && { strict }),
    ...ownMeta(without(fields, hintFields), type === undefined ? { own: true } : { own: true, type }, hints),
  };
}

function hosted(tool: JsonObject): Tool {
  const name = isText(tool["name"]) ? tool["name"] : isText(tool["type"]) ? tool["type"] : "tool";
  return { type: "hosted", protocol: protocolId, name, value: tool };
}

interface Encoded {
  readonly tools?: readonly JsonObject[];
  readonly tool_choice?: JsonObject;
}

/** `tools` and `tool_choice`, to be spread. */
export function encodeTools(request: GenerateRequest, own: boolean, traits: ModelTraits, lose: Emit<Loss>): Encoded {
  const { tools = [], toolChoice, parallelToolCalls } = request;
  const allowed = typeof toolChoice === "object" && "names" in toolChoice ? toolChoice.names : undefined;
  const encoded: JsonObject[] = [];
  for (const tool of tools) {
    if (tool.type === "function") {
      if (!allowed || allowed.includes(tool.name)) encoded.push(encodeFunction(tool, traits, lose));
    } else if (tool.protocol === protocolId) encoded.push(tool.value);
    else {
      if (forces(toolChoice, tool.name)) throw unsupported("tool_choice", `${protocolId} has no tool ${tool.name}.`);
      lose({ what: `the hosted tool ${tool.name} of ${tool.protocol}`, where: "tools" });
    }
  }
  // A history with calls and a request without tools is refused; the model is not to call any of them.
  const called = own || encoded.length > 0 ? [] : calledTools(request.messages);
  if (called.length > 0) return { tools: called, tool_choice: { type: "none" } };
  if (encoded.length === 0) return {};
  const choice = encodeChoice(toolChoice, parallelToolCalls, own);
  return { tools: encoded, ...(choice && { tool_choice: choice }) };
}

function forces(choice: GenerateRequest["toolChoice"], name: string): boolean {
  return typeof choice === "object" && "name" in choice && choice.name === name;
}

function encodeFunction(
  { name, description, schema, strict, meta }: FunctionTool,
  traits: ModelTraits,
  lose: Emit<Loss>,
): JsonObject {
  const { rest, form } = readMeta(meta);
  const own = form["own"] === true;
  const kept = strict !== undefined && (own || (strict && traits.strict));
  if (strict && !kept) lose({ what: `that calls of ${name} match its schema strictly`, where: "tools" });
  const written = own ? schema : toolSchema(schema);
  return {
    ...rest,
    ...defined({ type: form["type"], name, description, input_schema: written, strict: kept ? strict : undefined }),
  };
}

function calledTools(messages: readonly Message[]): JsonObject[] {
  const calls = messages.flatMap(({ parts }) => parts.filter((part) => part.type === "tool-call"));
  return [...new Set(calls.map(({ name }) => name))].map((name) => ({ name, input_schema: toolSchema({}) }));
}

interface Choice {
  readonly choice?: NonNullable<GenerateRequest["toolChoice"]>;
  readonly parallel?: boolean;
}

const names: { readonly [type: string]: "auto" | "none" | "required" } = {
  auto: "auto",
  any: "required",
  none: "none",
};

/** `undefined` for choices the canonical form cannot say. */
export function decodeChoice(value: Json | undefined): Choice | undefined {
  if (!isObject(value) || !isText(value["type"])) return undefined;
  const { type, name, disable_parallel_tool_use: single } = value;
  const taken = ["type", "disable_parallel_tool_use", ...(type === "tool" ? ["name"] : [])];
  const choice = type === "tool" && isText(name) ? { name } : Object.hasOwn(names, type) ? names[type] : undefined;
  if (choice === undefined || !isEmpty(without(value, taken))) return undefined;
  if (single === undefined) return { choice };
  return typeof single === "boolean" ? { choice, parallel: !single } : undefined;
}

function encodeChoice(
  choice: GenerateRequest["toolChoice"],
  parallel: boolean | undefined,
  own: boolean,
): JsonObject | undefined {
  const flag: JsonObject = parallel === false || (own && parallel) ? { disable_parallel_tool_use: !parallel } : {};
  if (choice === "none") return { type: "none" };
  if (choice === undefined || choice === "auto")
    return choice || !isEmpty(flag) ? { type: "auto", ...flag } : undefined;
  if (choice === "required") return { type: "any", ...flag };
  if ("name" in choice) return { type: "tool", name: choice.name, ...flag };
  return { type: choice.required ? "any" : "auto", ...flag };
}
