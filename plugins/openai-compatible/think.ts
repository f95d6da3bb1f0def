/** Moves `<think>` blocks of chat answers from the content to `reasoning_content`, one state per choice. */
import type { Json, JsonObject, Rewriter, Sse } from "waygate";
import { isObject, parseObject } from "./json.ts";
import { createThinkSplitter, splitWhole, type ThinkPiece, type ThinkSplitter } from "./think-splitter.ts";

/** Messages and bodies without a tag pass as they are. */
export function thinkRewriter(): Rewriter {
  const splitters = new Map<number, ThinkSplitter>();
  let envelope: JsonObject = {};

  const splitterOf = (choice: JsonObject): ThinkSplitter => {
    const index = typeof choice["index"] === "number" ? choice["index"] : 0;
    let splitter = splitters.get(index);
    if (!splitter) splitters.set(index, (splitter = createThinkSplitter()));
    return splitter;
  };
  const rest = (): Sse | undefined => {
    const choices = [...splitters].flatMap(([index, splitter]) =>
      splitter.end().map((piece) => ({ index, delta: deltaOf(piece), finish_reason: null })),
    );
    return choices.length === 0 ? undefined : { data: JSON.stringify({ ...envelope, choices }) };
  };

  return {
    message(message) {
      const { data } = message;
      if (data.trim() === "[DONE]") {
        const last = rest();
        return last ? [last, message] : message;
      }
      if (!hasBracket(data) && [...splitters.values()].every((splitter) => splitter.idle())) return message;
      const json = parseObject(data);
      const choices = json?.["choices"];
      if (!json || !isList(choices) || choices.length === 0) return message;
      envelope = without(json, ["choices", "usage"]);
      let changed = false;
      const split = choices.flatMap((choice): readonly Json[] => {
        const parts = isObject(choice) ? splitChoice(choice, splitterOf(choice)) : undefined;
        changed ||= parts !== undefined;
        return parts ?? [choice];
      });
      if (!changed) return message;
      if (split.length === 0) {
        return isObject(json["usage"]) ? { ...message, data: JSON.stringify({ ...json, choices: [] }) } : undefined;
      }
      return split.map((choice, place) => {
        const outer = place === split.length - 1 ? json : envelope;
        return { ...message, data: JSON.stringify({ ...outer, choices: [choice] }) };
      });
    },
    end: rest,
    body: splitThink,
  };
}

/** A whole completion, as text, with the reasoning of every choice in its own field; the same text when there is none. */
export function splitThink(text: string): string {
  const json = hasBracket(text) ? parseObject(text) : undefined;
  const choices = json?.["choices"];
  if (!json || !isList(choices)) return text;
  let changed = false;
  const split = choices.map((choice): Json => {
    const message = isObject(choice) ? choice["message"] : undefined;
    if (!isObject(choice) || !isObject(message) || typeof message["content"] !== "string") return choice;
    const parts = splitWhole(message["content"]);
    if (parts.text === message["content"]) return choice;
    changed = true;
    const before = typeof message["reasoning_content"] === "string" ? message["reasoning_content"] : "";
    const reasoning = before + parts.reasoning;
    return {
      ...choice,
      message: { ...message, content: parts.text, ...(reasoning === "" ? {} : { reasoning_content: reasoning }) },
    };
  });
  return changed ? JSON.stringify({ ...json, choices: split }) : text;
}

/** The choice as one or more in order, none when all of it is held back; `undefined` when it stays as it is. */
function splitChoice(choice: JsonObject, splitter: ThinkSplitter): JsonObject[] | undefined {
  const delta = isObject(choice["delta"]) ? choice["delta"] : {};
  const content = typeof delta["content"] === "string" ? delta["content"] : "";
  // Nothing can complete a tag across a tool call or after a finish.
  const ends = typeof choice["finish_reason"] === "string";
  const calls = isList(delta["tool_calls"]);
  const pieces = [...splitter.push(content), ...(ends || calls ? splitter.end() : [])];
  const [only] = pieces;
  if (pieces.length === 0 && content === "") return undefined;
  if (pieces.length === 1 && only && "text" in only && only.text === content) return undefined;
  const { role, reasoning_content: before, ...others } = without(delta, ["content"]);
  const deltas = pieces.map(deltaOf);
  // Reasoning that comes in its own field as well stands before what the content holds.
  if (before !== undefined) deltas.unshift({ reasoning_content: before });
  const closing = Object.keys(others).length > 0 || ends;
  if (deltas.length === 0 && (closing || role !== undefined)) deltas.push({});
  const last = deltas.length - 1;
  return deltas.map((one, place) => ({
    ...choice,
    delta: { ...(place === 0 && role !== undefined && { role }), ...one, ...(place === last && others) },
    finish_reason: place === last ? (choice["finish_reason"] ?? null) : null,
  }));
}

function deltaOf(piece: ThinkPiece): JsonObject {
  return "reasoning" in piece ? { reasoning_content: piece.reasoning } : { content: piece.text };
}

/** Some encoders escape the bracket. */
function hasBracket(text: string): boolean {
  return text.includes("<") || text.includes("\\u003c") || text.includes("\\u003C");
}

function without(json: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(json).filter(([key]) => !keys.includes(key)));
}

function isList(json: Json | undefined): json is readonly Json[] {
  return Array.isArray(json);
}
