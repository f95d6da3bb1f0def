/** Messages of a stream, or one whole message, to events. Source: Anthropic API reference, "Streaming messages". */
import { ProxyError } from "../../failure/error.ts";
import type { Json, JsonObject, StreamEvent } from "../canonical.ts";
import type { Decoder, Emit } from "../types.ts";
import { createBlocks } from "./answer-blocks.ts";
import { carriesError } from "./errors.ts";
import { decodeFinish, decodeUsage, mergeUsage } from "./usage.ts";
import { isArray, isNumber, isObject, isText, ownMeta, parseObject, without } from "./values.ts";

const stopFields = ["stop_reason", "stop_sequence", "stop_details"];
const messageFields = ["id", "type", "role", "model", "content", "usage", ...stopFields];

/** One per answer. */
export function decoder(): Decoder {
  const blocks = createBlocks();
  let begun = false;
  let ended = false;
  let raw: string | undefined;
  let usage: JsonObject = {};
  /** Of the stop: fields beside the reason, and those outside of `delta`. */
  let details: JsonObject = {};
  let top: JsonObject = {};

  const begin = (message: JsonObject, emit: Emit<StreamEvent>): void => {
    if (begun) return;
    begun = true;
    const { id, model } = message;
    emit({
      type: "start",
      ...(isText(id) && { id }),
      ...(isText(model) && { model }),
      // Marks the id as one of this protocol.
      ...ownMeta(without(message, messageFields), { own: true }),
    });
  };
  const count = (more: Json | undefined, emit: Emit<StreamEvent>): void => {
    if (!isObject(more)) return;
    usage = mergeUsage(usage, more);
    const counts = decodeUsage(usage);
    if (counts) emit({ type: "usage", usage: counts });
  };
  const note = (fields: JsonObject): void => {
    if (isText(fields["stop_reason"])) raw = fields["stop_reason"];
    details = { ...details, ...withoutNulls(without(fields, ["stop_reason"])) };
  };
  const finish = (emit: Emit<StreamEvent>): void => {
    ended = true;
    blocks.close(emit);
    const called = blocks.called();
    if (raw === undefined) emit({ type: "finish", reason: called ? "tool-calls" : "stop" });
    else emit({ type: "finish", reason: decodeFinish(raw, called), raw, ...ownMeta(details, { own: true, top }) });
  };
  const fail = (message: string, cause: string | undefined, emit: Emit<StreamEvent>): void => {
    ended = true;
    blocks.close(emit);
    emit({ type: "error", error: new ProxyError({ kind: "upstream", message, cause }) });
  };
  const whole = (message: JsonObject, emit: Emit<StreamEvent>): void => {
    begin(message, emit);
    count(message["usage"], emit);
    for (const block of isArray(message["content"]) ? message["content"] : []) blocks.whole(block, emit);
    note(Object.fromEntries(stopFields.flatMap((key) => (message[key] === undefined ? [] : [[key, message[key]]]))));
  };

  return {
    message({ event, data }, emit) {
      if (ended) return;
      const json = parseObject(data);
      if (!json) return;
      const { type, index, message, delta } = json;
      if (event === "error" || carriesError(json)) {
        fail("The upstream broke its answer off with an error.", data, emit);
        return;
      }
      if (type === "message_start") {
        if (!isObject(message)) return;
        // A second start is a fault of the upstream's; the answer goes on. What counts in it are the tokens.
        if (begun) count(message["usage"], emit);
        else whole(message, emit);
        return;
      }
      if (type === "content_block_start") {
        begin({}, emit);
        if (isNumber(index)) blocks.start(index, json["content_block"], emit);
      } else if (type === "content_block_delta") {
        begin({}, emit);
        if (isNumber(index) && isObject(delta)) blocks.delta(index, delta, emit);
      } else if (type === "content_block_stop") {
        if (isNumber(index)) blocks.stop(index, emit);
      } else if (type === "message_delta") {
        begin({}, emit);
        count(json["usage"], emit);
        if (isObject(delta)) note(delta);
        top = { ...top, ...withoutNulls(without(json, ["type", "delta", "usage"])) };
      } else if (type === "message_stop" && begun) finish(emit);
    },
    body(json, emit) {
      if (carriesError(json)) {
        fail("The upstream answered with an error.", JSON.stringify(json), emit);
        return;
      }
      whole(json, emit);
      finish(emit);
    },
    end(emit) {
      if (ended) return;
      if (raw !== undefined) finish(emit);
      else fail("The upstream ended the stream before it was finished.", undefined, emit);
    },
  };
}

function withoutNulls(fields: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}
