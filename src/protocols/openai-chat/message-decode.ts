/** One message of the wire to one canonical message. What does not fit goes through whole, as an opaque part. */
import type { Json, JsonObject, Message, Part } from "../canonical.ts";
import { decodeContent, decodeImages, opaque } from "./content-decode.ts";
import { takeSeal } from "./seal.ts";
import { isArray, isObject, isText, ownMeta, without } from "./values.ts";

/** Total: every JSON value becomes a message from which `encodeMessages` makes the same value again. */
export function decodeMessage(value: Json): Message {
  return (isObject(value) ? decodeRole(value) : undefined) ?? { role: "user", parts: [opaque("message", value)] };
}

function decodeRole(message: JsonObject): Message | undefined {
  switch (message["role"]) {
    case "system":
    case "developer":
      return plainMessage(message, "system", message["role"] === "developer" ? { role: "developer" } : {});
    case "user":
      return plainMessage(message, "user", {});
    case "assistant":
      return assistantMessage(message);
    case "tool":
      return toolMessage(message);
    default:
      return undefined;
  }
}

function plainMessage(message: JsonObject, role: "system" | "user", form: JsonObject): Message | undefined {
  const content = decodeContent(message["content"], "");
  if (!content) return undefined;
  const meta = ownMeta(without(message, ["role", "content"]), { ...form, ...content.form });
  return { role, parts: content.parts, ...meta };
}

/** A tool's answer is a part of the user's turn, as in the block protocols. */
function toolMessage(message: JsonObject): Message | undefined {
  const id = message["tool_call_id"];
  const content = decodeContent(message["content"], "");
  if (typeof id !== "string" || !content) return undefined;
  const meta = ownMeta(without(message, ["role", "tool_call_id", "content"]), content.form);
  return { role: "user", parts: [{ type: "tool-result", id, content: content.parts, ...meta }] };
}

function assistantMessage(message: JsonObject): Message | undefined {
  const { refusal, tool_calls: calls, reasoning_content: reasoningContent, reasoning } = message;
  const taken = ["role", "content"];
  const form: { [key: string]: Json } = {};
  const before: Part[] = [];
  const after: Part[] = [];
  if (isText(reasoningContent)) {
    taken.push("reasoning_content");
    before.push({ type: "reasoning", text: reasoningContent });
  } else if (isText(reasoning)) {
    taken.push("reasoning");
    before.push({ type: "reasoning", text: reasoning });
    form["reasoning"] = "reasoning";
  }
  if (isText(refusal)) {
    taken.push("refusal");
    after.push({ type: "text", text: refusal, refusal: true });
  }
  if (isArray(calls) && calls.length > 0) {
    taken.push("tool_calls");
    after.push(...calls.map(decodeToolCall));
  }
  const images = decodeImages(message["images"]);
  if (images) {
    taken.push("images");
    after.push(...images);
  }
  const rest = without(message, taken);
  const spoken = after.filter((part) => part.type !== "media");
  const content = decodeContent(message["content"], emptyContent(spoken, rest));
  if (!content) return undefined;
  return {
    role: "assistant",
    parts: [...before, ...content.parts, ...after],
    ...ownMeta(rest, { ...form, ...content.form }),
  };
}

/** What stands for no content: only beside something else may it be null (OpenAI's chat reference). */
export function emptyContent(others: readonly unknown[], rest: JsonObject): null | "" {
  return others.length > 0 || isObject(rest["function_call"]) || isObject(rest["audio"]) ? null : "";
}

function decodeToolCall(value: Json): Part {
  if (!isObject(value)) return opaque("tool_call", value);
  const { id, type, function: called } = value;
  if (typeof id !== "string" || (type !== undefined && type !== "function") || !isObject(called)) {
    return opaque("tool_call", value);
  }
  const { name, arguments: input } = called;
  if (typeof name !== "string" || (typeof input !== "string" && !isObject(input))) return opaque("tool_call", value);
  const { rest, seal } = takeSeal(without(value, ["id", "type", "function"]));
  const inner = without(called, ["name", "arguments"]);
  const form = {
    ...(type === undefined && { type: "absent" }),
    ...(isObject(input) && { arguments: "object" }),
  };
  const meta = ownMeta(Object.keys(inner).length > 0 ? { ...rest, function: inner } : rest, form);
  const text = isObject(input) ? JSON.stringify(input) : input;
  return { type: "tool-call", id, name, input: text, ...(seal && { seal }), ...meta };
}
