/**
 * Tools may stand in namespaces, and calls name both. Elsewhere there is one name only, which is made of the two. Source:
 * OpenAI's function calling guide, "Defining namespaces", and `namespace` of the calls in its Responses reference.
 */
import type { JsonObject, Tool } from "../canonical.ts";
import { isObject, isText, readMeta } from "./values.ts";

/** What is said of a call or a tool: its name here, and the namespace it stands in. */
export interface WireName {
  readonly name: string;
  readonly namespace?: string;
}

/** The namespace of tools that are in none: its name is not part of theirs. */
const common = "functions";

/** The name for everybody else. */
export function flatName({ name, namespace }: WireName): string {
  // A function found by a tool search stands in a namespace of its own name.
  if (namespace === undefined || namespace === common || namespace === name) return name;
  return `${namespace}${namespace.endsWith("__") ? "" : "__"}${name}`;
}

/** The name of a call's tool, and what is noted of it where that is another one than the call says. */
export function readCallName(
  name: string,
  { namespace }: JsonObject,
): { readonly name: string; readonly form: JsonObject } {
  const flat = isText(namespace) ? flatName({ name, namespace }) : name;
  return { name: flat, form: flat === name ? {} : { bare: name } };
}

/** The name a call says. */
export function bareName(name: string, form: JsonObject): string {
  const { bare } = form;
  return typeof bare === "string" ? bare : name;
}

/** How calls of the tool name it. */
export function wireName(tool: Tool): WireName {
  const { form } = readMeta(tool.meta);
  const group = isObject(form["group"]) ? form["group"] : {};
  const name = bareName(tool.name, form);
  return isText(group["name"]) ? { name, namespace: group["name"] } : { name };
}
