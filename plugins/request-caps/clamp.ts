/** Writes into a request how long its answer may be. */
import { type Body, type Json, readField, withField, withoutField } from "waygate";

/** Where each protocol states it (API references: OpenAI, Anthropic, Gemini, whose REST API takes both spellings). */
const places: { readonly [protocol: string]: readonly (readonly string[])[] } = {
  // What is missing is added under the first name; providers that know it by the other one rename it.
  "openai-chat": [["max_tokens"], ["max_completion_tokens"]],
  "openai-completions": [["max_tokens"]],
  "openai-responses": [["max_output_tokens"]],
  anthropic: [["max_tokens"]],
  gemini: [
    ["generationConfig", "maxOutputTokens"],
    ["generation_config", "max_output_tokens"],
    ["generation_config", "maxOutputTokens"],
    ["generationConfig", "max_output_tokens"],
  ],
};

/** The least budget for thinking, which must be below `max_tokens` (Anthropic API reference, "Extended thinking"). */
const LEAST = 1024;

/** The body itself when it asks for no more, or nobody knows where its protocol says it. */
export function clamped(body: Body, protocol: string, most: number): Body {
  const known = places[protocol];
  if (known === undefined) return body;
  const stated = known.flatMap((path) => {
    const written = readField(body.text, path);
    return written === undefined || written === "null" ? [] : [{ path, tokens: Number(written) }];
  });
  if (stated.length === 0) return withField(body, placeFor(body, known), most);
  const over = stated.filter(({ tokens }) => !(tokens <= most));
  if (over.length === 0) return body;
  const changed = over.reduce((each, { path }) => withField(each, path, most), body);
  return protocol === "anthropic" ? withFittingBudget(changed, most) : changed;
}

/** Beside what is configured already: two spellings of one object would contradict each other. */
function placeFor(body: Body, known: readonly (readonly string[])[]): readonly string[] {
  return known.find(([field = ""]) => Object.hasOwn(body.json, field)) ?? known[0]!;
}

function withFittingBudget(body: Body, most: number): Body {
  const { thinking } = body.json;
  const budget = isObject(thinking) ? thinking["budget_tokens"] : undefined;
  if (typeof budget !== "number" || budget < most) return body;
  // Half of it is left for the answer.
  const left = Math.max(LEAST, Math.floor(most / 2));
  return left < most ? withField(body, ["thinking", "budget_tokens"], left) : withoutField(body, ["thinking"]);
}

function isObject(value: Json | undefined): value is { readonly [field: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
