/** One folded answer as a `GenerateContentResponse`, and the pieces its stream is made of. */
import type { Json, JsonObject, Part } from "../canonical.ts";
import type { Answer } from "../fold.ts";
import { sealText } from "../seal.ts";
import type { Emit, EncoderInit, Loss } from "../types.ts";
import { dataAs } from "./content-decode.ts";
import { argumentsOf } from "./part-encode.ts";
import { groundingOf } from "./sources.ts";
import { encodeFinish, encodeUsage } from "./usage.ts";
import { isArray, isObject, listOf, protocolId, readMeta, without } from "./values.ts";

export function encodeResponse(answer: Answer, init: EncoderInit): JsonObject {
  const parts: JsonObject[] = [];
  const kept: { [place: string]: JsonObject } = {};
  const others: JsonObject[] = [];
  for (const part of answer.parts) {
    const own = part.type === "opaque" && part.protocol === protocolId && isObject(part.value) ? part.value : undefined;
    for (const [place, fields] of Object.entries(own ?? {})) {
      if (!isObject(fields)) continue;
      if (place === "part") parts.push(fields);
      else if (place === "other") addCandidate(others, fields);
      else kept[place] = { ...kept[place], ...fields };
    }
    if (part.type !== "opaque") parts.push(...encodeAnswerPart(part, nothing));
  }
  const { rest, form } = readMeta(answer.meta);
  const blocked = feedbackOf(answer.finish);
  return {
    ...(!blocked && { candidates: [candidateOf(parts, answer, { form, kept: kept["candidate"] }), ...others] }),
    ...rest,
    ...kept["chunk"],
    ...(blocked && { promptFeedback: blocked }),
    ...(answer.usage && { usageMetadata: encodeUsage(answer.usage) }),
    modelVersion: init.model,
    responseId: answer.id ?? init.id,
  };
}

function nothing(): void {
  // A loss was reported when the event came.
}

/** What Google says when it blocks a prompt: there is no candidate then. */
export function feedbackOf(finish: Answer["finish"]): JsonObject | undefined {
  const { promptFeedback } = readMeta(finish?.meta).form;
  return isObject(promptFeedback) ? promptFeedback : undefined;
}

/** The last, or only, thing said about the first candidate. */
export function candidateOf(
  parts: readonly JsonObject[],
  { finish, sources }: Pick<Answer, "finish" | "sources">,
  { form, kept }: { form: JsonObject; kept: JsonObject | undefined },
): JsonObject {
  const grounding = groundingOf(sources);
  return {
    content: contentOf(parts, form),
    finishReason: finish ? encodeFinish(finish.reason, finish.raw) : "STOP",
    ...(form["index"] !== "absent" && { index: 0 }),
    ...(grounding && { groundingMetadata: grounding }),
    ...kept,
  };
}

export function contentOf(parts: readonly JsonObject[], form: JsonObject): JsonObject {
  return { ...(parts.length > 0 && { parts }), ...(form["role"] !== "absent" && { role: "model" }) };
}

/** The chunks of another candidate put together: texts of a kind grow, other values replace. */
function addCandidate(candidates: JsonObject[], piece: JsonObject): void {
  const at = candidates.findIndex((one) => one["index"] === piece["index"]);
  const before = candidates[at];
  if (!before) {
    candidates.push(piece);
    return;
  }
  const { content } = before;
  const parts = [...partsOf(content), ...partsOf(piece["content"])].reduce<JsonObject[]>((all, part) => {
    const last = all.at(-1);
    if (last && isPlain(last) && isPlain(part) && last["thought"] === part["thought"]) {
      all[all.length - 1] = { ...last, text: `${String(last["text"])}${String(part["text"])}` };
    } else all.push(part);
    return all;
  }, []);
  const outer = isObject(content) ? content : {};
  candidates[at] = { ...before, ...piece, content: { ...outer, parts } };
}

function partsOf(content: Json | undefined): readonly JsonObject[] {
  return isObject(content) ? listOf(content["parts"]).filter(isObject) : [];
}

function isPlain(part: JsonObject): boolean {
  const keys = Object.keys(without(part, ["thought"]));
  return keys.length === 1 && keys[0] === "text";
}

/** Parts for a client. A seal goes into its slot wrapped, when it is not of this protocol. */
export function encodeAnswerPart(part: Exclude<Part, { type: "opaque" }>, lose: Emit<Loss>): JsonObject[] {
  if (part.type === "tool-result") return [];
  const { rest, form } = readMeta(part.meta);
  const signature: JsonObject = part.seal ? { thoughtSignature: sealText(part.seal, protocolId) } : {};
  switch (part.type) {
    case "text":
      return part.text === "" && !part.seal ? [] : [{ ...rest, text: part.text, ...signature }];
    case "reasoning":
      return part.text === "" && !part.seal ? [] : [{ ...rest, text: part.text, thought: true, ...signature }];
    case "media":
      return [{ ...rest, ...encodeShown(part, rest, form), ...signature }];
    case "tool-call": {
      const inner = isObject(rest["functionCall"]) ? rest["functionCall"] : {};
      const args = argumentsOf(part.input, part.name, lose);
      const hidden = form["args"] === "absent" && part.input === "{}";
      const id: JsonObject = form["id"] === "absent" ? {} : { id: part.id };
      return [{ ...rest, functionCall: { ...inner, ...id, name: part.name, ...(!hidden && { args }) }, ...signature }];
    }
  }
}

function encodeShown(
  { mediaType, source }: Extract<Part, { type: "media" }>,
  rest: JsonObject,
  form: JsonObject,
): JsonObject {
  const inner = (key: string): JsonObject => (isObject(rest[key]) && !isArray(rest[key]) ? rest[key] : {});
  if ("data" in source)
    return { inlineData: { ...inner("inlineData"), mimeType: mediaType, data: dataAs(form, source.data) } };
  const type: JsonObject = form["mimeType"] === undefined ? { mimeType: mediaType } : {};
  return { fileData: { ...inner("fileData"), ...type, fileUri: "url" in source ? source.url : source.fileId } };
}
