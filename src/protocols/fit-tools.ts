/**
 * Names and ids of tools as the target allows them. Clients may use any; each target has a character class and a length
 * of its own. Replacements follow from the text alone, so that a conversation keeps them from turn to turn.
 */
import { createHash } from "node:crypto";
import type { GenerateRequest, Message, Part, Tool, ToolChoice } from "./canonical.ts";
import type { Protocol, TextRule } from "./types.ts";

export interface Fitted {
  readonly request: GenerateRequest;
  /** The client's name by the name that was sent; absent when they are all the same. */
  readonly names: ReadonlyMap<string, string> | undefined;
}

/** The request itself when everything fits. */
export function fitTools(request: GenerateRequest, rules: Protocol["tools"]): Fitted {
  if (!rules) return { request, names: undefined };
  const sent = renamed(namesIn(request), rules.name);
  const messages = withIds(request.messages, rules.id);
  if (!sent) return { request: messages === request.messages ? request : { ...request, messages }, names: undefined };
  const rename = (name: string): string => sent.get(name) ?? name;
  return {
    request: {
      ...request,
      messages: messages.map((message) => mapParts(message, (part) => renamePart(part, rename))),
      ...(request.tools && { tools: request.tools.map((tool) => renameTool(tool, rename)) }),
      ...(request.toolChoice && { toolChoice: renameChoice(request.toolChoice, rename) }),
    },
    names: new Map(Array.from(sent, ([own, other]) => [other, own])),
  };
}

function namesIn({ tools = [], messages }: GenerateRequest): ReadonlySet<string> {
  const names = new Set<string>();
  for (const tool of tools) if (tool.type === "function") names.add(tool.name);
  for (const { parts } of messages) for (const part of parts) if (part.type === "tool-call") names.add(part.name);
  return names;
}

/** What has to be called otherwise; `undefined` when nothing has. */
function renamed(texts: ReadonlySet<string>, rule: TextRule): ReadonlyMap<string, string> | undefined {
  let changed: Map<string, string> | undefined;
  const taken = new Set(texts);
  for (const text of texts) {
    const fitting = fit(text, rule);
    if (fitting === text) continue;
    const free = taken.has(fitting) ? marked(fitting, text, rule) : fitting;
    taken.add(free);
    (changed ??= new Map()).set(text, free);
  }
  return changed;
}

function fit(text: string, rule: TextRule): string {
  const allowed = text.replace(rule.forbidden, "_");
  if (allowed.length > rule.max) return marked(allowed, text, rule);
  return allowed === "" ? "_" : allowed;
}

/** Cut short, with a mark of the whole text behind it that keeps it apart from others that begin alike. */
function marked(text: string, whole: string, { max }: TextRule): string {
  const mark = createHash("sha256").update(whole).digest("hex").slice(0, 8);
  return `${text.slice(0, max - mark.length - 1)}_${mark}`;
}

/**
 * Ids that fit, each call with one of its own. Some upstreams count calls from zero in every turn, so one id may stand
 * for several calls of a conversation: a result belongs to the earliest of them that has none yet.
 */
function withIds(messages: readonly Message[], rule: TextRule): readonly Message[] {
  const ids = new Set<string>();
  let repeated = false;
  for (const { parts } of messages) {
    for (const part of parts) {
      if (part.type !== "tool-call") continue;
      repeated ||= ids.has(part.id);
      ids.add(part.id);
    }
  }
  for (const { parts } of messages) for (const part of parts) if (part.type === "tool-result") ids.add(part.id);
  const changed = renamed(ids, rule);
  if (!repeated && !changed) return messages;

  const counts = new Map<string, number>();
  const unanswered = new Map<string, string[]>();
  const unique = (id: string): string => {
    const count = (counts.get(id) ?? 0) + 1;
    counts.set(id, count);
    const fitting = changed?.get(id) ?? id;
    return count === 1 ? fitting : marked(fitting, `${id}\n${count}`, rule);
  };
  return messages.map((message) =>
    mapParts(message, (part) => {
      if (part.type === "tool-call") {
        const id = unique(part.id);
        const open = unanswered.get(part.id);
        if (open) open.push(id);
        else unanswered.set(part.id, [id]);
        return { ...part, id };
      }
      if (part.type !== "tool-result") return part;
      return { ...part, id: unanswered.get(part.id)?.shift() ?? changed?.get(part.id) ?? part.id };
    }),
  );
}

function mapParts(message: Message, change: (part: Part) => Part): Message {
  return { ...message, parts: message.parts.map(change) };
}

function renamePart(part: Part, rename: (name: string) => string): Part {
  return part.type === "tool-call" ? { ...part, name: rename(part.name) } : part;
}

function renameTool(tool: Tool, rename: (name: string) => string): Tool {
  return tool.type === "function" ? { ...tool, name: rename(tool.name) } : tool;
}

function renameChoice(choice: ToolChoice, rename: (name: string) => string): ToolChoice {
  if (typeof choice === "string") return choice;
  if ("name" in choice) return { name: rename(choice.name) };
  return { ...choice, names: choice.names.map(rename) };
}
