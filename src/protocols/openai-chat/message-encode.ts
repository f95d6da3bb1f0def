/** Canonical messages to messages of the wire. One canonical message can become several: tool results stand alone. */
import type { Json, JsonObject, Message, Part } from "../canonical.ts";
import { saysFailed } from "../failed-result.ts";
import type { Emit, Loss } from "../types.ts";
import { describe, encodeContent, encodePicture, ownValue } from "./content-encode.ts";
import { emptyContent } from "./message-decode.ts";
import { withSeal } from "./seal.ts";
import { defined, isArray, isEmpty, isObject, protocolId, readMeta } from "./values.ts";

type ToolCall = Extract<Part, { type: "tool-call" }>;
type ToolResult = Extract<Part, { type: "tool-result" }>;

/** `own`: the client wrote them in this protocol. */
export function encodeMessages(messages: readonly Message[], own: boolean, lose: Emit<Loss>): Json[] {
  const encoded: Json[] = [];
  // Tool messages carry text only and must stand together, so pictures in results follow in a user message.
  let shown: Part[] = [];
  const show = (): void => {
    if (shown.length > 0) encoded.push({ role: "user", content: encodeContent(shown, {}, "", lose) ?? "" });
    shown = [];
  };
  for (const message of messages) {
    const whole = message.parts.length === 1 && message.parts[0] ? ownValue(message.parts[0], "message") : undefined;
    if (whole !== undefined) {
      show();
      encoded.push(whole);
    } else if (message.role === "assistant") {
      show();
      encoded.push(...encodeAssistant(message, own, lose));
    } else {
      const results = message.parts.filter((part) => part.type === "tool-result");
      const others = message.parts.filter((part) => part.type !== "tool-result");
      for (const result of results) shown.push(...encodeResult(result, encoded, lose));
      if (results.length > 0 && others.length === 0) continue;
      if (message.role === "system") show();
      encoded.push(...encodePlain({ ...message, parts: [...shown, ...others] }, lose));
      shown = [];
    }
  }
  show();
  return encoded;
}

function encodePlain({ role, parts, meta }: Message, lose: Emit<Loss>): readonly Json[] {
  const { rest, form } = readMeta(meta);
  const content = encodeContent(parts, form, "", lose);
  if (isEmptied(parts, content)) return [];
  return [defined({ ...rest, role: role === "system" && form["role"] === "developer" ? "developer" : role, content })];
}

/** True when all that was said is lost. What a client has left empty stays as it is. */
function isEmptied(parts: readonly Part[], content: Json | undefined): boolean {
  return !isArray(content) && !content && parts.length > 0 && !parts.some((part) => part.type === "text");
}

/** Adds the tool message and returns what it cannot hold. */
function encodeResult(result: ToolResult, encoded: Json[], lose: Emit<Loss>): Part[] {
  const { rest, form } = readMeta(result.meta);
  const aside = form["content"] === "parts" ? [] : result.content.filter((part) => part.type === "media");
  let content: readonly Part[] = result.content.filter((part) => !aside.some((other) => other === part));
  if (content.length === 0 && aside.length > 0) content = [{ type: "text", text: "See the next message." }];
  if (result.isError) {
    lose({ what: "the mark of a failed tool", where: `tool result ${result.id}` });
    content = saysFailed(content);
  }
  encoded.push(
    defined({ ...rest, role: "tool", tool_call_id: result.id, content: encodeContent(content, form, "", lose) }),
  );
  return aside;
}

function encodeAssistant({ parts, meta }: Message, own: boolean, lose: Emit<Loss>): readonly Json[] {
  const { rest, form } = readMeta(meta);
  const content: Part[] = [];
  const calls: Json[] = [];
  const images: Json[] = [];
  let reasoning = "";
  let refusal = "";
  for (const part of parts) {
    const ownCall = ownValue(part, "tool_call");
    if (ownCall !== undefined) calls.push(ownCall);
    else if (part.type === "tool-call") calls.push(encodeToolCall(part, lose));
    else if (part.type === "reasoning") {
      // Signed reasoning belongs to its minter; other upstreams must not be handed it.
      if (part.seal) lose({ what: "signed reasoning", where: "assistant message" });
      else reasoning += part.text;
    } else if (part.type === "tool-result" || (part.type === "media" && !own)) {
      lose({ what: `${describe(part)} of the assistant`, where: "assistant message" });
    } else if (part.type === "media" && readMeta(part.meta).form["place"] === "images") {
      const picture = encodePicture(part);
      if (picture) images.push(picture);
    } else if (part.type === "text" && part.refusal && readMeta(part.meta).form["refusal"] !== "part") {
      refusal += part.text;
    } else content.push(part);
  }
  const others = refusal === "" ? calls : [...calls, refusal];
  const said = encodeContent(content, form, emptyContent(others, rest), lose);
  const more = {
    ...(reasoning !== "" && { [form["reasoning"] === "reasoning" ? "reasoning" : "reasoning_content"]: reasoning }),
    ...(refusal !== "" && { refusal }),
    ...(calls.length > 0 && { tool_calls: calls }),
    ...(images.length > 0 && { images }),
  };
  if (isEmpty(rest) && isEmpty(more) && isEmptied(parts, said)) return [];
  return [defined({ ...rest, role: "assistant", content: said, ...more })];
}

function encodeToolCall({ id, name, input, seal, meta }: ToolCall, lose: Emit<Loss>): JsonObject {
  const { rest, form } = readMeta(meta);
  // Only an upstream that is no server of chat itself, as behind a plugin, can have minted one of this protocol.
  const isOwn = seal?.protocol === protocolId;
  if (seal && !isOwn) lose({ what: "the signature of a tool call", where: `tool call ${id}` });
  const inner = isObject(rest["function"]) ? rest["function"] : {};
  const asObject = form["arguments"] === "object" ? parsed(input) : undefined;
  return {
    ...(seal && isOwn ? withSeal(rest, seal) : rest),
    id,
    ...(form["type"] !== "absent" && { type: "function" }),
    function: { ...inner, name, arguments: asObject ?? input },
  };
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    // A hook has put in what is not JSON; then it goes as the string it is.
    return undefined;
  }
}
