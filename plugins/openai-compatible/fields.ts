/** What an upstream cannot take, taken out of the request or renamed, with everything else left byte for byte. */
import {
  type Body,
  type Json,
  type JsonObject,
  withEachField,
  withField,
  withoutField,
  withRenamedField,
} from "waygate";
import { isObject } from "./json.ts";

export interface FieldRules {
  /**
   * Request fields the upstream refuses; they are taken out. Dots lead inwards and `*` stands for every item of an
   * array: `messages.*.reasoning_content`.
   */
  readonly drop?: readonly string[];
  /** The only top-level fields of a chat request the upstream takes; all others are taken out. */
  readonly keep?: readonly string[];
  /** New names of fields, paths as in `drop`: `{ max_completion_tokens: "max_tokens" }`. */
  readonly rename?: { readonly [field: string]: string };
  /** Takes out an empty list of tools, and what speaks about tools where there are none; some upstreams refuse both. */
  readonly tidyTools?: boolean;
  /** False for upstreams that do not know the role `developer`: it becomes `system`. */
  readonly developerRole?: boolean;
  /** True for upstreams that know the tool choice `allowed_tools`, false for those that refuse it: there the other tools are left out. Default: clients of chat are taken at their word. */
  readonly allowedTools?: boolean;
}

/** The body of one chat request as the upstream takes it; the body itself when nothing is to be done. */
export function applyRules(body: Body, rules: FieldRules): Body {
  const { drop = [], keep, rename = {} } = rules;
  // Its parsed form has been read already, so looking there first costs less than looking through a long text.
  const { json } = body;
  const unknown = keep ? Object.keys(json).filter((field) => !keep.includes(field)) : [];
  const idle = rules.tidyTools && !hasTools(json) ? ["tools", "tool_choice", "parallel_tool_calls"] : [];
  let changed = dropFields(rules.allowedTools === false ? withAllowedTools(body) : body, [
    ...unknown,
    ...idle,
    ...drop,
  ]);
  for (const [field, name] of Object.entries(rename)) {
    if (holds(json, field.split("."))) changed = withRenamedField(changed, field.split("."), name);
  }
  if (rules.developerRole !== false || !messagesIn(json).some(({ role }) => role === "developer")) return changed;
  return withEachField(changed, ["messages", "*", "role"], (role) => (role === '"developer"' ? '"system"' : role));
}

/** Some of the tools only (OpenAI API reference, "allowed_tools"), said by leaving the others out. */
function withAllowedTools(body: Body): Body {
  const { tool_choice: choice, tools } = body.json;
  const allowed = isObject(choice) && choice["type"] === "allowed_tools" ? choice["allowed_tools"] : undefined;
  if (!isObject(allowed) || !Array.isArray(allowed["tools"]) || !Array.isArray(tools)) return body;
  const names = new Set(allowed["tools"].map(functionName));
  const left = tools.filter((tool: Json) => names.has(functionName(tool)));
  return withField(
    withField(body, ["tools"], left),
    ["tool_choice"],
    allowed["mode"] === "required" ? "required" : "auto",
  );
}

function functionName(tool: Json): Json | undefined {
  const described = isObject(tool) ? tool["function"] : undefined;
  return isObject(described) ? described["name"] : undefined;
}

export function dropFields(body: Body, fields: readonly string[]): Body {
  const paths = fields.map((field) => field.split("."));
  return paths.filter((path) => holds(body.json, path)).reduce((rest, path) => withoutField(rest, path), body);
}

/** The messages of a chat request, for `adapt`. */
export function messagesIn(json: JsonObject): readonly JsonObject[] {
  const { messages } = json;
  return Array.isArray(messages) ? messages.filter(isObject) : [];
}

function hasTools({ tools }: JsonObject): boolean {
  return Array.isArray(tools) ? tools.length > 0 : tools !== undefined && tools !== null;
}

function holds(json: Json | undefined, [key, ...rest]: readonly string[]): boolean {
  if (json === undefined) return false;
  if (key === undefined) return true;
  if (Array.isArray(json)) return key === "*" && json.some((item: Json) => holds(item, rest));
  return isObject(json) && Object.hasOwn(json, key) && holds(json[key], rest);
}
