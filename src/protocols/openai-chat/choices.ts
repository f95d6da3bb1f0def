/** Further choices, and calls that are no functions: what does not fit into blocks, out of the pieces of a stream. */
import type { JsonObject } from "../canonical.ts";
import { byIndex } from "../pieces.ts";
import { isArray, isObject, without } from "./values.ts";

/** Entries of `tool_calls`, pieces with the same index put together. */
export function mergeCalls(entries: readonly JsonObject[]): JsonObject[] {
  return byIndex(entries, ["input", "arguments"]).map((call) => without(call, ["index"]));
}

const choiceTexts = [
  "data",
  "transcript",
  "content",
  "refusal",
  "reasoning_content",
  "reasoning",
  "arguments",
  "input",
];

/** Choices beside the first, whole or in pieces, as choices of a whole answer. */
export function mergeChoices(pieces: readonly JsonObject[]): JsonObject[] {
  const written = pieces.map((piece) => {
    const { delta, ...others } = piece;
    return isObject(delta) ? { ...others, message: delta } : piece;
  });
  return byIndex(written, choiceTexts).map((choice) => {
    const { message } = choice;
    const calls = isObject(message) ? message["tool_calls"] : undefined;
    if (!isObject(message) || !isArray(calls)) return choice;
    return { ...choice, message: { ...message, tool_calls: mergeCalls(calls.filter(isObject)) } };
  });
}
