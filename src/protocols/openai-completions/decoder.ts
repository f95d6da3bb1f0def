/** Chunks, or one whole completion, to events. */
import { ProxyError } from "../../failure/error.ts";
import type { Json, JsonObject, StreamEvent } from "../canonical.ts";
import { isArray, isBlank, isEmpty, isNumber, isObject, isText, parseObject, without } from "../json.ts";
import { carriesError } from "../openai-chat/errors.ts";
import { decodeFinish, decodeUsage, finishMeta } from "../openai-chat/usage.ts";
import type { Decoder, Emit } from "../types.ts";
import { ownMeta, protocolId } from "./values.ts";

const envelope = ["id", "object", "model", "choices", "usage", "obfuscation"];
const choiceFields = ["index", "text", "finish_reason"];

/** One per answer. */
export function decoder(): Decoder {
  let begun = false;
  let ended = false;
  let open = false;
  let raw: string | undefined;

  const begin = (json: JsonObject, emit: Emit<StreamEvent>): void => {
    if (begun) return;
    begun = true;
    const { id, model } = json;
    const extras = without(json, envelope);
    emit({ type: "start", ...(isText(id) && { id }), ...(isText(model) && { model }), ...ownMeta(extras) });
  };
  const keep = (place: "choice" | "other", value: JsonObject, emit: Emit<StreamEvent>): void => {
    if (!isEmpty(value)) emit({ type: "opaque", protocol: protocolId, value: { [place]: value } });
  };
  const choice = (value: JsonObject, emit: Emit<StreamEvent>): void => {
    const { index, text, finish_reason: reason } = value;
    if (isNumber(index) && index !== 0) return keep("other", value, emit);
    const extras = without(value, choiceFields);
    const blank = Object.keys(extras).filter((key) => isBlank(extras[key]));
    keep("choice", without(extras, blank), emit);
    if (isText(text)) {
      if (!open) emit({ type: "text-start", index: 0 });
      open = true;
      emit({ type: "text-delta", index: 0, delta: text });
    }
    if (isText(reason)) raw = reason;
  };
  const read = (json: JsonObject, emit: Emit<StreamEvent>): void => {
    begin(json, emit);
    for (const one of isArray(json["choices"]) ? json["choices"] : []) if (isObject(one)) choice(one, emit);
    const usage = decodeUsage(json["usage"]);
    if (usage) emit({ type: "usage", usage });
  };
  const close = (emit: Emit<StreamEvent>): void => {
    if (open) emit({ type: "block-end", index: 0 });
    open = false;
    ended = true;
  };
  const finish = (emit: Emit<StreamEvent>): void => {
    close(emit);
    const reason = decodeFinish(raw ?? "stop", false);
    emit({ type: "finish", reason, ...(raw !== undefined && { raw }), ...finishMeta(reason) });
  };
  const fail = (message: string, cause: Json | undefined, emit: Emit<StreamEvent>): void => {
    close(emit);
    emit({ type: "error", error: new ProxyError({ kind: "upstream", message, cause }) });
  };

  return {
    message(message, emit) {
      if (ended) return;
      if (message.data.trim() === "[DONE]") {
        if (begun) finish(emit);
        return;
      }
      const json = parseObject(message.data);
      if (!json) return;
      if (message.event === "error" || carriesError(json)) {
        fail("The upstream broke its answer off with an error.", message.data, emit);
      } else read(json, emit);
    },
    body(json, emit) {
      if (carriesError(json)) return fail("The upstream answered with an error.", JSON.stringify(json), emit);
      read(json, emit);
      finish(emit);
    },
    end(emit) {
      if (ended) return;
      if (raw !== undefined) finish(emit);
      else fail("The upstream ended the stream before it was finished.", undefined, emit);
    },
  };
}
