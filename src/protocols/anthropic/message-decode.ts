/** Messages and the system prompt of the wire to canonical messages. */
import type { Json, JsonObject, Message } from "../canonical.ts";
import { decodeBlock, decodeContent } from "./content-decode.ts";
import { invalid } from "./inspect.ts";
import { isArray, isObject, isText, ownMeta, without } from "./values.ts";

/** Throws a `ProxyError` of kind `invalid_request` for a role nobody could translate. */
export function decodeMessages(messages: Json | undefined): Message[] {
  return isArray(messages) ? messages.map(decodeMessage) : [];
}

function decodeMessage(value: Json, index: number): Message {
  const message = isObject(value) ? value : {};
  const { role } = message;
  if (role !== "user" && role !== "assistant" && role !== "system") {
    throw invalid(
      `messages.${index}.role`,
      `messages.${index}: Unexpected role ${JSON.stringify(role)}. The allowed roles are "user", "assistant" and "system".`,
    );
  }
  const { parts, form } = decodeContent(message["content"]);
  // The other place for instructions is the top-level `system`.
  const place: JsonObject = role === "system" ? { place: "messages" } : {};
  return { role, parts, ...ownMeta(without(message, ["role", "content"]), { ...form, ...place }) };
}

/**
 * The block Claude Code puts first names its build and differs from request to request; for anybody else it is noise
 * that no cache survives.
 */
const billing = "x-anthropic-billing-header";

export interface System {
  readonly message: Message | undefined;
  /** For the request's `form`: what is only for this protocol to see. */
  readonly form: JsonObject;
}

/** `undefined` when the field holds nothing, or nothing this protocol knows. */
export function decodeSystem(system: Json | undefined): System | undefined {
  if (isText(system)) return { message: { role: "system", parts: [{ type: "text", text: system }] }, form: {} };
  if (!isArray(system) || system.length === 0 || !system.every(isObject)) return undefined;
  const [first, ...others] = system;
  const billed = isText(first?.["text"]) && first["text"].startsWith(billing);
  const parts = (billed ? others : system).map(decodeBlock);
  const message: Message = { role: "system", parts, ...ownMeta({}, { content: "blocks" }) };
  return { message: parts.length > 0 ? message : undefined, form: billed && first ? { billing: first } : {} };
}
