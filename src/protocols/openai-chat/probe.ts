/**
 * The probe: parses frames until the answer has begun, and from then on only those that differ in more than their
 * text from a frame that was found to be of no interest.
 */
import { frameText, parseFrame, type Sse } from "../../wire/sse.ts";
import type { JsonObject } from "../canonical.ts";
import { frameShape, type FrameShape, stringsOf } from "../frame-shape.ts";
import type { Probe, ProbeInit, ProbeState } from "../types.ts";
import { unseen } from "../unseen.ts";
import { carriesError, inBandError, isHtml } from "./errors.ts";
import { decodeFinish, decodeUsage } from "./usage.ts";
import { saysNothing } from "./blocks.ts";
import { isArray, isHollow, isNumber, isObject, isText, parseObject } from "./values.ts";

/** Above this size a frame is parsed: comparing shapes pays for small ones. */
const shapeLimit = 4096;
/** Fields whose strings differ from chunk to chunk; `obfuscation` is OpenAI's random padding. */
const varying = stringsOf("content", "reasoning_content", "reasoning", "arguments", "refusal", "text", "obfuscation");

export function probe(init: ProbeInit): Probe {
  return createProbe(init, readChoice);
}

/** What a choice of a chunk or of a whole answer holds. */
export interface ChoiceReading {
  /** Text, or anything else a client would show. */
  readonly content: boolean;
  readonly calls: boolean;
}

function readChoice({ delta, message }: JsonObject): ChoiceReading {
  const content = isObject(delta) ? delta : message;
  if (!isObject(content)) return { content: false, calls: false };
  return { content: hasContent(content), calls: hasCalls(content) };
}

/** For protocols whose messages have `choices` and `usage` as chat's have. */
export function createProbe(init: ProbeInit, read: (choice: JsonObject) => ChoiceReading): Probe {
  const seen: ProbeState = {
    ...unseen,
    unsaid: terminator,
  };
  let closed = false;
  let called = false;
  let shape: FrameShape | undefined;
  /** Whether each choice seen so far has finished: with `n` above 1 the others go on when one is done. */
  const doneBy = new Map<number, boolean>();

  const readAnswer = (json: JsonObject): void => {
    const groq = json["x_groq"];
    seen.usage = decodeUsage(json["usage"]) ?? decodeUsage(isObject(groq) ? groq["usage"] : undefined) ?? seen.usage;
    for (const choice of isArray(json["choices"]) ? json["choices"] : []) {
      if (!isObject(choice)) continue;
      const { content, calls } = read(choice);
      if (content) seen.started = seen.said = true;
      if (calls) called = true;
      const { index, finish_reason: reason } = choice;
      const key = isNumber(index) ? index : 0;
      // Some upstreams repeat a finished choice, empty, beside the usage.
      doneBy.set(key, isText(reason) || doneBy.get(key) === true);
      if (!isText(reason)) continue;
      seen.started = true;
      seen.finish = decodeFinish(reason, called);
    }
    if (seen.finish !== undefined) seen.finished = [...doneBy.values()].every(Boolean);
  };

  const readFrame = (frame: Uint8Array): "forward" | "drop" | "last" => {
    const message = parseFrame(frame);
    if (!message) {
      const text = frameText(frame);
      if (isHtml(text)) seen.error ??= inBandError(text);
      else readBare(text);
      return "forward";
    }
    if (message.data.trim() === "[DONE]") {
      seen.finished = true;
      closed = true;
      seen.unsaid = undefined;
      return "last";
    }
    return readMessage(message, frame);
  };

  /** A JSON answer without framing, as upstreams send that fail before they begin to stream. */
  const readBare = (text: string): void => {
    const json = text.trimStart().startsWith("{") ? parseObject(text) : undefined;
    if (json && carriesError(json)) seen.error ??= inBandError(text, json);
  };

  const readMessage = (message: Sse, frame: Uint8Array): "forward" | "drop" => {
    const json = parseObject(message.data);
    if (!json) {
      if (isHtml(message.data)) seen.error ??= inBandError(message.data);
      return "drop";
    }
    if (message.event === "error" || carriesError(json)) {
      seen.error ??= inBandError(message.data, json);
      return "forward";
    }
    const before = seen.usage;
    const wasFinished = seen.finished;
    readAnswer(json);
    const choices = json["choices"];
    if (seen.usage !== before)
      return init.dropUsage && (!isArray(choices) || choices.length === 0) ? "drop" : "forward";
    if (seen.started && seen.finished === wasFinished && frame.length <= shapeLimit)
      shape = frameShape(latin1(frame), varying);
    return "forward";
  };

  return Object.assign<ProbeState, Pick<Probe, "see" | "body">>(seen, {
    see(frame) {
      if (closed) return "drop";
      if (shape && frame.length <= shapeLimit && shape(latin1(frame))) return "forward";
      return readFrame(frame);
    },
    body(json) {
      // Whatever has no choices is no answer, however the upstream calls it.
      if (carriesError(json) || !isArray(json["choices"])) {
        seen.error ??= inBandError(JSON.stringify(json), json);
        return;
      }
      readAnswer(json);
      if (json["choices"].length > 0) seen.finished = true;
    },
  });
}

/** OpenAI API reference, "Streaming": what ends a stream. Clients wait for it, and some servers leave it out. */
const terminator = "data: [DONE]\n\n";

const textFields = ["content", "reasoning_content", "reasoning", "refusal"];
const listFields = ["content", "tool_calls", "reasoning_details", "images"];
const objectFields = ["audio", "function_call"];

function hasContent(delta: JsonObject): boolean {
  const list = (key: string): boolean => isArray(delta[key]) && delta[key].length > 0;
  return (
    textFields.some((key) => isText(delta[key])) ||
    listFields.some(list) ||
    objectFields.some((key) => isObject(delta[key]) && !isHollow(delta[key]))
  );
}

function hasCalls(delta: JsonObject): boolean {
  const { tool_calls: calls, function_call: call } = delta;
  return (
    (isArray(calls) && calls.some((one) => isObject(one) && !saysNothing(one))) ||
    (isObject(call) && !saysNothing(call))
  );
}

function latin1(frame: Uint8Array): string {
  const bytes = Buffer.isBuffer(frame) ? frame : Buffer.from(frame.buffer, frame.byteOffset, frame.length);
  return bytes.toString("latin1");
}
