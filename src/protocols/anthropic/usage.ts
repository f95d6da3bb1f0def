/** Token counts and stop reasons. Source: Anthropic API reference, Messages, `usage` and `stop_reason`. */
import type { Finish, Json, JsonObject, Usage } from "../canonical.ts";
import { defined, isNumber, isObject } from "./values.ts";

/** `undefined` unless the value holds at least one count. Anthropic counts cached input beside the input. */
export function decodeUsage(raw: Json | undefined): Usage | undefined {
  // OpenAI's Responses API uses the same two names, for other sums.
  if (!isObject(raw) || raw["total_tokens"] !== undefined) return undefined;
  const fresh = count(raw["input_tokens"]);
  const cacheRead = count(raw["cache_read_input_tokens"]);
  const cacheWrite = count(raw["cache_creation_input_tokens"]);
  const output = count(raw["output_tokens"]);
  const details = raw["output_tokens_details"];
  const reasoning = isObject(details) ? count(details["thinking_tokens"]) : undefined;
  const counted = fresh !== undefined || cacheRead !== undefined || cacheWrite !== undefined;
  if (!counted && output === undefined) return undefined;
  return {
    ...(counted && { input: (fresh ?? 0) + (cacheRead ?? 0) + (cacheWrite ?? 0) }),
    ...(cacheRead !== undefined && { cacheRead }),
    ...(cacheWrite !== undefined && { cacheWrite }),
    ...(output !== undefined && { output }),
    ...(reasoning !== undefined && { reasoning }),
    raw,
  };
}

function count(value: Json | undefined): number | undefined {
  return isNumber(value) && value >= 0 ? value : undefined;
}

/** What a later message says replaces what an earlier one said, but for zeros and nulls, which upstreams put in for "unknown". */
export function mergeUsage(one: JsonObject, later: Json | undefined): JsonObject {
  if (!isObject(later)) return one;
  const merged: { [key: string]: Json } = { ...one };
  for (const [key, value] of Object.entries(later)) {
    const before = merged[key];
    if (before === undefined || before === null || (value !== 0 && value !== null)) merged[key] = value;
  }
  return merged;
}

/** The upstream's own object when it is one of this protocol and still says the same, else one made here. */
export function encodeUsage(usage: Usage | undefined): JsonObject {
  if (usage?.raw && sameCounts(decodeUsage(usage.raw), usage)) {
    const { raw } = usage;
    return { ...raw, input_tokens: count(raw["input_tokens"]) ?? 0, output_tokens: count(raw["output_tokens"]) ?? 0 };
  }
  const { input = 0, output = 0, cacheRead = 0, cacheWrite = 0, reasoning = 0 } = usage ?? {};
  // Some upstreams count the same tokens as read and as written; here the three add up to the input.
  const read = Math.min(cacheRead, input);
  const written = Math.min(cacheWrite, input - read);
  return {
    input_tokens: input - read - written,
    cache_creation_input_tokens: written,
    cache_read_input_tokens: read,
    output_tokens: output,
    output_tokens_details: { thinking_tokens: reasoning },
  };
}

function sameCounts(one: Usage | undefined, other: Usage): boolean {
  const counts = ["input", "output", "cacheRead", "cacheWrite", "reasoning"] as const;
  return one !== undefined && counts.every((key) => one[key] === other[key]);
}

const finishes: { readonly [raw: string]: Finish } = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  tool_use: "tool-calls",
  pause_turn: "pause",
  refusal: "content-filter",
};

/** `called`: the answer holds a call the client is to run. Then a plain end means that the calls are to be answered. */
export function decodeFinish(raw: string, called: boolean): Finish {
  const reason = Object.hasOwn(finishes, raw) ? finishes[raw] : undefined;
  return reason === "stop" && called ? "tool-calls" : (reason ?? "other");
}

const stops: { readonly [Reason in Exclude<Finish, "error">]: string } = {
  stop: "end_turn",
  length: "max_tokens",
  "tool-calls": "tool_use",
  "content-filter": "refusal",
  pause: "pause_turn",
  other: "end_turn",
};

/** `raw` is the upstream's word, when it is one of this protocol. */
export function encodeFinish(reason: Exclude<Finish, "error">, raw: string | undefined, called: boolean): string {
  if (raw !== undefined && reason !== "tool-calls") return raw;
  if (called && (reason === "stop" || reason === "tool-calls")) return stops["tool-calls"];
  return reason === "tool-calls" ? stops.stop : stops[reason];
}

/** The stop fields of a whole message, or of `message_delta.delta`. */
export function stopFields(reason: string | null, more: JsonObject): JsonObject {
  return defined({ stop_reason: reason, stop_sequence: null, ...more });
}
