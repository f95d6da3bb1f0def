/** Tool calls and their results in the strict order some services want: a call's results directly behind its message. */
import type { Message, Part } from "./canonical.ts";

type ToolResult = Extract<Part, { type: "tool-result" }>;

/**
 * Joins neighbouring assistant messages that make up one round of calls, moves results to behind their calls and what
 * stood in between behind the results. A call without a result gets one that says so; a result without a call becomes
 * text of the user.
 */
export function withPairedCalls(messages: readonly Message[]): readonly Message[] {
  const joined = joinRounds(messages);
  const results = resultsById(joined);
  const taken = new Set<Part>();
  return joined.flatMap((message, at) => {
    if (message.role === "assistant") {
      const found = message.parts.flatMap((part): ToolResult[] => {
        if (part.type !== "tool-call") return [];
        const next = results.get(part.id)?.find((one) => one.at > at && !taken.has(one.result));
        if (next) taken.add(next.result);
        return [next?.result ?? { type: "tool-result", id: part.id, content: [{ type: "text", text: noResult }] }];
      });
      return found.length === 0 ? [message] : [message, { role: "user", parts: found }];
    }
    if (!message.parts.some((part) => part.type === "tool-result")) return [message];
    const parts = message.parts.flatMap((part) => {
      if (part.type !== "tool-result") return [part];
      return taken.has(part) ? [] : part.content;
    });
    return parts.length === 0 ? [] : [{ ...message, parts }];
  });
}

const noResult = "No result.";

/** By id, in the order of the conversation: an id may stand for several calls. */
function resultsById(messages: readonly Message[]): ReadonlyMap<string, { at: number; result: ToolResult }[]> {
  const results = new Map<string, { at: number; result: ToolResult }[]>();
  messages.forEach(({ parts }, at) => {
    for (const part of parts) {
      if (part.type !== "tool-result") continue;
      const known = results.get(part.id);
      if (known) known.push({ at, result: part });
      else results.set(part.id, [{ at, result: part }]);
    }
  });
  return results;
}

function joinRounds(messages: readonly Message[]): readonly Message[] {
  const joined: Message[] = [];
  for (const message of messages) {
    const last = joined.at(-1);
    const calling = last?.role === "assistant" && last.parts.some((part) => part.type === "tool-call");
    if (last && calling && message.role === "assistant") {
      joined[joined.length - 1] = { ...last, parts: [...last.parts, ...message.parts] };
    } else joined.push(message);
  }
  return joined;
}
