/** Canonical messages to `instructions` and `input`. One message can become several items. */
import type { Json, JsonObject, Message, Part } from "../canonical.ts";
import { saysFailed } from "../failed-result.ts";
import type { Emit, Loss } from "../types.ts";
import { encodeContent, describe } from "./content-encode.ts";
import { encodeAnswer } from "./answer-encode.ts";
import type { Aside } from "./input-decode.ts";
import { isObject, protocolId, readMeta } from "./values.ts";

export interface EncodedInput {
  readonly instructions: string | undefined;
  readonly items: readonly Json[];
}

/** `keepSystem`: nothing becomes `instructions` that was not. `aside` are the items `decodeInput` has put aside. */
export function encodeInput(
  messages: readonly Message[],
  options: { readonly keepSystem: boolean; readonly aside: readonly Aside[] },
  lose: Emit<Loss>,
): EncodedInput {
  const leading = leadingSystem(messages, options.keepSystem);
  const instructions = messages.slice(0, leading).map(({ parts }) => plainText(parts, lose));
  const items: Json[] = [];
  let given = 0;
  const giveUpTo = (at: number): void => {
    for (let next = options.aside[given]; next && next.at <= at; next = options.aside[++given]) items.push(next.item);
  };
  messages.slice(leading).forEach((message, index) => {
    giveUpTo(leading + index);
    items.push(...encodeMessage(message, lose));
  });
  giveUpTo(Infinity);
  return {
    instructions: leading === 0 ? undefined : instructions.filter((text) => text !== "").join("\n\n"),
    items,
  };
}

/** How many messages are the instructions: those at the front, but for a client's that put them into its input. */
function leadingSystem(messages: readonly Message[], keepSystem: boolean): number {
  const other = messages.findIndex(({ role, meta }) => {
    if (role !== "system") return true;
    const own = meta?.[protocolId] !== undefined;
    return !readMeta(meta).form["instructions"] && (own || keepSystem);
  });
  if (other !== -1) return other;
  // The API wants something to answer to.
  const only = messages.every(({ meta }) => meta?.[protocolId] === undefined);
  return only ? 0 : messages.length;
}

function plainText(parts: readonly Part[], lose: Emit<Loss>): string {
  const texts = parts.flatMap((part) => {
    if (part.type === "text") return [part.text];
    lose({ what: describe(part), where: "instructions" });
    return [];
  });
  return texts.join("\n\n");
}

function encodeMessage(message: Message, lose: Emit<Loss>): readonly Json[] {
  const { role, parts, meta } = message;
  if (role === "assistant") return encodeAnswer(parts, lose);
  const items: Json[] = [];
  const content: Part[] = [];
  for (const part of parts) {
    const own = part.type === "opaque" && part.protocol === protocolId && isObject(part.value) ? part.value : {};
    if (part.type === "tool-result") items.push(encodeResult(part, lose));
    else if (own["item"] !== undefined) items.push(own["item"]);
    else content.push(part);
  }
  if (items.length > 0 && content.length === 0) return items;
  const { rest, form } = readMeta(meta);
  const encoded = encodeContent(content, role, form, lose);
  const emptied = encoded === "" && content.length > 0 && !content.some((part) => part.type === "text");
  // Of what nobody here can read nothing is left that could be answered.
  if (emptied) return items;
  return [
    ...items,
    {
      ...(form["easy"] || !meta?.[protocolId] ? {} : { type: "message" }),
      ...rest,
      role: form["role"] === "developer" ? "developer" : role,
      content: encoded,
    },
  ];
}

function encodeResult(result: Extract<Part, { type: "tool-result" }>, lose: Emit<Loss>): JsonObject {
  const { form } = readMeta(result.meta);
  return {
    ...(isObject(form["item"]) && form["item"]),
    type: form["custom"] ? "custom_tool_call_output" : "function_call_output",
    call_id: result.id,
    output: encodeContent(result.isError ? saysFailed(result.content) : result.content, "user", form, lose),
  };
}
