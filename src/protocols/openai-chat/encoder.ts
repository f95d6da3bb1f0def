/** Events to chunks, or to one whole completion. */
import type { Sse } from "../../wire/sse.ts";
import type { Json, JsonObject, StreamEvent } from "../canonical.ts";
import { folder } from "../fold.ts";
import { merge } from "../pieces.ts";
import type { Emit, Encoder, EncoderInit, Loss } from "../types.ts";
import { uniqueIds } from "../unique-ids.ts";
import { citation } from "./citations.ts";
import { encodeCompletion } from "./completion.ts";
import { encodePicture } from "./content-encode.ts";
import type { Place } from "./decoder.ts";
import { encodeRawError } from "./errors.ts";
import { sealFields } from "./seal.ts";
import { encodeFinish, encodeUsage } from "./usage.ts";
import { isBlank, isObject, protocolId, readMeta, without } from "./values.ts";

/** Fields of the envelope that OpenAI repeats in every chunk; others go out once. */
const repeated = ["system_fingerprint", "service_tier"];

interface ToolSlot {
  readonly position: number;
  readonly legacy: boolean;
}

/** One per answer. */
export function encoder(init: EncoderInit, lose: Emit<Loss>): Encoder {
  const answer = folder();
  const tools = new Map<number, ToolSlot>();
  const customs = new Map<Json, number>();
  const textFields = new Map<number, string>();
  /** Blocks this protocol cannot show. */
  const hidden = new Set<number>();
  const unique = uniqueIds();
  /** Fields that wait for the next chunk. */
  let waiting: { [place: string]: JsonObject } = {};
  let head = "";
  let begun = false;
  let finished = false;
  let failed = false;
  let callCount = 0;

  const begin = (event: Extract<StreamEvent, { type: "start" }>, emit: Emit<Sse>): void => {
    begun = true;
    const { rest } = readMeta(event.meta);
    const { created, ...fields } = rest;
    const envelope: { [key: string]: Json } = {
      id: event.id ?? init.id,
      object: "chat.completion.chunk",
      created: created ?? init.created,
      model: init.model,
    };
    for (const key of repeated) if (fields[key] !== undefined && fields[key] !== null) envelope[key] = fields[key];
    head = JSON.stringify(envelope).slice(0, -1);
    waiting["chunk"] = without(fields, repeated);
    send({ role: "assistant", content: "" }, null, emit);
  };
  const send = (delta: JsonObject, finish: string | null, emit: Emit<Sse>): void => {
    const { chunk, choice, delta: more } = waiting;
    if (!chunk && !choice && !more) {
      const text = JSON.stringify(delta);
      emit({
        data: `${head},"choices":[{"index":0,"delta":${text},"logprobs":null,"finish_reason":${JSON.stringify(finish)}}]}`,
      });
      return;
    }
    waiting = {};
    const only = {
      index: 0,
      delta: { ...delta, ...telling(more) },
      logprobs: null,
      ...telling(choice),
      finish_reason: finish,
    };
    sendChoices([only], telling(chunk), emit);
  };
  const sendChoices = (choices: readonly Json[], fields: JsonObject, emit: Emit<Sse>): void => {
    const more = JSON.stringify(fields).slice(1, -1);
    emit({ data: `${head},"choices":${JSON.stringify(choices)}${more && `,${more}`}}` });
  };
  const sendCall = (slot: ToolSlot, fields: JsonObject, emit: Emit<Sse>): void => {
    const described = fields["function"];
    if (slot.legacy) send(described === undefined ? {} : { function_call: described }, null, emit);
    else send({ tool_calls: [{ index: slot.position, ...fields }] }, null, emit);
  };
  const keep = (value: Json, emit: Emit<Sse>): void => {
    if (!isObject(value)) return;
    for (const place of Object.keys(value) as Place[]) {
      const fields = value[place];
      if (!isObject(fields)) continue;
      if (place === "other") sendChoices([chunkChoice(fields)], {}, emit);
      else if (place === "tool_call") send({ tool_calls: [{ ...fields, index: positionOf(fields) }] }, null, emit);
      else waiting[place] = merge(waiting[place] ?? {}, fields);
    }
  };
  /** Pieces of one call share an index, which need not be the one it has here. */
  const positionOf = ({ index }: JsonObject): number => {
    const known = index === undefined ? undefined : customs.get(index);
    const position = known ?? callCount++;
    if (index !== undefined) customs.set(index, position);
    return position;
  };
  const startTool = (event: Extract<StreamEvent, { type: "tool-start" }>, emit: Emit<Sse>): void => {
    const { rest, form } = readMeta(event.meta);
    const slot = { position: callCount++, legacy: form["legacy"] === true };
    tools.set(event.index, slot);
    const described = { name: event.name, arguments: "" };
    const seal = event.seal ? sealFields(event.seal) : {};
    sendCall(slot, { id: event.id, type: "function", ...rest, ...seal, function: described }, emit);
  };

  return {
    event(given, emit) {
      if (failed) return;
      if (given.type === "start") {
        answer.event(given);
        if (!begun) begin(given, emit);
        return;
      }
      if (!begun && given.type !== "error") begin({ type: "start" }, emit);
      if ("index" in given && given.index !== undefined && hidden.has(given.index)) return;
      if (given.type === "tool-start" && given.hosted) {
        hidden.add(given.index);
        lose({ what: `the hosted tool call ${given.name}`, where: "answer" });
        return;
      }
      const event = given.type === "tool-start" ? { ...given, id: unique(given.id) } : given;
      answer.event(event);
      switch (event.type) {
        case "text-start":
          textFields.set(event.index, event.refusal ? "refusal" : "content");
          break;
        case "reasoning-start":
          textFields.set(event.index, readMeta(event.meta).form["reasoning"] ? "reasoning" : "reasoning_content");
          break;
        case "tool-start":
          startTool(event, emit);
          break;
        case "text-delta":
          send({ [textFields.get(event.index) ?? "content"]: event.delta }, null, emit);
          break;
        case "reasoning-delta":
          send({ [textFields.get(event.index) ?? "reasoning_content"]: event.delta }, null, emit);
          break;
        case "tool-delta": {
          const slot = tools.get(event.index);
          if (slot) sendCall(slot, { function: { arguments: event.delta } }, emit);
          break;
        }
        case "seal": {
          const slot = tools.get(event.index);
          if (slot) sendCall(slot, sealFields(event.seal), emit);
          else lose({ what: "the signature of reasoning or of a text", where: "answer" });
          break;
        }
        case "source":
          if (event.url === undefined) lose({ what: "a source without an address", where: "answer" });
          else send({ annotations: [citation(event)] }, null, emit);
          break;
        case "media": {
          const picture = encodePicture(event);
          if (picture) send({ images: [picture] }, null, emit);
          else lose({ what: event.mediaType, where: "answer" });
          break;
        }
        case "opaque":
          if (event.protocol === protocolId) keep(event.value, emit);
          else lose({ what: `a block of ${event.protocol}`, where: "answer" });
          break;
        case "finish":
          if (event.reason === "pause") lose({ what: "that the turn is only paused", where: "finish_reason" });
          finished = true;
          send({}, encodeFinish(event), emit);
          break;
        case "error":
          failed = true;
          emit({ data: JSON.stringify(encodeRawError(event.error)) });
          break;
        case "block-end":
        case "usage":
          break;
      }
    },
    end(emit) {
      if (failed || !finished) return;
      const { usage } = answer.answer();
      if (init.usage && usage) sendChoices([], { usage: encodeUsage(usage) }, emit);
      emit({ data: "[DONE]" });
    },
    body() {
      const whole = answer.answer();
      if (whole.error) throw whole.error;
      return encodeCompletion(whole, init);
    },
  };
}

/** A choice of a whole answer, sent as the only piece of its stream. */
function chunkChoice(choice: JsonObject): JsonObject {
  return isObject(choice["message"]) ? { ...without(choice, ["message"]), delta: choice["message"] } : choice;
}

function telling(fields: JsonObject | undefined): JsonObject {
  return fields
    ? without(
        fields,
        Object.keys(fields).filter((key) => isBlank(fields[key])),
      )
    : {};
}
