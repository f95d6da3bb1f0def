/** The turns of a history in which a model's words stand in pieces. */
import { type Body, type Json, type JsonObject, withField } from "waygate";
import { isObject } from "waygate/plugins/openai-compatible";

/**
 * Contents of a model right behind each other as one: Google's own clients keep every piece of a stream apart, and the
 * service refuses a call that stands behind other words of the model. Parts stay what they are, because signatures
 * belong to them. The same list where there is nothing to join.
 */
export function joinedTurns<Content extends JsonObject>(contents: readonly Content[]): readonly Content[] {
  if (!contents.some((content, at) => isModel(content) && isModel(contents[at - 1]))) return contents;
  const turns: Content[] = [];
  for (const content of contents) {
    const last = turns.at(-1);
    if (isModel(last) && isModel(content)) {
      turns[turns.length - 1] = { ...last, parts: [...listOf(last["parts"]), ...listOf(content["parts"])] };
    } else turns.push(content);
  }
  return turns;
}

/** The body with such turns in its contents; itself where there are none. */
export function withJoinedTurns(body: Body): Body {
  const { contents } = body.json;
  if (!Array.isArray(contents)) return body;
  const joined = joinedTurns(contents as readonly JsonObject[]);
  return joined === contents ? body : withField(body, ["contents"], joined);
}

function isModel(content: Json | undefined): content is JsonObject {
  return isObject(content) && content["role"] === "model";
}

function listOf(value: Json | undefined): readonly Json[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? (value as readonly Json[]) : [value];
}
