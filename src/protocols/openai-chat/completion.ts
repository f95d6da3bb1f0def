/** One folded answer as a `chat.completion` object. */
import type { Json, JsonObject } from "../canonical.ts";
import type { Answer, Source } from "../fold.ts";
import type { EncoderInit } from "../types.ts";
import { emptyContent } from "./message-decode.ts";
import { sealFields } from "./seal.ts";
import { encodeFinish, encodeUsage } from "./usage.ts";
import { isArray, isObject, protocolId, readMeta, without } from "./values.ts";

export function encodeCompletion(answer: Answer, init: EncoderInit): JsonObject {
  const kept: { [place: string]: JsonObject } = {};
  const others: Json[] = [];
  const calls: Json[] = [];
  let functionCall: JsonObject | undefined;
  let content = "";
  let refusal = "";
  let reasoning = "";
  let reasoningField = "reasoning_content";
  for (const part of answer.parts) {
    if (part.type === "text") {
      if (readMeta(part.meta).form["refusal"]) refusal += part.text;
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
    } else if (part.type === "opaque" && part.protocol === protocolId && isObject(part.value)) {
      for (const [place, fields] of Object.entries(part.value)) {
        if (place === "tool_call") calls.push(fields);
        else if (place === "other") others.push(fields);
        else if (isObject(fields)) kept[place] = merge(kept[place] ?? {}, fields);
      }
    }
  }
  const marks = answer.sources.filter((source) => source.url !== undefined).map(citation);
  const extras = kept["delta"] ?? {};
  const spoken = [...calls, ...(functionCall ? [functionCall] : []), ...(refusal === "" ? [] : [refusal])];
  const message: JsonObject = {
    role: "assistant",
    content: content === "" ? emptyContent(spoken, extras) : content,
    refusal: refusal === "" ? null : refusal,
    ...(reasoning !== "" && { [reasoningField]: reasoning }),
    ...(calls.length > 0 && { tool_calls: calls }),
    ...(functionCall && { function_call: functionCall }),
    ...(marks.length > 0 && { annotations: marks }),
    ...(content === "" ? extras : without(extras, ["content"])),
  };
  const { rest } = readMeta(answer.meta);
  const reason = answer.finish ? encodeFinish(answer.finish.reason, answer.finish.raw) : "stop";
  return {
    ...rest,
    ...kept["chunk"],
    id: answer.id ?? init.id,
    object: "chat.completion",
    created: rest["created"] ?? init.created,
    model: init.model,
    choices: [{ index: 0, message, logprobs: null, ...kept["choice"], finish_reason: reason }, ...others],
    ...(answer.usage && { usage: encodeUsage(answer.usage) }),
  };
}

/** OpenAI's web search guide: where the cited page stands in the text is not known here. */
export function citation(source: Source): JsonObject {
  const { url = "", title = "" } = source;
  return { type: "url_citation", url_citation: { url, title, start_index: 0, end_index: 0 } };
}

const growing = ["data", "transcript"];

/** Pieces of unknown fields put together: lists and objects grow, the texts of audio too, other values replace. */
export function merge(one: JsonObject, other: JsonObject): JsonObject {
  const all: { [key: string]: Json } = { ...one };
  for (const [key, value] of Object.entries(other)) {
    const before = all[key];
    if (isArray(before) && isArray(value)) all[key] = [...before, ...value];
    else if (isObject(before) && isObject(value)) all[key] = merge(before, value);
    else if (typeof before === "string" && typeof value === "string" && growing.includes(key))
      all[key] = before + value;
    else all[key] = value;
  }
  return all;
}
