/** Ids of calls, which some models give twice; clients and the caches of signatures know a call by its id alone. */
import { type Attempt, type Rewriter, textBody, withEachField } from "waygate";

const places = ["candidates", "*", "content", "parts", "*", "functionCall", "id"];

/**
 * A new id in place of one that the conversation has already, or that came before in this answer. Clients of Google's
 * own protocol get ids as they are.
 */
export function uniqueIds({ ctx }: Attempt): Rewriter {
  let used: Set<string> | undefined;
  const edit = (text: string): string => {
    if (!text.includes('"functionCall"')) return text;
    const ids = (used ??= idsIn(ctx.request.messages));
    const change = (json: string): string => {
      const id: unknown = JSON.parse(json);
      if (typeof id !== "string" || id === "") return json;
      let own = id;
      for (let number = 2; ids.has(own); number++) own = `${id}_${number}`;
      ids.add(own);
      return own === id ? json : JSON.stringify(own);
    };
    return withEachField(textBody(text), places, change).text;
  };
  return {
    message(message) {
      const data = edit(message.data);
      return data === message.data ? message : { ...message, data };
    },
    body: edit,
  };
}

function idsIn(messages: Attempt["ctx"]["request"]["messages"]): Set<string> {
  return new Set(messages.flatMap(({ parts }) => parts.flatMap((part) => (part.type === "tool-call" ? part.id : []))));
}
