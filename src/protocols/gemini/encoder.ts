/** Events to chunks, or to one whole response. */
import type { Sse } from "../../wire/sse.ts";
import type { Json, JsonObject, Part, Seal, StreamEvent } from "../canonical.ts";
import { folder } from "../fold.ts";
import { sealText } from "../seal.ts";
import type { Emit, Encoder, EncoderInit, Loss } from "../types.ts";
import { encodeRawError } from "./errors.ts";
import { candidateOf, encodeAnswerPart, encodeResponse, feedbackOf } from "./response.ts";
import { encodeUsage } from "./usage.ts";
import { isEmpty, isObject, protocolId, readMeta } from "./values.ts";

/** A function call goes out whole, when its arguments are complete. */
interface Call {
  readonly start: Extract<StreamEvent, { type: "tool-start" }>;
  input: string;
  seal: Seal | undefined;
  ended: boolean;
}

/** One per answer. */
export function encoder(init: EncoderInit, lose: Emit<Loss>): Encoder {
  const answer = folder();
  const calls = new Map<number, Call>();
  /** What the texts of a block have in common, by index. */
  const texts = new Map<number, JsonObject>();
  /** Blocks this protocol cannot show. */
  const hidden = new Set<number>();
  /** Fields that wait for the next chunk. */
  const waiting: { candidate?: JsonObject; chunk?: JsonObject } = {};
  /** Fields that are said once: they stand in the first chunk. */
  let first: JsonObject = {};
  let form: JsonObject = {};
  let tail = "";
  let begun = false;
  let finished = false;
  let failed = false;

  const begin = (event: Extract<StreamEvent, { type: "start" }>): void => {
    begun = true;
    const own = readMeta(event.meta);
    first = own.rest;
    form = own.form;
    tail = `,${JSON.stringify({ modelVersion: init.model, responseId: event.id ?? init.id }).slice(1)}`;
  };
  const send = (candidates: string, fields: JsonObject, emit: Emit<Sse>): void => {
    const { chunk } = waiting;
    const more = { ...first, ...chunk, ...fields };
    waiting.chunk = undefined;
    first = {};
    const list = candidates === "" ? [] : [`"candidates":[${candidates}]`];
    if (!isEmpty(more)) list.push(JSON.stringify(more).slice(1, -1));
    emit({ data: `{${list.join(",")}${list.length === 0 ? tail.slice(1) : tail}` });
  };
  const sendPart = (part: string, emit: Emit<Sse>): void => {
    const { candidate } = waiting;
    waiting.candidate = undefined;
    const more = candidate ? `,${JSON.stringify(candidate).slice(1, -1)}` : "";
    const role = form["role"] === "absent" ? "" : ',"role":"model"';
    const index = form["index"] === "absent" ? "" : ',"index":0';
    send(`{"content":{"parts":[${part}]${role}}${index}${more}}`, {}, emit);
  };
  /** In the order in which the calls began, which is not the one in which they end when they take turns. */
  const sendCalls = (all: boolean, emit: Emit<Sse>): void => {
    for (const [index, call] of calls) {
      if (!all && !call.ended) return;
      calls.delete(index);
      const { id, name, meta } = call.start;
      const part: Part = { type: "tool-call", id, name, input: call.input, seal: call.seal, meta };
      for (const each of encodeAnswerPart(part, lose)) sendPart(JSON.stringify(each), emit);
    }
  };
  const endCall = (index: number, emit: Emit<Sse>): void => {
    const call = calls.get(index);
    if (!call) return;
    call.ended = true;
    sendCalls(false, emit);
  };
  const keep = (value: Json, emit: Emit<Sse>): void => {
    for (const [place, fields] of Object.entries(isObject(value) ? value : {})) {
      if (!isObject(fields)) continue;
      if (place === "part") sendPart(JSON.stringify(fields), emit);
      else if (place === "other") send(JSON.stringify(fields), {}, emit);
      else if (place === "candidate") waiting.candidate = { ...waiting.candidate, ...fields };
      else waiting.chunk = { ...waiting.chunk, ...fields };
    }
  };
  const seal = (event: Extract<StreamEvent, { type: "seal" }>, emit: Emit<Sse>): void => {
    const call = calls.get(event.index);
    if (call) {
      call.seal = event.seal;
      return;
    }
    const common = texts.get(event.index);
    if (!common) return;
    sendPart(JSON.stringify({ ...common, text: "", thoughtSignature: sealText(event.seal, protocolId) }), emit);
  };

  return {
    event(event, emit) {
      if (failed) return;
      if (event.type === "start") {
        answer.event(event);
        if (!begun) begin(event);
        return;
      }
      if (!begun) begin({ type: "start" });
      if ("index" in event && event.index !== undefined && hidden.has(event.index)) return;
      if (event.type === "tool-start" && event.hosted) {
        hidden.add(event.index);
        lose({ what: `the hosted tool call ${event.name}`, where: "answer" });
        return;
      }
      answer.event(event);
      switch (event.type) {
        case "text-start":
          texts.set(event.index, readMeta(event.meta).rest);
          break;
        case "reasoning-start":
          texts.set(event.index, { ...readMeta(event.meta).rest, thought: true });
          break;
        case "text-delta":
        case "reasoning-delta": {
          const common = texts.get(event.index) ?? {};
          const more = isEmpty(common) ? "" : `,${JSON.stringify(common).slice(1, -1)}`;
          sendPart(`{"text":${JSON.stringify(event.delta)}${more}}`, emit);
          break;
        }
        case "tool-start":
          calls.set(event.index, { start: event, input: "", seal: event.seal, ended: false });
          break;
        case "tool-delta": {
          const call = calls.get(event.index);
          if (call) call.input += event.delta;
          break;
        }
        case "seal":
          seal(event, emit);
          break;
        case "block-end":
          endCall(event.index, emit);
          break;
        case "media":
          for (const part of encodeAnswerPart(event, lose)) sendPart(JSON.stringify(part), emit);
          break;
        case "opaque":
          if (event.protocol === protocolId) keep(event.value, emit);
          else lose({ what: `a block of ${event.protocol}`, where: "answer" });
          break;
        case "source":
          if (event.url === undefined) lose({ what: "a source without an address", where: "answer" });
          break;
        case "finish":
          if (event.reason === "pause") lose({ what: "that the turn is only paused", where: "finishReason" });
          finished = true;
          break;
        case "error":
          failed = true;
          emit({ data: JSON.stringify(encodeRawError(event.error)) });
          break;
        case "usage":
          break;
      }
    },
    end(emit) {
      if (failed || !finished) return;
      sendCalls(true, emit);
      const whole = answer.answer();
      const usage: JsonObject = whole.usage ? { usageMetadata: encodeUsage(whole.usage) } : {};
      const blocked = feedbackOf(whole.finish);
      if (blocked) {
        send("", { promptFeedback: blocked, ...usage }, emit);
        return;
      }
      // Clients take a message without any part for a broken one.
      const parts = form["role"] === "absent" ? [] : [{ text: "" }];
      const last = candidateOf(parts, whole, { form, kept: waiting.candidate });
      send(JSON.stringify(last), usage, emit);
    },
    body() {
      const whole = answer.answer();
      if (whole.error) throw whole.error;
      return encodeResponse(whole, init);
    },
  };
}
