/**
 * The probe: parses what can matter, and of the deltas only those that differ in more than their text from one that was
 * found to be of no interest.
 */
import { isHtml } from "../../failure/error-body.ts";
import { frameText, parseFrame } from "../../wire/sse.ts";
import type { Finish, Json, JsonObject } from "../canonical.ts";
import { frameShape, type FrameShape, stringsOf } from "../frame-shape.ts";
import type { InBandError, Probe, ProbeInit } from "../types.ts";
import { carriesError, inBandError } from "./errors.ts";
import { openCalls } from "./open-calls.ts";
import { decodeFinish, decodeUsage, mergeUsage } from "./usage.ts";
import { isArray, isNumber, isObject, isText, parseObject } from "./values.ts";

/** Above this size a frame is parsed: comparing shapes pays for small ones. */
const shapeLimit = 4096;
/** Fields whose strings differ from delta to delta. */
const varying = stringsOf("text", "thinking", "partial_json");

export function probe({ seals: wanted = false }: ProbeInit): Probe {
  let started = false;
  let said = false;
  let finished = false;
  let closed = false;
  let begun = false;
  const calls = openCalls();
  let counts: JsonObject = {};
  let finish: Finish | undefined;
  let answerId: string | undefined;
  let error: InBandError | undefined;
  let shape: FrameShape | undefined;
  const seals: string[] = [];
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
    if ((type !== "text" && type !== "thinking") || isText(text) || isText(thinking)) started = said = true;
  };
  const readStop = (reason: Json | undefined): void => {
    if (!isText(reason)) return;
    started = true;
    finished = true;
    finish = decodeFinish(reason, calls.any);
  };
  const readWhole = (message: JsonObject): void => {
    if (isText(message["id"])) answerId = message["id"];
    counts = mergeUsage(counts, message["usage"]);
    for (const block of isArray(message["content"]) ? message["content"] : []) readBlock(block);
    readStop(message["stop_reason"]);
  };
  const readDelta = ({ index, delta }: JsonObject): void => {
    if (!isObject(delta)) return;
    const { text, thinking, partial_json: json } = delta;
    if ((text ?? thinking ?? json) !== "") started = said = true;
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
          if (isObject(json["message"])) counts = mergeUsage(counts, json["message"]["usage"]);
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
        if (started && frame.length <= shapeLimit) shape = frameShape(latin1(frame), varying);
        return "forward";
      case "message_delta":
        counts = mergeUsage(counts, json["usage"]);
        readStop(isObject(json["delta"]) ? json["delta"]["stop_reason"] : undefined);
        return "forward";
      case "message_stop":
        started = true;
        finished = true;
        closed = true;
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
      if (isHtml(text)) error ??= inBandError(text);
      return message ? "drop" : "forward";
    }
    if (message?.event === "error" || carriesError(json)) {
      error ??= inBandError(text, json);
      return "forward";
    }
    return message ? readMessage(json, frame) : "forward";
  };

  return {
    see(frame) {
      if (closed) return "drop";
      if (shape && frame.length <= shapeLimit && shape(latin1(frame))) return "forward";
      return readFrame(frame);
    },
    body(json) {
      // Whatever has no content is no answer, however the upstream calls it.
      if (carriesError(json) || !isArray(json["content"])) {
        error ??= inBandError(JSON.stringify(json), json);
        return;
      }
      readWhole(json);
      finished = true;
    },
    get started() {
      return started;
    },
    get said() {
      return said;
    },
    get finished() {
      return finished;
    },
    get usage() {
      return decodeUsage(counts);
    },
    get finish() {
      return finish;
    },
    get error() {
      return error;
    },
    get unsaid() {
      return closed ? undefined : terminator;
    },
    get answerId() {
      return answerId;
    },
    get seals() {
      return seals;
    },
  };
}

/** Anthropic API reference, "Streaming messages": a message ends with it, after the `message_delta` with the reason. */
const terminator = 'event: message_stop\ndata: {"type":"message_stop"}\n\n';

function latin1(frame: Uint8Array): string {
  const bytes = Buffer.isBuffer(frame) ? frame : Buffer.from(frame.buffer, frame.byteOffset, frame.length);
  return bytes.toString("latin1");
}
