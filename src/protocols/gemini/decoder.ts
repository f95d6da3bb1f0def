/** Chunks, or one whole response, to events. */
import { ProxyError } from "../../failure/error.ts";
import type { Json, JsonObject, StreamEvent, Usage } from "../canonical.ts";
import type { Decoder, Emit } from "../types.ts";
import { createBlocks } from "./blocks.ts";
import { carriesError } from "./errors.ts";
import { payloads } from "./payload.ts";
import { sourcesOf } from "./sources.ts";
import { camelCasedObject } from "./spelling.ts";
import { decodeFinish, decodeUsage } from "./usage.ts";
import { isArray, isBlank, isEmpty, isObject, isText, listOf, opaque, ownMeta, type Place, without } from "./values.ts";

const envelope = ["candidates", "usageMetadata", "modelVersion", "responseId"];
const candidateFields = ["content", "finishReason", "index"];

/** One per answer. The stream has no end of its own, so what says that it is complete is given at `end`. */
export function decoder(): Decoder {
  const seen = new Map<string, string>();
  const links = new Set<string>();
  let id: string | undefined;
  let begun = false;
  let ended = false;
  let raw: string | undefined;
  let detail: string | undefined;
  let blocked: JsonObject | undefined;
  let usage: Usage | undefined;
  /** Usage without a count. */
  let bare: JsonObject | undefined;
  const blocks = createBlocks(() => id);

  const begin = (json: JsonObject, rest: JsonObject, emit: Emit<StreamEvent>): void => {
    begun = true;
    if (isText(json["responseId"])) id = json["responseId"];
    const model = isText(json["modelVersion"]) ? { model: json["modelVersion"] } : {};
    const form = formOf(listOf(json["candidates"])[0]);
    emit({ type: "start", ...(id !== undefined && { id }), ...model, ...ownMeta(rest, form) });
  };
  /** Fields that did not say the same in the chunk before. */
  const news = (place: Place, fields: JsonObject): JsonObject => {
    const fresh: { [key: string]: Json } = {};
    for (const [key, value] of Object.entries(fields)) {
      if (isBlank(value)) continue;
      const text = JSON.stringify(value);
      if (seen.get(`${place}.${key}`) === text) continue;
      seen.set(`${place}.${key}`, text);
      fresh[key] = value;
    }
    return fresh;
  };
  const keep = (place: Place, fields: JsonObject, emit: Emit<StreamEvent>): void => {
    if (!isEmpty(fields)) emit(opaque(place, fields));
  };
  const candidate = (value: JsonObject, emit: Emit<StreamEvent>): void => {
    const { content, finishReason, finishMessage } = value;
    for (const part of isObject(content) ? listOf(content["parts"]) : []) if (isObject(part)) blocks.part(part, emit);
    keep("candidate", news("candidate", without(value, candidateFields)), emit);
    for (const source of sourcesOf(value, links)) emit(source);
    if (isText(finishMessage)) detail = finishMessage;
    if (isText(finishReason)) raw = finishReason;
  };
  const response = (json: JsonObject, emit: Emit<StreamEvent>): void => {
    const { promptFeedback, ...others } = without(json, envelope);
    const block = isObject(promptFeedback) && isText(promptFeedback["blockReason"]) ? promptFeedback : undefined;
    blocked = block ?? blocked;
    const fields = block || promptFeedback === undefined ? others : { ...others, promptFeedback };
    const fresh = news("chunk", fields);
    if (!begun) begin(json, fresh, emit);
    else keep("chunk", fresh, emit);
    usage = decodeUsage(json["usageMetadata"]) ?? usage;
    if (isObject(json["usageMetadata"])) bare = json["usageMetadata"];
    for (const value of isArray(json["candidates"]) ? json["candidates"] : []) {
      if (!isObject(value)) continue;
      if (value["index"] === undefined || value["index"] === 0) candidate(value, emit);
      else keep("other", value, emit);
    }
  };
  const fail = (message: string, text: string | undefined, emit: Emit<StreamEvent>): void => {
    ended = true;
    blocks.close(emit);
    if (usage) emit({ type: "usage", usage });
    emit({ type: "error", error: new ProxyError({ kind: "upstream", message, cause: text }) });
  };
  const finish = (emit: Emit<StreamEvent>): void => {
    if (ended) return;
    const word = raw ?? (blocked && String(blocked["blockReason"]));
    if (word === undefined) {
      fail("The upstream ended the answer before it was finished.", undefined, emit);
      return;
    }
    const reason = raw === undefined ? "content-filter" : decodeFinish(raw, blocks.called());
    if (reason === "error") {
      fail(`The model's answer was given up: ${word}.`, detail, emit);
      return;
    }
    ended = true;
    blocks.close(emit);
    // A count of zero is left out on the wire: of a blocked prompt nothing else may be left.
    if (!usage && blocked && bare) usage = { input: 0, output: 0, raw: bare };
    if (usage) emit({ type: "usage", usage });
    emit({ type: "finish", reason, raw: word, ...(blocked && ownMeta({}, { promptFeedback: blocked })) });
  };

  return {
    message(message, emit) {
      if (ended) return;
      for (const json of payloads(message.data)) {
        if (carriesError(json)) fail("The upstream broke its answer off with an error.", message.data, emit);
        if (ended) return;
        response(json, emit);
      }
    },
    body(body, emit) {
      const json = camelCasedObject(body);
      if (carriesError(json)) fail("The upstream answered with an error.", JSON.stringify(json), emit);
      else response(json, emit);
      finish(emit);
    },
    end: finish,
  };
}

/** What a response leaves out that the encoder writes by itself. */
function formOf(candidate: Json | undefined): JsonObject {
  if (!isObject(candidate)) return {};
  const { index, content } = candidate;
  const role = isObject(content) ? content["role"] : undefined;
  return { ...(index === undefined && { index: "absent" }), ...(role === undefined && { role: "absent" }) };
}
