/** Canonical messages to messages of the wire. One canonical message can become several: tool results stand alone. */
import type { Json, JsonObject, Message, Part } from "../canonical.ts";
import type { Emit, Loss } from "../types.ts";
import { describe, encodeContent, ownValue } from "./content-encode.ts";
import { emptyContent } from "./message-decode.ts";
import { defined, isObject, readMeta } from "./values.ts";

type ToolCall = Extract<Part, { type: "tool-call" }>;
type ToolResult = Extract<Part, { type: "tool-result" }>;

export function encodeMessages(messages: readonly Message[], lose: Emit<Loss>): Json[] {
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
      encoded.push(encodeAssistant(message, lose));
    } else {
      const results = message.parts.filter((part) => part.type === "tool-result");
      const others = message.parts.filter((part) => part.type !== "tool-result");
      for (const result of results) shown.push(...encodeResult(result, encoded, lose));
      if (results.length > 0 && others.length === 0) continue;
      if (message.role === "system") show();
      encoded.push(encodePlain({ ...message, parts: [...shown, ...others] }, lose));
      shown = [];
    }
  }
  show();
  return encoded;
}

function encodePlain({ role, parts, meta }: Message, lose: Emit<Loss>): Json {
  const { rest, form } = readMeta(meta);
  return defined({
    ...rest,
    role: role === "system" && form["role"] === "developer" ? "developer" : role,
    content: encodeContent(parts, form, "", lose),
  });
}

/** Adds the tool message and returns what it cannot hold. */
function encodeResult(result: ToolResult, encoded: Json[], lose: Emit<Loss>): Part[] {
  const { rest, form } = readMeta(result.meta);
  const aside = form["content"] === "parts" ? [] : result.content.filter((part) => part.type === "media");
  const content = result.content.filter((part) => !aside.some((other) => other === part));
  if (result.isError) lose({ what: "the mark of a failed tool", where: `tool result ${result.id}` });
  encoded.push(
    defined({ ...rest, role: "tool", tool_call_id: result.id, content: encodeContent(content, form, "", lose) }),
  );
  return aside;
}

function encodeAssistant({ parts, meta }: Message, lose: Emit<Loss>): Json {
  const { rest, form } = readMeta(meta);
  const content: Part[] = [];
  const calls: Json[] = [];
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
    } else if (part.type === "tool-result") lose({ what: describe(part), where: "assistant message" });
    else if (part.type === "text" && readMeta(part.meta).form["refusal"] === "message") refusal += part.text;
    else content.push(part);
  }
  const others = refusal === "" ? calls : [...calls, refusal];
  return defined({
    ...rest,
    role: "assistant",
    content: encodeContent(content, form, emptyContent(others, rest), lose),
    ...(reasoning !== "" && { [form["reasoning"] === "reasoning" ? "reasoning" : "reasoning_content"]: reasoning }),
    ...(refusal !== "" && { refusal }),
    ...(calls.length > 0 && { tool_calls: calls }),
  });
}

function encodeToolCall({ id, name, input, seal, meta }: ToolCall, lose: Emit<Loss>): JsonObject {
  const { rest, form } = readMeta(meta);
  if (seal) lose({ what: "the signature of a tool call", where: `tool call ${id}` });
  const inner = isObject(rest["function"]) ? rest["function"] : {};
  const asObject = form["arguments"] === "object" ? parsed(input) : undefined;
  return {
    ...rest,
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
