/** One system message, the first: the service takes no other, and keeps what stands in it for the next request. */
import { type Body, type Json, type JsonObject, withField } from "waygate";
import { isObject } from "waygate/plugins/openai-compatible";

/** `isPlain`: for models that take text only where there are no tools. */
export function withOneSystem(body: Body, { isPlain }: { readonly isPlain: boolean }): Body {
  const { messages } = body.json;
  if (!Array.isArray(messages)) return body;
  const all = messages as readonly Json[];
  const texts = all.filter(isSystem).map((message) => textOf((message as JsonObject)["content"]));
  const text = texts.filter((each) => each !== "").join("\n\n");
  const content: Json = isPlain ? text : [{ type: "text", text, cache_control: { type: "ephemeral" } }];
  const others = all.filter((message) => !isSystem(message));
  return withField(body, ["messages"], [{ role: "system", content }, ...(isPlain ? others.map(flat) : others)]);
}

function isSystem(message: Json): boolean {
  return isObject(message) && (message["role"] === "system" || message["role"] === "developer");
}

function textOf(content: Json | undefined): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  const parts = (content as readonly Json[]).map((part) => (isObject(part) ? part["text"] : part));
  return parts.filter((part): part is string => typeof part === "string").join("\n");
}

/** Content that is text in parts as one text; pictures stay as they are. */
function flat(message: Json): Json {
  if (!isObject(message) || !Array.isArray(message["content"])) return message;
  const parts = message["content"] as readonly Json[];
  const isText = parts.every((part) => isObject(part) && part["type"] === "text");
  return isText ? { ...message, content: textOf(parts) } : message;
}
