/**
 * Request fields the canonical form has no word for, by what leaving them out means: nothing, a loss, or another
 * request than was made. Source: OpenAI API reference, "Create chat completion".
 */
import type { Json, JsonObject } from "../canonical.ts";
import { isArray, isBlank, isObject, isText } from "./values.ts";

/** They steer storing, billing, caching or the envelope of the answer, and not what is answered. */
const hintFields: ReadonlySet<string> = new Set([
  ...["store", "metadata", "service_tier", "stream_options", "prompt_cache_key", "prompt_cache_options"],
  ...["prompt_cache_retention", "safety_identifier", "moderation"],
  // Beside `max_completion_tokens`, which wins.
  "max_tokens",
]);

interface Sorted {
  readonly rest: JsonObject;
  readonly hints: JsonObject;
  readonly needs: JsonObject;
}

export function sortFields(fields: JsonObject): Sorted {
  const rest: [string, Json][] = [];
  const hints: [string, Json][] = [];
  const needs: [string, Json][] = [];
  const speaks = isArray(fields["modalities"]) && fields["modalities"].some((one) => one !== "text");
  for (const [field, value] of Object.entries(fields)) {
    if (isNeed(field, value, speaks)) needs.push([field, value]);
    else if (isHint(field, value, speaks)) hints.push([field, value]);
    else rest.push([field, value]);
  }
  return { rest: Object.fromEntries(rest), hints: Object.fromEntries(hints), needs: Object.fromEntries(needs) };
}

function isNeed(field: string, value: Json, speaks: boolean): boolean {
  if (field === "modalities") return speaks;
  if (field === "functions") return isArray(value) && value.length > 0;
  return field === "tool_choice" && isObject(value);
}

/** Whatever asks for nothing is a hint too: off, empty, or the default. */
function isHint(field: string, value: Json, speaks: boolean): boolean {
  if (value === false || isBlank(value) || hintFields.has(field)) return true;
  // How to speak is of no interest where nothing is spoken; where it is, `modalities` is refused already.
  if (field === "audio" || field === "modalities") return !speaks;
  if (field === "response_format") return isObject(value) && value["type"] === "text";
  return field === "function_call" && isText(value);
}
