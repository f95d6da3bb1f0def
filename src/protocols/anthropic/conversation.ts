/**
 * Canonical messages to the system prompt and the turns of the wire. What this protocol's own client wrote keeps its
 * form. Other conversations are brought into the one the API asks for: user and assistant in turn, the user first, tool
 * results before everything else in the turn behind their calls, no turn without content.
 */
import type { Json, JsonObject, Message } from "../canonical.ts";
import { withPairedCalls } from "../paired-calls.ts";
import type { Emit, Loss } from "../types.ts";
import { encodeContent, encodeParts } from "./content-encode.ts";
import { defined, isObject, isText, readMeta } from "./values.ts";

export interface Conversation {
  readonly system: Json | undefined;
  readonly messages: readonly JsonObject[];
}

/** What stands in for a turn that has to be there and has nothing to say. */
const nothing = ".";

export function encodeConversation(
  messages: readonly Message[],
  { form, own }: { readonly form: JsonObject; readonly own: boolean },
  instruction: string | undefined,
  lose: Emit<Loss>,
): Conversation {
  const isTurn = ({ role, meta }: Message): boolean => role !== "system" || readMeta(meta).form["place"] === "messages";
  const turns = messages.filter(isTurn);
  const above = messages.filter((message) => !isTurn(message));
  const late = messages.slice(messages.findIndex(isTurn)).filter((message) => !isTurn(message));
  // Before 2026-10-21 the API has one place for instructions, and many models know no other.
  if (turns.length > 0 && late.length > 0) lose({ what: "the place of a later system message", where: "messages" });
  return {
    system: encodeSystem(above, form["billing"], instruction, lose),
    messages: own ? encodeOwn(turns, lose) : encodeTurns(turns, lose),
  };
}

function encodeSystem(
  messages: readonly Message[],
  billing: Json | undefined,
  instruction: string | undefined,
  lose: Emit<Loss>,
): Json | undefined {
  const blocks = messages.flatMap(({ parts }) => encodeParts(parts, "user", "system", lose));
  if (isObject(billing)) blocks.unshift(billing);
  if (instruction !== undefined) blocks.push({ type: "text", text: instruction });
  const texts = blocks.filter(({ type }) => type === "text");
  if (texts.length < blocks.length) lose({ what: "what is no text in a system message", where: "system" });
  const listed = isObject(billing) || messages.some(({ meta }) => readMeta(meta).form["content"] === "blocks");
  return texts.length === 0 ? undefined : encodeContent(texts, listed ? { content: "blocks" } : {});
}

function encodeOwn(messages: readonly Message[], lose: Emit<Loss>): JsonObject[] {
  return messages.flatMap(({ role, parts, meta }, index) => {
    const { rest, form } = readMeta(meta);
    const blocks = encodeParts(parts, role === "assistant" ? role : "user", `messages[${index}]`, lose);
    // Of thinking that only another provider can read nothing is left.
    if (blocks.length === 0 && parts.length > 0) return [];
    return [defined({ ...rest, role, content: encodeContent(blocks, form) })];
  });
}

interface Turn {
  readonly role: Message["role"];
  readonly blocks: JsonObject[];
}

function encodeTurns(messages: readonly Message[], lose: Emit<Loss>): JsonObject[] {
  const turns: Turn[] = [];
  const add = (role: Turn["role"], blocks: readonly JsonObject[]): void => {
    const last = turns.at(-1);
    if (last?.role === role) last.blocks.push(...blocks);
    else if (blocks.length > 0) turns.push({ role, blocks: [...blocks] });
  };
  withPairedCalls(messages).forEach(({ role, parts }, index) => {
    add(role, encodeParts(parts, role === "assistant" ? role : "user", `messages[${index}]`, lose));
  });
  if (turns[0]?.role !== "user") turns.unshift({ role: "user", blocks: [{ type: "text", text: nothing }] });
  const ending = messages.at(-1)?.role;
  const last = turns.at(-1)!;
  // Without it the model would go on with its own last words instead of answering.
  if (ending === "user" && last.role === "assistant") add("user", [{ type: "text", text: nothing }]);
  else if (last.role === "assistant") trimEnd(last.blocks);
  return turns.map(({ role, blocks }) => ({
    role,
    content: encodeContent(role === "user" ? resultsFirst(blocks) : blocks, {}) ?? nothing,
  }));
}

function resultsFirst(blocks: readonly JsonObject[]): readonly JsonObject[] {
  const isResult = ({ type }: JsonObject): boolean => type === "tool_result";
  return [...blocks.filter(isResult), ...blocks.filter((block) => !isResult(block))];
}

/** The API refuses a turn to be continued that ends in white space. */
function trimEnd(blocks: JsonObject[]): void {
  const text = blocks.at(-1)?.["text"];
  if (isText(text)) blocks[blocks.length - 1] = { ...blocks.at(-1), text: text.trimEnd() };
}
