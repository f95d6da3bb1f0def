/** Token counts of answers that are no conversation. Sources: OpenAI API reference, images, audio, moderations. */
import type { Json, Usage } from "../../protocols/canonical.ts";
import { isNumber, isObject } from "../../protocols/json.ts";
import { readField } from "../../wire/json-text.ts";

/** `undefined` unless there is at least one count; sounds that are paid by the second have none. */
export function usageOf(raw: Json | undefined): Usage | undefined {
  if (!isObject(raw)) return undefined;
  const count = (object: Json | undefined, ...names: readonly string[]): number | undefined => {
    if (!isObject(object)) return undefined;
    const found = names.map((name) => object[name]).find((value) => isNumber(value) && value >= 0);
    return isNumber(found) ? found : undefined;
  };
  const total = count(raw, "total_tokens");
  const output = count(raw, "output_tokens", "completion_tokens");
  const input = count(raw, "input_tokens", "prompt_tokens") ?? (total === undefined ? total : total - (output ?? 0));
  if (input === undefined && output === undefined) return undefined;
  const cacheRead = count(raw["input_tokens_details"] ?? raw["prompt_tokens_details"], "cached_tokens");
  return {
    ...(input !== undefined && { input }),
    ...(cacheRead !== undefined && { cacheRead }),
    ...(output !== undefined && { output }),
    raw,
  };
}

/**
 * From the last bytes of an answer that was too large to hold: pictures come before what they cost. Inside a text of
 * the answer the name would stand between escaped quotes.
 */
export function usageAtEnd(tail: string): Usage | undefined {
  const at = tail.lastIndexOf('"usage"');
  if (at === -1) return undefined;
  try {
    return usageOf(JSON.parse(readField(`{${tail.slice(at)}`, ["usage"]) ?? "null") as Json);
  } catch {
    // It began before the bytes that were kept, or is none: then nothing is known of it.
    return undefined;
  }
}
