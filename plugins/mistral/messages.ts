/** The history of a conversation as Mistral takes it. */
import { createHash } from "node:crypto";
import { type Body, type Json, type JsonObject, textBody, withEachField, withField, withoutField } from "waygate";
import { isObject, messagesIn } from "waygate/plugins/openai-compatible";

/** Only what differs is changed, in place. `thinks`: the model has given reasoning away and wants it back. */
export function withMistralMessages(body: Body, thinks: boolean): Body {
  const messages = messagesIn(body.json);
  const differs = messages.some((message) => isForeign(message)) || messages.at(-1)?.["role"] === "assistant";
  // Without any of it there are no ids to change, no parts to rename and no turns to put anything between.
  if (!differs) return body;
  const called = withEachField(body, ["messages", "*", "tool_calls", "*", "id"], mistralId);
  const answered = withEachField(called, ["messages", "*", "tool_call_id"], mistralId);
  return withTurns(answered, thinks, messages.length - 1);
}

const foreign = ["name", "tool_calls", "reasoning_content", "reasoning"];

function isForeign(message: JsonObject): boolean {
  return message["role"] === "tool" || Array.isArray(message["content"]) || foreign.some((field) => field in message);
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

/** Between a tool's answer and the next question stands an answer of the assistant. */
function withTurns(body: Body, thinks: boolean, last: number): Body {
  let before: unknown;
  let at = -1;
  return withEachField(body, ["messages", "*"], (text) => {
    at += 1;
    const message = textBody(text);
    const { role } = message.json;
    const bridge = before === "tool" && role === "user" ? '{"role":"assistant","content":"OK."},' : "";
    before = role;
    return bridge + withOwnFields(message, { thinks, isLast: at === last }).text;
  });
}

function withOwnFields(
  message: Body,
  { thinks, isLast }: { readonly thinks: boolean; readonly isLast: boolean },
): Body {
  const { role, name, content, tool_calls: calls, prefix } = message.json;
  // Names belong to tools only.
  let own = role !== "tool" && name !== undefined ? withoutField(message, ["name"]) : message;
  if (Array.isArray(content) && content.some((part: Json) => partOf(part) !== part)) {
    own = withField(own, ["content"], content.map(partOf));
  }
  if (role !== "assistant") return own;
  if (isLast && calls === undefined && prefix === undefined) own = withField(own, ["prefix"], true);
  return withThinking(own, thinks);
}

/** Documents and refusals have other names there (Mistral API reference, "Chat completion"). */
function partOf(part: Json): Json {
  if (!isObject(part)) return part;
  const { type, refusal, file } = part;
  if (type === "refusal" && typeof refusal === "string") return { type: "text", text: refusal };
  if (type !== "file" || !isObject(file) || typeof file["file_data"] !== "string") return part;
  const { file_data: url, filename } = file;
  return { type: "document_url", document_url: url, ...(typeof filename === "string" && { document_name: filename }) };
}

/** What `readThinking` has taken out of an answer, put back; or nothing, where it is not known. */
function withThinking(message: Body, thinks: boolean): Body {
  const { reasoning_content: newer, reasoning: older, content } = message.json;
  const text = [newer, older].find((field) => typeof field === "string" && field !== "");
  const bare = withoutField(withoutField(message, ["reasoning_content"]), ["reasoning"]);
  if (!thinks || typeof text !== "string") return bare;
  const said: readonly Json[] = Array.isArray(content)
    ? (content as readonly Json[])
    : typeof content === "string" && content !== ""
      ? [{ type: "text", text: content }]
      : [];
  return withField(bare, ["content"], [{ type: "thinking", thinking: [{ type: "text", text }] }, ...said]);
}
