/**
 * What the API refuses though a reader can tell what was meant. Sources: the messages of its 400 answers; guides to
 * extended thinking ("Feature compatibility") and to working with messages.
 */
import type { Json, JsonObject } from "../canonical.ts";
import { missesThinking } from "./thinking.ts";
import { isArray, isNumber, isObject, isText } from "./values.ts";

/** True for a request in the grammar of this protocol which can be put in a form that is accepted. */
export function isRefused(json: JsonObject): boolean {
  const messages = isArray(json["messages"]) ? json["messages"].filter(isObject) : [];
  return hasBlankStop(json["stop_sequences"]) || hasBadTurn(messages) || hasBadThinking(json, messages);
}

function hasBlankStop(stops: Json | undefined): boolean {
  return isArray(stops) && stops.some((one) => typeof one === "string" && one.trim() === "");
}

function hasBadTurn(messages: readonly JsonObject[]): boolean {
  const last = messages.at(-1);
  if (messages[0]?.["role"] === "assistant") return true;
  return messages.some((message) => {
    const { role, content } = message;
    const open = message === last && role === "assistant";
    if (typeof content === "string") return isBlank(content) ? !(open && content === "") : open && /\s$/.test(content);
    if (!isArray(content)) return false;
    if (content.length === 0) return !open;
    const end = content.at(-1);
    if (open && isObject(end) && isText(end["text"]) && /\s$/.test(end["text"])) return true;
    return content.some((block) => isObject(block) && block["type"] === "text" && isBlank(block["text"]));
  });
}

function isBlank(text: Json | undefined): boolean {
  return typeof text === "string" && !/\S/.test(text);
}

function hasBadThinking(json: JsonObject, messages: readonly JsonObject[]): boolean {
  const { thinking, temperature, top_p: topP, top_k: topK, tool_choice: choice, max_tokens: limit } = json;
  const type = isObject(thinking) ? thinking["type"] : undefined;
  if (type !== "enabled" && type !== "adaptive") return false;
  if (isNumber(temperature) && temperature !== 1) return true;
  if (isNumber(topK) || (isNumber(topP) && topP < 0.95)) return true;
  if (type === "adaptive" || !isObject(thinking)) return false;
  const budget = thinking["budget_tokens"];
  const forced = isObject(choice) && (choice["type"] === "any" || choice["type"] === "tool");
  return forced || (isNumber(budget) && isNumber(limit) && limit <= budget) || missesThinking(messages);
}
