/** One folded answer as a `chat.completion` object. */
import type { Json, JsonObject } from "../canonical.ts";
import type { Answer } from "../fold.ts";
import type { EncoderInit } from "../types.ts";
import { merge } from "../pieces.ts";
import { mergeCalls, mergeChoices } from "./choices.ts";
import { citation } from "./citations.ts";
import { encodePicture } from "./content-encode.ts";
import { emptyContent } from "./message-decode.ts";
import { sealFields } from "./seal.ts";
import { encodeFinish, encodeUsage } from "./usage.ts";
import { isArray, isObject, protocolId, readMeta, without } from "./values.ts";

export function encodeCompletion(answer: Answer, init: EncoderInit): JsonObject {
  const kept: { [place: string]: JsonObject } = {};
  const others: JsonObject[] = [];
  const calls: JsonObject[] = [];
  const images: Json[] = [];
  let functionCall: JsonObject | undefined;
  let content = "";
  let refusal = "";
  let reasoning = "";
  let reasoningField = "reasoning_content";
  for (const part of answer.parts) {
    if (part.type === "text") {
      if (part.refusal) refusal += part.text;
      else content += part.text;
    } else if (part.type === "reasoning") {
      if (readMeta(part.meta).form["reasoning"]) reasoningField = "reasoning";
      reasoning += part.text;
    } else if (part.type === "tool-call") {
      const { rest, form } = readMeta(part.meta);
      const described = { name: part.name, arguments: part.input };
      if (form["legacy"]) functionCall = described;
      else {
        const seal = part.seal ? sealFields(part.seal) : {};
        calls.push({ id: part.id, type: "function", ...rest, ...seal, function: described });
      }
    } else if (part.type === "media") {
      const picture = encodePicture(part);
      if (picture) images.push(picture);
    } else if (part.type === "opaque" && part.protocol === protocolId && isObject(part.value)) {
      for (const [place, fields] of Object.entries(part.value)) {
        if (!isObject(fields)) continue;
        if (place === "tool_call") calls.push(fields);
        else if (place === "other") others.push(fields);
        else kept[place] = merge(kept[place] ?? {}, fields);
      }
    }
  }
  const marks: Json[] = answer.sources.filter((source) => source.url !== undefined).map(citation);
  const { annotations: unknownMarks, ...extras } = kept["delta"] ?? {};
  if (isArray(unknownMarks)) marks.push(...unknownMarks);
  const spoken = [...calls, ...(functionCall ? [functionCall] : []), ...(refusal === "" ? [] : [refusal])];
  const message: JsonObject = {
    role: "assistant",
    content: content === "" ? emptyContent(spoken, extras) : content,
    refusal: refusal === "" ? null : refusal,
    ...(reasoning !== "" && { [reasoningField]: reasoning }),
    ...(calls.length > 0 && { tool_calls: mergeCalls(calls) }),
    ...(functionCall && { function_call: functionCall }),
    ...(images.length > 0 && { images }),
    ...(marks.length > 0 && { annotations: marks }),
    ...(content === "" ? extras : without(extras, ["content"])),
  };
  const { rest } = readMeta(answer.meta);
  const reason = answer.finish ? encodeFinish(answer.finish) : "stop";
  return {
    ...rest,
    ...kept["chunk"],
    id: answer.id ?? init.id,
    object: "chat.completion",
    created: rest["created"] ?? init.created,
    model: init.model,
    choices: [{ index: 0, message, logprobs: null, ...kept["choice"], finish_reason: reason }, ...mergeChoices(others)],
    ...(answer.usage && { usage: encodeUsage(answer.usage) }),
  };
}
