/** The history of a conversation as Mistral takes it. */
import { createHash } from "node:crypto";
import { type Body, textBody, withEachField, withoutField } from "waygate";
import { messagesIn } from "waygate/plugins/openai-compatible";

/** Only what differs is changed, in place. */
export function withMistralMessages(body: Body): Body {
  const messages = messagesIn(body.json);
  // Without tools there are no ids to change and no turns to put anything between.
  if (!messages.some(({ role, name, tool_calls: calls }) => role === "tool" || name !== undefined || calls))
    return body;
  const called = withEachField(body, ["messages", "*", "tool_calls", "*", "id"], mistralId);
  return withTurns(withEachField(called, ["messages", "*", "tool_call_id"], mistralId));
}

/**
 * Mistral API reference, "Function calling": ids have nine letters or digits. The same id always gives the same one, so
 * calls and their results stay together without a table.
 */
function mistralId(json: string): string {
  const id: unknown = JSON.parse(json);
  if (typeof id !== "string" || /^[a-z\d]{9}$/i.test(id)) return json;
  const hash = createHash("sha256").update(id).digest();
  let digits = "";
  for (let value = hash.readBigUInt64BE(); digits.length < 9; value /= 62n) digits += alphabet[Number(value % 62n)];
  return JSON.stringify(digits);
}

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** Names belong to tools only, and between a tool's answer and the next question stands an answer of the assistant. */
function withTurns(body: Body): Body {
  let before: unknown;
  return withEachField(body, ["messages", "*"], (message) => {
    const { role, name } = textBody(message).json;
    const bare = role !== "tool" && name !== undefined ? withoutField(textBody(message), ["name"]).text : message;
    const bridge = before === "tool" && role === "user" ? '{"role":"assistant","content":"OK."},' : "";
    before = role;
    return bridge + bare;
  });
}
