/** Chunks, or one whole completion, to events. */
import { ProxyError } from "../../failure/error.ts";
import type { Json, JsonObject, StreamEvent } from "../canonical.ts";
import type { Decoder, Emit } from "../types.ts";
import { type Blocks, createBlocks, type TextField } from "./blocks.ts";
import { emptyContent } from "./message-decode.ts";
import { carriesError } from "./errors.ts";
import { decodeCitation } from "./citations.ts";
import { decodeImages } from "./content-decode.ts";
import { decodeFinish, decodeUsage, finishMeta } from "./usage.ts";
import {
  defined,
  isArray,
  isBlank,
  isEmpty,
  isObject,
  isText,
  ownMeta,
  parseObject,
  protocolId,
  without,
} from "./values.ts";

const envelope = ["id", "object", "model", "choices", "usage", "obfuscation"];
const choiceFields = ["index", "delta", "message", "finish_reason"];
const deltaFields = [
  ...["role", "content", "refusal", "reasoning_content", "reasoning", "tool_calls", "function_call"],
  ...["images", "annotations"],
];

/** What the encoder puts back where it was: beside the choices, into the choice, into its delta, or a choice of its own. */
export type Place = "chunk" | "choice" | "delta" | "tool_call" | "other";

/** One per answer. */
export function decoder(): Decoder {
  const seen = new Map<string, string>();
  let id: string | undefined;
  let begun = false;
  let ended = false;
  let raw: string | undefined;
  const blocks = createBlocks(() => id);

  const begin = (json: JsonObject, extras: JsonObject, emit: Emit<StreamEvent>): void => {
    begun = true;
    if (isText(json["id"])) id = json["id"];
    const model = isText(json["model"]) ? { model: json["model"] } : {};
    emit({ type: "start", ...(id !== undefined && { id }), ...model, ...ownMeta(extras) });
  };
  const usage = (json: JsonObject, emit: Emit<StreamEvent>): void => {
    const groq = json["x_groq"];
    const counts = decodeUsage(json["usage"]) ?? decodeUsage(isObject(groq) ? groq["usage"] : undefined);
    if (counts) emit({ type: "usage", usage: counts });
  };
  /** Fields that say something and did not say the same in the chunk before. */
  const news = (place: Place, fields: JsonObject): JsonObject => {
    const fresh: { [key: string]: Json } = {};
    for (const key in fields) {
      const value = fields[key] as Json;
      // In some dialects every field is present in every chunk, and null or empty in all but one.
      if (isBlank(value)) continue;
      if (place === "chunk" || typeof value !== "object") {
        const text = JSON.stringify(value);
        if (seen.get(`${place}.${key}`) === text) continue;
        seen.set(`${place}.${key}`, text);
      }
      fresh[key] = value;
    }
    return fresh;
  };
  const choice = (value: JsonObject, emit: Emit<StreamEvent>): void => {
    const delta = isObject(value["delta"]) ? value["delta"] : isObject(value["message"]) ? value["message"] : {};
    keep("choice", news("choice", without(value, choiceFields)), emit);
    keep("delta", news("delta", without(delta, deltaFields)), emit);
    decodeContent(blocks, delta, emit);
    if (!isText(value["finish_reason"])) return;
    raw = value["finish_reason"];
    blocks.close(emit);
  };
  const finish = (emit: Emit<StreamEvent>): void => {
    if (ended) return;
    blocks.close(emit);
    if (blocks.nameless()) {
      fail("The upstream called a tool without naming it.", undefined, emit);
      return;
    }
    ended = true;
    const reason = decodeFinish(raw ?? "stop", blocks.called());
    // F9: who refuses finishes with `stop` in this protocol.
    const refused = reason === "stop" && blocks.refused();
    const more = { ...(raw !== undefined && { raw }), ...finishMeta(reason) };
    emit({ type: "finish", reason: refused ? "content-filter" : reason, ...more });
  };
  const fail = (message: string, text: string | undefined, emit: Emit<StreamEvent>): void => {
    ended = true;
    blocks.close(emit);
    emit({ type: "error", error: new ProxyError({ kind: "upstream", message, cause: text }) });
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
        return;
      }
      const extras = news("chunk", without(json, envelope));
      if (!begun) begin(json, extras, emit);
      else keep("chunk", without(extras, ["created"]), emit);
      usage(json, emit);
      for (const value of isArray(json["choices"]) ? json["choices"] : []) {
        if (!isObject(value)) continue;
        if (value["index"] === undefined || value["index"] === 0) choice(value, emit);
        else keep("other", value, emit);
      }
    },
    body(json, emit) {
      if (carriesError(json)) {
        fail("The upstream answered with an error.", JSON.stringify(json), emit);
        return;
      }
      const known = decodeUsage(json["usage"]) ? envelope : envelope.filter((key) => key !== "usage");
      begin(json, without(json, known), emit);
      const [first, ...others] = isArray(json["choices"]) ? json["choices"] : [];
      if (isObject(first)) {
        const message = isObject(first["message"]) ? first["message"] : {};
        keep("choice", without(first, choiceFields), emit);
        keep("delta", wholeExtras(message), emit);
        decodeContent(blocks, numbered(message), emit);
        if (isText(first["finish_reason"])) raw = first["finish_reason"];
      }
      for (const other of others) if (isObject(other)) keep("other", other, emit);
      usage(json, emit);
      finish(emit);
    },
    end(emit) {
      if (ended) return;
      if (raw !== undefined) finish(emit);
      else fail("The upstream ended the stream before it was finished.", undefined, emit);
    },
  };
}

