/** Token counts. Source: the `usage` object of OpenAI's chat reference; DeepSeek and xAI docs for their variants. */
import type { Finish, Json, JsonObject, Meta, StreamEvent, Usage } from "../canonical.ts";
import { defined, isNumber, isObject, ownMeta, readMeta } from "./values.ts";

type FinishEvent = Extract<StreamEvent, { type: "finish" }>;

/** `undefined` unless the value holds at least one count. Zero is a count. */
export function decodeUsage(raw: Json | undefined): Usage | undefined {
  if (!isObject(raw)) return undefined;
  const count = (object: Json | undefined, key: string): number | undefined => {
    const value = isObject(object) ? object[key] : undefined;
    return isNumber(value) && value >= 0 ? value : undefined;
  };
  const prompt = raw["prompt_tokens_details"];
  const total = count(raw, "total_tokens");
  const reasoning = count(raw["completion_tokens_details"], "reasoning_tokens");
  let input = count(raw, "prompt_tokens");
  let output = count(raw, "completion_tokens");
  if (total !== undefined) {
    // xAI counts reasoning beside the completion and not within it; the total tells.
    if (input !== undefined && output !== undefined && reasoning && total === input + output + reasoning) {
      output += reasoning;
    }
    if (input === undefined && output !== undefined) input = Math.max(0, total - output);
    if (output === undefined && input !== undefined) output = Math.max(0, total - input);
  }
  if (input === undefined && output === undefined) return undefined;
  const cacheRead = count(prompt, "cached_tokens") ?? count(raw, "prompt_cache_hit_tokens");
  const cacheWrite = count(prompt, "cache_write_tokens");
  return {
    ...(input !== undefined && { input }),
    ...(cacheRead !== undefined && { cacheRead }),
    ...(cacheWrite !== undefined && { cacheWrite }),
    ...(output !== undefined && { output }),
    ...(reasoning !== undefined && { reasoning }),
    raw,
  };
}

/** The upstream's own object when it is one of this protocol and still says the same, else one made here. */
export function encodeUsage(usage: Usage): JsonObject {
  if (usage.raw && sameCounts(decodeUsage(usage.raw), usage)) return usage.raw;
  const { input = 0, output = 0, cacheRead = 0, cacheWrite, reasoning = 0 } = usage;
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    prompt_tokens_details: defined({ cached_tokens: cacheRead, cache_write_tokens: cacheWrite }),
    completion_tokens_details: { reasoning_tokens: reasoning },
  };
}

function sameCounts(one: Usage | undefined, other: Usage): boolean {
  const counts = ["input", "output", "cacheRead", "cacheWrite", "reasoning"] as const;
  return one !== undefined && counts.every((key) => one[key] === other[key]);
}

const finishes: { readonly [raw: string]: Finish } = {
  stop: "stop",
  eos: "stop",
  end_turn: "stop",
  stop_sequence: "stop",
  length: "length",
  max_tokens: "length",
  model_length: "length",
  tool_calls: "tool-calls",
  tool_use: "tool-calls",
  function_call: "tool-calls",
  content_filter: "content-filter",
  error: "error",
};

/** A `stop` after tool calls means that the calls are to be answered: some upstreams confuse the two. */
export function decodeFinish(raw: string, called: boolean): Finish {
  const reason = Object.hasOwn(finishes, raw) ? finishes[raw] : undefined;
  return reason === "stop" && called ? "tool-calls" : (reason ?? "other");
}

/** Of words the canonical form does not know it is noted that they are of this API; clients read no others. */
export function finishMeta(reason: Finish): { meta?: Meta } {
  return reason === "other" ? ownMeta({}, { own: true }) : {};
}

export function encodeFinish({ reason, raw, meta }: Pick<FinishEvent, "reason" | "raw" | "meta">): string {
  if (reason === "tool-calls") return raw === "function_call" ? raw : "tool_calls";
  // `stop` beside a filter is how the decoder reads a refusal in the model's own words.
  if (reason === "content-filter") return raw === "stop" ? raw : "content_filter";
  if (reason === "pause") return "stop";
  if (reason !== "other") return reason;
  return readMeta(meta).form["own"] === true ? (raw ?? "stop") : "stop";
}
