/**
 * The probe: parses messages until the answer has begun, and from then on those that say more than text. Every message
 * of this protocol carries usage; only the last one counts, so it is read when somebody asks.
 */
import { frameText, parseFrame } from "../../wire/sse.ts";
import type { Finish, Json, JsonObject, Usage } from "../canonical.ts";
import type { InBandError, Probe, ProbeInit, ProbeState } from "../types.ts";
import { carriesError, inBandError } from "./errors.ts";
import { payloads } from "./payload.ts";
import { camelCasedObject } from "./spelling.ts";
import { decodeFinish, decodeUsage } from "./usage.ts";
import { isNumber, isObject, isText, listOf } from "./values.ts";

/** Fields whose frames are parsed; within a text their quotes would be escaped. */
const telling = /"(?:finish_?[rR]eason|function_?[cC]all|prompt_?[fF]eedback|error)"/;
const signature = /"thought_?[sS]ignature"/;

/** Counts are read when somebody asks for them. A class for the reason that `ProbeState` is plain. */
class Seen implements ProbeState {
  started = false;
  said = false;
  finished = false;
  finish: Finish | undefined = undefined;
  error: InBandError | undefined = undefined;
  readonly seals: string[] = [];
  readonly #usage: () => Usage | undefined;
  constructor(usage: () => Usage | undefined) {
    this.#usage = usage;
  }
  get usage(): Usage | undefined {
    return this.#usage();
  }
}

export function probe(init: ProbeInit): Probe {
  /** Whether each candidate seen so far has finished: the others go on when one is done. */
  const doneBy = new Map<number, boolean>();
  let called = false;
  let raw: string | undefined;
  let blocked = false;
  let usage: Usage | undefined;
  /** The last frame that was not parsed. */
  let unread: Uint8Array | undefined;

  const readPart = (part: Json): void => {
    if (!isObject(part)) return;
    const { text, functionCall, thoughtSignature } = part;
    if (isObject(functionCall)) called = true;
    if (init.seals && isText(thoughtSignature)) seen.seals.push(thoughtSignature);
    const other = Object.keys(part).some((key) => key !== "text" && key !== "thought" && key !== "thoughtSignature");
    if (isText(text) || other) seen.started = seen.said = true;
  };
  const readResponse = (json: JsonObject): void => {
    if (carriesError(json)) {
      seen.error ??= inBandError(JSON.stringify(json), json);
      return;
    }
    usage = decodeUsage(json["usageMetadata"]) ?? usage;
    const { promptFeedback } = json;
    if (isObject(promptFeedback) && isText(promptFeedback["blockReason"])) blocked = seen.started = true;
    for (const candidate of listOf(json["candidates"])) {
      if (!isObject(candidate)) continue;
      const { content, finishReason, index } = candidate;
      for (const part of isObject(content) ? listOf(content["parts"]) : []) readPart(part);
      const key = isNumber(index) ? index : 0;
      doneBy.set(key, isText(finishReason) || doneBy.get(key) === true);
      if (!isText(finishReason)) continue;
      seen.started = true;
      raw = finishReason;
    }
    seen.finish = raw === undefined ? (blocked ? "content-filter" : undefined) : decodeFinish(raw, called);
    seen.finished = blocked || (raw !== undefined && [...doneBy.values()].every(Boolean));
  };
  /** False for what is no JSON at all. */
  const readText = (text: string): boolean => {
    const found = payloads(text);
    found.forEach(readResponse);
    return found.length > 0;
  };
  const readUnread = (): void => {
    const message = unread && parseFrame(unread);
    unread = undefined;
    // Newer frames have been read already; only the counts of an older one can matter.
    for (const json of message ? payloads(message.data) : []) usage = decodeUsage(json["usageMetadata"]) ?? usage;
  };

  const seen = new Seen(() => {
    readUnread();
    return usage;
  });
  return Object.assign<Seen, Pick<Probe, "see" | "body">>(seen, {
    see(frame) {
      if (seen.started && !matches(frame, telling) && !(init.seals && matches(frame, signature))) {
        unread = frame;
        return "forward";
      }
      const message = parseFrame(frame);
      if (!message) {
        const text = frameText(frame);
        // An answer without framing, as upstreams send that fail before they begin to stream.
        if (/^\s*[[{]/.test(text)) readText(text);
        else if (/^\s*<(?:!doctype\s+html|html)/i.test(text)) seen.error ??= inBandError(text);
        return "forward";
      }
      readUnread();
      if (readText(message.data)) return "forward";
      if (/^\s*<(?:!doctype\s+html|html)/i.test(message.data)) seen.error ??= inBandError(message.data);
      // Neither a terminator nor broken JSON is part of this protocol, and its clients stumble over both.
      return "drop";
    },
    body(body) {
      const json = camelCasedObject(body);
      // Whatever has neither candidates nor a reason for having none is no answer.
      if (!carriesError(json) && json["candidates"] === undefined && json["promptFeedback"] === undefined) {
        seen.error ??= inBandError(JSON.stringify(json), json);
      } else readResponse(json);
    },
  });
}

function matches(frame: Uint8Array, pattern: RegExp): boolean {
  return pattern.test(Buffer.from(frame.buffer, frame.byteOffset, frame.length).toString("latin1"));
}
