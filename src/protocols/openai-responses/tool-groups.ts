/** Where tools are declared: in a list, in namespaces of it, and in items of the input that add to it. */
import type { Json, JsonObject, Tool } from "../canonical.ts";
import type { Emit, Loss } from "../types.ts";
import { decodeTool, encodeTool, hosted } from "./request-tools.ts";
import { flatName } from "./tool-names.ts";
import { isArray, isObject, isText, readMeta, without } from "./values.ts";

/**
 * `undefined` when the value is not a list of tools; an empty list stays as the client wrote it, too. `form` is noted of
 * each.
 */
export function decodeTools(value: Json | undefined, form: JsonObject = {}): readonly Tool[] | undefined {
  if (!isArray(value) || value.length === 0 || !value.every(isObject)) return undefined;
  return value.flatMap((tool, index) => decodeNamespace(tool, index, form) ?? [decodeTool(tool, form)]);
}

/** Every member says which namespace it stands in, so that each can be left out. */
function decodeNamespace(tool: JsonObject, index: number, form: JsonObject): readonly Tool[] | undefined {
  const { type, name, description, tools } = tool;
  if (type !== "namespace" || !isText(name) || !isArray(tools)) return undefined;
  if (tools.length === 0 || !tools.every(isObject)) return undefined;
  const group = { index, name, fields: without(tool, ["type", "tools"]) };
  return tools.map((member, at) => {
    const { name: bare } = member;
    if (!isText(bare)) return hosted(member, { ...form, group });
    const described: JsonObject = at === 0 && isText(description) ? { [groupDescription]: description } : {};
    const flat = decodeTool(member, { ...form, group, bare }, described);
    return { ...flat, name: flatName({ name: bare, namespace: name }) };
  });
}

/** Nobody else has a place for it, which is a loss once and not for every member. */
const groupDescription = "the description of a namespace";

/** True for an item that declares tools. */
export function declaresTools(item: Json): item is JsonObject & { readonly tools: readonly Json[] } {
  return isObject(item) && item["type"] === "additional_tools" && isArray(item["tools"]);
}

/** With the tools of the items; of those called alike the latest is meant, but what the list itself says stays. */
export function withAdditional(declared: readonly Tool[] | undefined, items: readonly Json[]): readonly Tool[] {
  const listed = new Set(declared?.map(({ name }) => name));
  const added = new Map<string, Tool>();
  for (const item of items) {
    for (const tool of (declaresTools(item) && decodeTools(item.tools, { aside: true })) || []) {
      if (!listed.has(tool.name)) added.set(tool.name, tool);
    }
  }
  return [...(declared ?? []), ...added.values()];
}

/** Tools of an item are left to it. */
export function encodeTools(tools: readonly Tool[], lose: Emit<Loss>): readonly JsonObject[] {
  const encoded: JsonObject[] = [];
  let open: { readonly index: Json; readonly members: Json[] } | undefined;
  for (const tool of tools) {
    const { form } = readMeta(tool.meta);
    const one = form["aside"] === true ? undefined : encodeTool(tool, lose);
    if (!one) continue;
    const { group } = form;
    if (!isObject(group)) {
      open = undefined;
      encoded.push(one);
      continue;
    }
    const member = without(one, [groupDescription]);
    if (open && open.index === group["index"]) {
      open.members.push(member);
      continue;
    }
    open = { index: group["index"] ?? null, members: [member] };
    encoded.push({ ...(isObject(group["fields"]) && group["fields"]), type: "namespace", tools: open.members });
  }
  return encoded;
}