function keep(place: Place, value: JsonObject, emit: Emit<StreamEvent>): void {
  if (!isEmpty(value)) emit({ type: "opaque", protocol: protocolId, value: { [place]: value } });
}

/** The fields of a whole message the blocks do not carry, and those the encoder would write in another way. */
function wholeExtras(message: JsonObject): JsonObject {
  const { content, refusal, reasoning_content: thought, reasoning, tool_calls: calls, function_call: call } = message;
  const called = (isArray(calls) && calls.length > 0) || isObject(call);
  const empty = emptyContent(called || isText(refusal) ? [true] : [], message);
  const taken = ["role"];
  if (isText(content) || isArray(content) || content === empty) taken.push("content");
  if (isText(refusal)) taken.push("refusal");
  if (isText(thought)) taken.push("reasoning_content");
  else if (isText(reasoning)) taken.push("reasoning");
  if (isArray(calls) && calls.length > 0) taken.push("tool_calls");
  if (isObject(call)) taken.push("function_call");
  if (decodeImages(message["images"])) taken.push("images");
  if (isArray(message["annotations"]) && message["annotations"].length > 0) taken.push("annotations");
  return without(message, taken);
}

/** In a whole message every entry is a call of its own, also where two have one id. */
function numbered(message: JsonObject): JsonObject {
  const { tool_calls: calls } = message;
  if (!isArray(calls)) return message;
  return { ...message, tool_calls: calls.map((call, index) => (isObject(call) ? { index, ...call } : call)) };
}

function decodeContent(blocks: Blocks, delta: JsonObject, emit: Emit<StreamEvent>): void {
  const text = (field: TextField, value: Json | undefined): void => {
    if (isText(value)) blocks.text(field, value, emit);
  };
  if (isText(delta["reasoning_content"])) text("reasoning_content", delta["reasoning_content"]);
  else text("reasoning", delta["reasoning"]);
  const content = delta["content"];
  if (isArray(content)) decodeParts(blocks, content, emit);
  else text("content", content);
  text("refusal", delta["refusal"]);
  for (const entry of isArray(delta["tool_calls"]) ? delta["tool_calls"] : []) {
    if (isObject(entry)) blocks.toolCall(entry, emit);
  }
  if (isObject(delta["function_call"])) blocks.functionCall(delta["function_call"], emit);
  if (!isBlank(delta["images"])) decodePictures(delta["images"], emit);
  if (isArray(delta["annotations"])) for (const mark of delta["annotations"]) emit(decodeCitation(mark));
}

function decodePictures(images: Json | undefined, emit: Emit<StreamEvent>): void {
  const pictures = decodeImages(images);
  if (!pictures) keep("delta", defined({ images }), emit);
  for (const picture of pictures ?? []) emit(picture);
}

/** Content as a list, as Mistral's reasoning models send it: texts, and thinking that is a list of texts again. */
function decodeParts(blocks: Blocks, parts: readonly Json[], emit: Emit<StreamEvent>): void {
  for (const part of parts) {
    if (!isObject(part)) continue;
    const { type, text, thinking } = part;
    if (type === "text" && isText(text)) blocks.text("content", text, emit);
    else if (type === "thinking" && isText(thinking)) blocks.text("reasoning_content", thinking, emit);
    else if (type === "thinking" && isArray(thinking)) {
      for (const piece of thinking) {
        if (isObject(piece) && isText(piece["text"])) blocks.text("reasoning_content", piece["text"], emit);
      }
    } else keep("delta", { content: [part] }, emit);
  }
}
