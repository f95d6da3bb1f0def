/** Events of a stream, or one whole response, to canonical events. */
import { ProxyError } from "../../failure/error.ts";
import type { Json, JsonObject, StreamEvent } from "../canonical.ts";
import type { Decoder, Emit } from "../types.ts";
import { answerItems } from "./answer-items.ts";
import { endsBadly, isFailure } from "./errors.ts";
import { decodeFinish, decodeUsage } from "./usage.ts";
import { isObject, isText, ownMeta, parseObject, without } from "./values.ts";

/** Fields of the response that are events of their own, or the same in every answer. */
const apart = ["id", "object", "model", "output", "usage", "status", "error", "incomplete_details"];

/** One per answer. */
export function decoder(): Decoder {
  const items = answerItems();
  let told: JsonObject = {};
  let begun = false;
  let ended = false;

  const begin = (response: JsonObject, emit: Emit<StreamEvent>): void => {
    if (begun) return;
    begun = true;
    const { id, model } = response;
    told = without(response, apart);
    const named = { ...(isText(id) && { id }), ...(isText(model) && { model }) };
    emit({ type: "start", ...named, ...ownMeta({}, { response: true }, told) });
  };
  const finish = (response: JsonObject, emit: Emit<StreamEvent>): void => {
    if (ended) return;
    begin(response, emit);
    ended = true;
    items.finish(response["output"], emit);
    const usage = decodeUsage(response["usage"]);
    if (usage) emit({ type: "usage", usage });
    const { reason, raw } = decodeFinish(response, { called: items.called(), refused: items.refused() });
    const idle = items.idle();
    const form: JsonObject = idle.length > 0 ? { after: idle } : {};
    emit({ type: "finish", reason, raw, ...ownMeta({}, form, finalFields(response)) });
  };
  /** What the response says in the end and did not say at its start. */
  const finalFields = (response: JsonObject): JsonObject => {
    const kept: { [key: string]: Json } = {};
    for (const [key, value] of Object.entries(response)) {
      if (key === "status" || key === "incomplete_details") kept[key] = value;
      else if (!apart.includes(key) && JSON.stringify(told[key]) !== JSON.stringify(value)) kept[key] = value;
    }
    return kept;
  };
  const fail = (message: string, text: string | undefined, emit: Emit<StreamEvent>): void => {
    ended = true;
    items.finish(undefined, emit);
    emit({ type: "error", error: new ProxyError({ kind: "upstream", message, cause: text }) });
  };

  const read = (type: string, json: JsonObject, emit: Emit<StreamEvent>): void => {
    const { output_index: at, content_index: part, delta, item } = json;
    const more = typeof delta === "string" ? delta : "";
    switch (type) {
      case "response.output_text.delta":
        items.said(at).grow("text", indexOf(part), more, emit);
        break;
      case "response.refusal.delta":
        items.said(at).grow("refusal", indexOf(part), more, emit);
        break;
      case "response.reasoning_summary_text.delta":
        items.said(at).grow("summary", indexOf(json["summary_index"]), more, emit);
        break;
      case "response.reasoning_text.delta":
        // Thoughts that are summed up are not told twice.
        if (!items.said(at).has("summary")) items.said(at).grow("thought", indexOf(part), more, emit);
        break;
      case "response.function_call_arguments.delta":
        items.call(at)?.grow(more, emit);
        break;
      case "response.function_call_arguments.done":
        items.call(at)?.whole(json["arguments"], json["name"], emit);
        break;
      case "response.output_text.annotation.added":
        items.said(at).annotate(indexOf(part), json["annotation"] ?? null, emit);
        break;
      case "response.content_part.done":
        if (isObject(json["part"])) endPart(at, indexOf(part), json["part"], emit);
        break;
      case "response.output_item.added":
        if (isObject(item)) items.added(at, item, emit);
        break;
      case "response.output_item.done":
        if (isObject(item)) items.done(at, item, emit);
        break;
    }
  };
  /** The end of a part that is not the last of its item. */
  const endPart = (at: Json | undefined, index: number, part: JsonObject, emit: Emit<StreamEvent>): void => {
    const { type, text, annotations, logprobs } = part;
    if (type !== "output_text" || !isText(text)) return;
    const silent = Array.isArray(logprobs) && logprobs.length === 0 ? ["logprobs"] : [];
    items.said(at).whole("text", index, text, without(part, ["type", "text", "annotations", ...silent]), emit);
    items.said(at).annotations(index, annotations, emit);
  };

  return {
    message(message, emit) {
      if (ended) return;
      const json = parseObject(message.data);
      if (!json) return;
      const type = isText(json["type"]) ? json["type"] : (message.event ?? "");
      if (endsBadly(type, json)) {
        fail("The upstream broke its answer off with an error.", message.data, emit);
        return;
      }
      const { response } = json;
      if (!isObject(response)) {
        if (!begun && type.startsWith("response.")) begin({}, emit);
        read(type, json, emit);
      } else if (type === "response.completed" || type === "response.incomplete" || type === "response.done") {
        finish(response, emit);
      } else if (type.startsWith("response.")) begin(response, emit);
    },
    body(json, emit) {
      if (isFailure(json)) {
        fail("The upstream answered with an error.", JSON.stringify(json), emit);
        return;
      }
      finish(json, emit);
    },
    end(emit) {
      if (!ended) fail("The upstream ended the stream before it was finished.", undefined, emit);
    },
  };
}

function indexOf(value: Json | undefined): number {
  return typeof value === "number" ? value : 0;
}
