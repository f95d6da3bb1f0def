/** Token counts and how an answer ends. Source: the response object of OpenAI's Responses reference. */
import type { Finish, Json, JsonObject, Usage } from "../canonical.ts";
import { defined, isNumber, isObject } from "./values.ts";

/** `undefined` unless the value holds at least one count. Zero is a count. */
export function decodeUsage(raw: Json | undefined): Usage | undefined {
  if (!isObject(raw)) return undefined;
  const { input_tokens_details: inputs, output_tokens_details: outputs } = raw;
  const total = count(raw, "total_tokens");
  let input = count(raw, "input_tokens");
  let output = count(raw, "output_tokens");
  if (total !== undefined) {
    if (input === undefined && output !== undefined) input = Math.max(0, total - output);
    if (output === undefined && input !== undefined) output = Math.max(0, total - input);
  }
  if (input === undefined && output === undefined) return undefined;
  const cacheRead = count(inputs, "cached_tokens");
  const cacheWrite = count(inputs, "cache_write_tokens");
  const reasoning = count(outputs, "reasoning_tokens");
  return {
    ...(input !== undefined && { input }),
    ...(cacheRead !== undefined && { cacheRead }),
    ...(cacheWrite !== undefined && { cacheWrite }),
    ...(output !== undefined && { output }),
    ...(reasoning !== undefined && { reasoning }),
    raw,
  };
}

function count(object: Json | undefined, key: string): number | undefined {
  const value = isObject(object) ? object[key] : undefined;
  return isNumber(value) && value >= 0 ? value : undefined;
}

/** The upstream's own object when it is one of this protocol and still says the same, else one made here. */
export function encodeUsage(usage: Usage): JsonObject {
  const { raw } = usage;
  // Anthropic's two counts have the same names; the sum only stands here.
  if (raw && isNumber(raw["total_tokens"]) && sameCounts(decodeUsage(raw), usage)) return raw;
  const { input = 0, output = 0, cacheRead = 0, cacheWrite, reasoning = 0 } = usage;
  return {
    input_tokens: input,
    input_tokens_details: defined({ cached_tokens: cacheRead, cache_write_tokens: cacheWrite }),
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: reasoning },
    total_tokens: input + output,
  };
}

function sameCounts(one: Usage | undefined, other: Usage): boolean {
  const counts = ["input", "output", "cacheRead", "cacheWrite", "reasoning"] as const;
  return one !== undefined && counts.every((key) => one[key] === other[key]);
}

/** What the items of an answer say about its end, since `completed` stands for several. */
export interface Seen {
  readonly called: boolean;
  readonly refused: boolean;
}

/** The reason and the word it was read from. An answer without a status is complete when it is whole. */
export function decodeFinish(response: JsonObject, seen: Seen): { readonly reason: Finish; readonly raw: string } {
  const { status = "completed", incomplete_details: details } = response;
  if (status === "completed") {
    return { reason: seen.called ? "tool-calls" : seen.refused ? "content-filter" : "stop", raw: status };
  }
  const why = isObject(details) ? details["reason"] : undefined;
  if (status === "incomplete" && typeof why === "string") return { reason: reasons.get(why) ?? "other", raw: why };
  return { reason: "other", raw: typeof status === "string" ? status : "unknown" };
}

const reasons: ReadonlyMap<string, Finish> = new Map([
  ["max_output_tokens", "length"],
  ["max_tokens", "length"],
  ["content_filter", "content-filter"],
]);

/** The fields of the response object that say how it ended. */
export function encodeFinish(reason: Finish, raw: string | undefined, refused: boolean): JsonObject {
  const incomplete = (why: string): JsonObject => ({ status: "incomplete", incomplete_details: { reason: why } });
  if (reason === "length") return incomplete("max_output_tokens");
  // A refusal is said in a part of its own; an answer that holds one is complete.
  if (reason === "content-filter" && !refused) return incomplete("content_filter");
  if (reason === "error") {
    const message = `The upstream ended the answer with an error${raw === undefined ? "" : `: ${raw}`}.`;
    return { status: "failed", error: { code: "upstream_error", message } };
  }
  return { status: "completed" };
}
