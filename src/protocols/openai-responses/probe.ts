/**
 * The probe: parses frames until the answer has begun, and from then on only those whose event is not known to be a
 * piece of it. The name of the event stands near the beginning of a frame, whichever server writes it.
 */
import { frameText, parseFrame } from "../../wire/sse.ts";
import type { JsonObject } from "../canonical.ts";
import { inBandError, isHtml } from "../openai-errors.ts";
import type { Probe, ProbeInit, ProbeState } from "../types.ts";
import { unseen } from "../unseen.ts";
import { endsBadly, isFailure } from "./errors.ts";
import { decodeFinish, decodeUsage } from "./usage.ts";
import { isArray, isObject, isText, parseObject } from "./values.ts";

/** Bytes at the beginning of a frame that hold the name of its event. */
const headSize = 120;
/** The first type that stands in a frame as a key of its own; inside of a text the quotes would be escaped. */
const named = /^event: ?([\w.]+)|"type": ?"([\w.]+)"/;
const piece = /^response\..*(?:delta|_text\.done|arguments\.done|part\.(?:added|done)|in_progress)$/;

export function probe({ seals: wanted = false }: ProbeInit): Probe {
  const seals: string[] = [];
  const seen: ProbeState = {
    ...unseen,
    answerId: undefined,
    seals,
  };
  let called = false;
  let refused = false;

  const readItem = (item: JsonObject): void => {
    const { type, content, encrypted_content: sealed } = item;
    if (type === "function_call") called = true;
    if (says(item)) seen.said = true;
    if (isArray(content) && content.some((part) => isObject(part) && part["type"] === "refusal")) refused = true;
    if (wanted && isText(sealed) && !seals.includes(sealed)) seals.push(sealed);
  };
  const readResponse = (response: JsonObject): void => {
    if (isText(response["id"])) seen.answerId = response["id"];
    seen.usage = decodeUsage(response["usage"]) ?? seen.usage;
    for (const item of isArray(response["output"]) ? response["output"] : []) if (isObject(item)) readItem(item);
  };
  const complete = (response: JsonObject): void => {
    readResponse(response);
    seen.started = true;
    seen.finished = true;
    seen.finish = decodeFinish(response, { called, refused }).reason;
  };
  const read = (type: string, json: JsonObject): "forward" | "last" => {
    const { response, item } = json;
    if (isObject(response)) {
      if (type === "response.completed" || type === "response.incomplete" || type === "response.done") {
        complete(response);
        return "last";
      }
      readResponse(response);
    } else if (isObject(item)) {
      readItem(item);
      // An item of text that is only announced is no content yet.
      if (type !== "response.output_item.added" || (item["type"] !== "message" && item["type"] !== "reasoning")) {
        seen.started = true;
      }
    } else if (type.endsWith(".delta") && isText(json["delta"])) seen.started = seen.said = true;
    return "forward";
  };
  /** A JSON answer without framing, as upstreams send that fail before they begin to stream. */
  const readBare = (text: string): void => {
    const json = text.trimStart().startsWith("{") ? parseObject(text) : undefined;
    if (isHtml(text) || (json && isFailure(json))) seen.error ??= inBandError(text, json);
  };

  return Object.assign<ProbeState, Pick<Probe, "see" | "body">>(seen, {
    see(frame) {
      if (seen.finished) return "drop";
      if (seen.started) {
        const head = Buffer.from(frame.buffer, frame.byteOffset, Math.min(frame.length, headSize)).toString("latin1");
        const [, event, type = event] = named.exec(head) ?? [];
        if (type !== undefined && piece.test(type)) return "forward";
      }
      const message = parseFrame(frame);
      if (!message) {
        readBare(frameText(frame));
        return "forward";
      }
      const json = parseObject(message.data);
      if (!json) {
        if (isHtml(message.data)) seen.error ??= inBandError(message.data);
        return "drop";
      }
      const type = isText(json["type"]) ? json["type"] : (message.event ?? "");
      if (endsBadly(type, json)) {
        seen.error ??= inBandError(message.data, json);
        return "forward";
      }
      return read(type, json);
    },
    body(json) {
      if (isFailure(json)) seen.error ??= inBandError(JSON.stringify(json), json);
      else complete(json);
    },
  });
}

/** An announced item says nothing yet, and sealed reasoning is nothing a client could show. */
function says({ type, content, summary }: JsonObject): boolean {
  if (type !== "message" && type !== "reasoning") return type !== undefined;
  const parts = [...(isArray(content) ? content : []), ...(isArray(summary) ? summary : [])];
  return parts.some((part) => isObject(part) && (isText(part["text"]) || isText(part["refusal"])));
}
