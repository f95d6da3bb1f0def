/**
 * From generation 3 on, the first function call of each step of the current turn must carry a signature. Where the real
 * one is not to be had, because another model made the call or the client dropped it, Google's docs name a text that
 * stands for it (Gemini API docs, "Thought signatures", FAQ).
 */
import { type Body, textBody } from "../../wire/body.ts";
import { setField, withEachField } from "../../wire/json-text.ts";
import type { Json, JsonObject } from "../canonical.ts";
import { wantsSignatures } from "./model.ts";
import { isObject, listOf } from "./values.ts";

const stand = "skip_thought_signature_validator";

/** By index of the content, the index of the part that lacks a signature. */
function unsigned(contents: readonly Json[]): ReadonlyMap<number, number> {
  const missing = new Map<number, number>();
  /** Where the first call of this step stands, as far as is known. */
  let first: number | undefined;
  for (let at = contents.length - 1; at >= 0; at -= 1) {
    const content = contents[at];
    if (!isObject(content)) continue;
    const parts = listOf(content["parts"]);
    // The current turn begins behind the last words of the user.
    if (content["role"] !== "model" && parts.some((part) => isObject(part) && part["text"] !== undefined)) break;
    if (content["role"] !== "model") {
      first = undefined;
      continue;
    }
    const place = parts.findIndex((part) => isObject(part) && called(part));
    const part = parts[place];
    if (!isObject(part)) continue;
    // Google's own clients keep each piece of a streamed step as a content of its own.
    if (first !== undefined) missing.delete(first);
    first = at;
    if (!part["thoughtSignature"] && !part["thought_signature"]) missing.set(at, place);
  }
  return missing;
}

function called(part: JsonObject): boolean {
  return part["functionCall"] !== undefined || part["function_call"] !== undefined;
}

/** The contents with the text that stands for a signature wherever the model would ask for one. */
export function withStandIns(contents: readonly JsonObject[], model: string): readonly JsonObject[] {
  if (!wantsSignatures(model)) return contents;
  const missing = unsigned(contents);
  if (missing.size === 0) return contents;
  return contents.map((content, at) => {
    const first = missing.get(at);
    if (first === undefined) return content;
    const parts = listOf(content["parts"]).map((part, index) =>
      index === first && isObject(part) ? { ...part, thoughtSignature: stand } : part,
    );
    return { ...content, parts };
  });
}

/** The same for a client's own text, in which nothing else changes. */
export function withStandInsInText(body: Body, model: string): Body {
  if (!wantsSignatures(model) || !/"function_?[cC]all"/.test(body.text)) return body;
  const { contents } = body.json;
  const missing = Array.isArray(contents) ? unsigned(contents as readonly Json[]) : new Map<number, number>();
  if (missing.size === 0) return body;
  let at = -1;
  return withEachField(body, ["contents", "*"], (content) => {
    at += 1;
    const first = missing.get(at);
    if (first === undefined) return content;
    let index = -1;
    const parts = withEachField(textBody(content), ["parts", "*"], (part) => {
      index += 1;
      return index === first ? setField(part, ["thoughtSignature"], JSON.stringify(stand)) : part;
    });
    return parts.text;
  });
}
