/**
 * Names of tools as the upstream wants them. A prefix keeps Gemini 3 from taking a tool for one that it remembers from
 * its training, with other parameters.
 */
import { createHash } from "node:crypto";
import type { Json, JsonObject } from "waygate";
import { isObject } from "waygate/plugins/openai-compatible";
import { declarationsOf, itemsOf, objectsOf, withDeclarations, withParts } from "./request.ts";
import type { ToolGuard } from "./tool-guard.ts";

export interface NameRule {
  /** Put before every name. */
  readonly prefix?: string;
  /** Other names for some tools, before anything else. */
  readonly renames?: { readonly [name: string]: string };
  /** What no name may hold, with the flag `g`. Default: what Gemini's reference forbids. */
  readonly forbidden?: RegExp;
  /** Default 64. */
  readonly max?: number;
}

/** Google's reference, `FunctionDeclaration.name`: a letter or an underscore first. */
const usual = /^[^a-zA-Z_]|[^\w.:-]/g;

/** Renames tools where they are declared, called, answered and allowed, and back in the answer. */
export function renamedTools(request: JsonObject, rule: NameRule): ToolGuard {
  const names = namesIn(request);
  const sent = sentNames(names, rule);
  if (sent.size === 0) return { request };
  const own = new Map(Array.from(sent, ([name, other]) => [other, name]));
  const { prefix = "" } = rule;
  const back = (name: string): string => {
    const known = own.get(name) ?? name;
    // What a model has made up with the prefix is no tool of the client, which is told so by the name without it.
    const madeUp = known === name && prefix !== "" && name.startsWith(prefix) && !names.has(name);
    return madeUp ? name.slice(prefix.length) : known;
  };
  return {
    request: rename(request, (name) => sent.get(name) ?? name),
    call(call) {
      const { name } = call;
      const known = typeof name === "string" ? back(name) : name;
      return known === name ? call : { ...call, name: known as Json };
    },
  };
}

function namesIn(request: JsonObject): ReadonlySet<string> {
  const names = new Set<string>();
  const add = (name: Json | undefined): void => {
    if (typeof name === "string" && name !== "") names.add(name);
  };
  for (const { name } of declarationsOf(request)) add(name);
  for (const { parts } of objectsOf(request["contents"])) {
    for (const { functionCall, functionResponse } of objectsOf(parts)) {
      if (isObject(functionCall)) add(functionCall["name"]);
      if (isObject(functionResponse)) add(functionResponse["name"]);
    }
  }
  return names;
}

/** The names that change, by the client's. They follow from the names alone, so that a conversation keeps them. */
function sentNames(names: ReadonlySet<string>, rule: NameRule): ReadonlyMap<string, string> {
  const { prefix = "", renames = {}, forbidden = usual, max = 64 } = rule;
  const all = [...names];
  const wanted = all.map((name) => {
    const other = Object.hasOwn(renames, name) ? renames[name] : name;
    const allowed = `${prefix}${other}`.replace(forbidden, "_");
    return allowed.length > max ? marked(allowed, name, max) : allowed;
  });
  const taken = new Set(all.filter((name, at) => wanted[at] === name));
  const sent = new Map<string, string>();
  all.forEach((name, at) => {
    const fitting = wanted[at] ?? name;
    if (fitting === name) return;
    const free = taken.has(fitting) ? marked(fitting, name, max) : fitting;
    taken.add(free);
    sent.set(name, free);
  });
  return sent;
}

/** Cut short, with a mark of the client's name behind it. */
function marked(text: string, name: string, max: number): string {
  const mark = createHash("sha256").update(name).digest("hex").slice(0, 8);
  return `${text.slice(0, max - mark.length - 1)}_${mark}`;
}

function rename(request: JsonObject, change: (name: string) => string): JsonObject {
  const renamed = (named: JsonObject): JsonObject => {
    const { name } = named;
    return typeof name === "string" ? { ...named, name: change(name) } : named;
  };
  const declared = withDeclarations(request, renamed);
  const said = withParts(declared, (part) => {
    const { functionCall, functionResponse } = part;
    if (isObject(functionCall)) return { ...part, functionCall: renamed(functionCall) };
    return isObject(functionResponse) ? { ...part, functionResponse: renamed(functionResponse) } : part;
  });
  const { toolConfig } = said;
  const calling = isObject(toolConfig) ? toolConfig["functionCallingConfig"] : undefined;
  if (!isObject(toolConfig) || !isObject(calling) || calling["allowedFunctionNames"] === undefined) return said;
  const allowedFunctionNames = itemsOf(calling["allowedFunctionNames"]).map((name) =>
    typeof name === "string" ? change(name) : name,
  );
  return { ...said, toolConfig: { ...toolConfig, functionCallingConfig: { ...calling, allowedFunctionNames } } };
}
