/**
 * The probe: parses what can matter, and of the deltas only those that differ in more than their text from one that was
 * found to be of no interest.
 */
import { isHtml } from "../../failure/error-body.ts";
import { frameText, parseFrame } from "../../wire/sse.ts";
import type { Json, JsonObject } from "../canonical.ts";
import { frameShape, type FrameShape, stringsOf } from "../frame-shape.ts";
import type { Probe, ProbeInit, ProbeState } from "../types.ts";
import { unseen } from "../unseen.ts";
import { carriesError, inBandError } from "./errors.ts";
import { openCalls } from "./open-calls.ts";
import { decodeFinish, decodeUsage, mergeUsage } from "./usage.ts";
import { isArray, isNumber, isObject, isText, parseObject } from "./values.ts";

/** Above this size a frame is parsed: comparing shapes pays for small ones. */
const shapeLimit = 4096;
/** Fields whose strings differ from delta to delta. */
const varying = stringsOf("text", "thinking", "partial_json");

export function probe({ seals: wanted = false }: ProbeInit): Probe {
  const seals: string[] = [];
  const seen: ProbeState = {
    ...unseen,
    unsaid: terminator,
    answerId: undefined,
    seals,
  };
  let closed = false;
  let begun = false;
  const calls = openCalls();
  let counts: JsonObject = {};
  let shape: FrameShape | undefined;
  /** A signature may come in pieces. */
  let signing: number | undefined;

  const note = (value: Json | undefined): void => {
    if (wanted && isText(value)) seals.push(value);
  };
  const readBlock = (block: Json | undefined): void => {
    if (!isObject(block)) return;
    const { type, text, thinking, signature, data } = block;
    calls.see(block);
    if (type === "thinking") note(signature);
    if (type === "redacted_thinking") note(data);
    // Text and thinking begin with their first piece, anything else is something already.
    if ((type !== "text" && type !== "thinking") || isText(text) || isText(thinking)) seen.started = seen.said = true;
  };
  const count = (usage: Json | undefined): void => {
    counts = mergeUsage(counts, usage);
    seen.usage = decodeUsage(counts);
  };
  const readStop = (reason: Json | undefined): void => {
    if (!isText(reason)) return;
    seen.started = true;
    seen.finished = true;
    seen.finish = decodeFinish(reason, calls.any());
  };
  const readWhole = (message: JsonObject): void => {
    if (isText(message["id"])) seen.answerId = message["id"];
    count(message["usage"]);
    for (const block of isArray(message["content"]) ? message["content"] : []) readBlock(block);
    readStop(message["stop_reason"]);
  };
  const readDelta = ({ index, delta }: JsonObject): void => {
    if (!isObject(delta)) return;
    const { text, thinking, partial_json: json } = delta;
    if ((text ?? thinking ?? json) !== "") seen.started = seen.said = true;
    if (delta["type"] !== "signature_delta" || !isNumber(index) || !isText(delta["signature"])) return;
    if (signing === index && wanted) seals.push((seals.pop() ?? "") + delta["signature"]);
    else note(delta["signature"]);
    signing = index;
  };

  const readMessage = (json: JsonObject, frame: Uint8Array): "forward" | "drop" | "last" => {
    switch (json["type"]) {
      case "message_start":
        // Its clients throw on a second one.
        if (begun) {
          if (isObject(json["message"])) count(json["message"]["usage"]);
          return "drop";
        }
        begun = true;
        if (isObject(json["message"])) readWhole(json["message"]);
        return "forward";
      case "content_block_start":
        readBlock(json["content_block"]);
        return "forward";
      case "content_block_delta":
        readDelta(json);
        if (seen.started && frame.length <= shapeLimit) shape = frameShape(latin1(frame), varying);
        return "forward";
      case "message_delta":
        count(json["usage"]);
        readStop(isObject(json["delta"]) ? json["delta"]["stop_reason"] : undefined);
        return "forward";
      case "message_stop":
        seen.started = true;
        seen.finished = true;
        closed = true;
        seen.unsaid = undefined;
        return "last";
      default:
        return "forward";
    }
  };
  const readFrame = (frame: Uint8Array): "forward" | "drop" | "last" => {
    const message = parseFrame(frame);
    // Without framing: a page, or an error of an upstream that failed before it began to stream.
    const text = message?.data ?? frameText(frame);
    const json = parseObject(text);
    if (!json) {
      if (isHtml(text)) seen.error ??= inBandError(text);
      return message ? "drop" : "forward";
    }
    if (message?.event === "error" || carriesError(json)) {
      seen.error ??= inBandError(text, json);
      return "forward";
    }
    return message ? readMessage(json, frame) : "forward";
  };

  return Object.assign<ProbeState, Pick<Probe, "see" | "body">>(seen, {
    see(frame) {
      if (closed) return "drop";
      if (shape && frame.length <= shapeLimit && shape(latin1(frame))) return "forward";
      return readFrame(frame);
    },
    body(json) {
      // Whatever has no content is no answer, however the upstream calls it.
      if (carriesError(json) || !isArray(json["content"])) {
        seen.error ??= inBandError(JSON.stringify(json), json);
        return;
      }
      readWhole(json);
      seen.finished = true;
    },
  });
}

/** Anthropic API reference, "Streaming messages": a message ends with it, after the `message_delta` with the reason. */
const terminator = 'event: message_stop\ndata: {"type":"message_stop"}\n\n';

function latin1(frame: Uint8Array): string {
  const bytes = Buffer.isBuffer(frame) ? frame : Buffer.from(frame.buffer, frame.byteOffset, frame.length);
  return bytes.toString("latin1");
}
