/** Token counts and finish reasons. Source: Gemini API reference, `UsageMetadata` and `FinishReason`. */
import type { Finish, Json, JsonObject, Usage } from "../canonical.ts";
import { isNumber, isObject } from "./values.ts";

/** `undefined` unless the value holds at least one count; some chunks name a traffic type only. */
export function decodeUsage(raw: Json | undefined): Usage | undefined {
  if (!isObject(raw)) return undefined;
  const count = (key: string): number | undefined => {
    const value = raw[key];
    return isNumber(value) && value >= 0 ? value : undefined;
  };
  const prompt = count("promptTokenCount");
  const answer = count("candidatesTokenCount");
  const reasoning = count("thoughtsTokenCount");
  const fetched = count("toolUsePromptTokenCount") ?? 0;
  const total = count("totalTokenCount");
  const cacheRead = count("cachedContentTokenCount");
  if (prompt === undefined && answer === undefined && reasoning === undefined && total === undefined) return undefined;
  const output = (answer ?? 0) + (reasoning ?? 0);
  // A count that is zero is left out on the wire; where only the total is there, the rest of it is the prompt's.
  const input = prompt === undefined ? Math.max(0, (total ?? 0) - output) : prompt + fetched;
  return {
    input,
    ...(cacheRead !== undefined && { cacheRead }),
    output,
    ...(reasoning !== undefined && { reasoning }),
    raw,
  };
}

/** The upstream's own object when it is one of this protocol and still says the same, else one made here. */
export function encodeUsage(usage: Usage): JsonObject {
  if (usage.raw && sameCounts(decodeUsage(usage.raw), usage)) return usage.raw;
  const { input = 0, output = 0, cacheRead } = usage;
  // Part of the output, and here counted beside the rest of it: the two must add up.
  const reasoning = usage.reasoning === undefined ? undefined : Math.min(usage.reasoning, output);
  return {
    promptTokenCount: input,
    candidatesTokenCount: output - (reasoning ?? 0),
    ...(cacheRead && { cachedContentTokenCount: cacheRead }),
    ...(reasoning && { thoughtsTokenCount: reasoning }),
    totalTokenCount: input + output,
  };
}

function sameCounts(one: Usage | undefined, other: Usage): boolean {
  const counts = ["input", "output", "cacheRead", "cacheWrite", "reasoning"] as const;
  return one !== undefined && counts.every((key) => one[key] === other[key]);
}

const finishes: { readonly [raw: string]: Finish } = {
  STOP: "stop",
  FINISH_REASON_UNSPECIFIED: "stop",
  OTHER: "stop",
  LANGUAGE: "stop",
  NO_IMAGE: "stop",
  IMAGE_OTHER: "stop",
  MAX_TOKENS: "length",
  CONTINUATION: "length",
  SAFETY: "content-filter",
  RECITATION: "content-filter",
  BLOCKLIST: "content-filter",
  PROHIBITED_CONTENT: "content-filter",
  SPII: "content-filter",
  IMAGE_SAFETY: "content-filter",
  IMAGE_PROHIBITED_CONTENT: "content-filter",
  IMAGE_RECITATION: "content-filter",
  MALFORMED_FUNCTION_CALL: "error",
  MALFORMED_RESPONSE: "error",
  UNEXPECTED_TOOL_CALL: "error",
  TOO_MANY_TOOL_CALLS: "error",
  MISSING_THOUGHT_SIGNATURE: "error",
};

/** There is no reason of its own for tool calls: it follows from the content. */
export function decodeFinish(raw: string, called: boolean): Finish {
  const reason = Object.hasOwn(finishes, raw) ? finishes[raw] : undefined;
  return reason === "stop" && called ? "tool-calls" : (reason ?? "other");
}

const words: { readonly [Reason in Finish]: string } = {
  stop: "STOP",
  "tool-calls": "STOP",
  pause: "STOP",
  length: "MAX_TOKENS",
  "content-filter": "SAFETY",
  error: "OTHER",
  other: "OTHER",
};

/** The upstream's own word when it is one of this protocol and means the same. */
export function encodeFinish(reason: Finish, raw: string | undefined): string {
  if (raw === undefined || !/^[A-Z][A-Z_]+$/.test(raw)) return words[reason];
  return decodeFinish(raw, reason === "tool-calls") === reason ? raw : words[reason];
}
