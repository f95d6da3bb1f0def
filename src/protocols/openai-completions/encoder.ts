/** Events to chunks, or to one whole completion. Only text has a place here. */
import type { Sse } from "../../wire/sse.ts";
import type { Json, JsonObject, StreamEvent } from "../canonical.ts";
import { folder } from "../fold.ts";
import { isObject } from "../json.ts";
import { encodeRawError } from "../openai-chat/errors.ts";
import { encodeFinish, encodeUsage } from "../openai-chat/usage.ts";
import { byIndex, merge } from "../pieces.ts";
import type { Emit, Encoder, EncoderInit, Loss } from "../types.ts";
import { protocolId, readMeta } from "./values.ts";

/** One per answer. */
export function encoder(init: EncoderInit, lose: Emit<Loss>): Encoder {
  const answer = folder();
  const texts = new Set<number>();
  const reported = new Set<string>();
  const others: JsonObject[] = [];
  let extras: JsonObject = {};
  let waiting: JsonObject = {};
  let head = "";
  let failed = false;
  let finished = false;

  const begin = ({ id, meta }: Extract<StreamEvent, { type: "start" }>): void => {
    const { rest } = readMeta(meta);
    const envelope = {
      ...rest,
      id: id ?? init.id,
      object: "text_completion",
      created: rest["created"] ?? init.created,
      model: init.model,
    };
    head = JSON.stringify(envelope).slice(0, -1);
  };
  const send = (text: string, finish: string | null, emit: Emit<Sse>): void => {
    const choice = { text, index: 0, logprobs: null, ...waiting, finish_reason: finish };
    waiting = {};
    emit({ data: `${head},"choices":[${JSON.stringify(choice)}]}` });
  };
  const once = (what: string): void => {
    if (reported.has(what)) return;
    reported.add(what);
    lose({ what, where: "answer" });
  };
  const keep = (value: Json, emit: Emit<Sse>): void => {
    if (!isObject(value)) return;
    const { choice, other } = value;
    if (isObject(choice)) {
      waiting = { ...waiting, ...choice };
      extras = merge(extras, choice);
    }
    if (!isObject(other)) return;
    others.push(other);
    emit({ data: `${head},"choices":[${JSON.stringify(other)}]}` });
  };

  return {
    event(event, emit) {
      if (failed) return;
      if (event.type === "error") {
        failed = true;
        answer.event(event);
        emit({ data: JSON.stringify(encodeRawError(event.error)) });
        return;
      }
      if (event.type === "start") {
        answer.event(event);
        if (head === "") begin(event);
        return;
      }
      if (head === "") begin({ type: "start" });
      switch (event.type) {
        case "text-start":
          texts.add(event.index);
          answer.event(event);
          break;
        case "text-delta":
          answer.event(event);
          if (texts.has(event.index)) send(event.delta, null, emit);
          break;
        case "reasoning-start":
          once("reasoning");
          break;
        case "tool-start":
          once("tool calls");
          break;
        case "media":
          once(event.mediaType);
          break;
        case "source":
          once("sources");
          break;
        case "opaque":
          if (event.protocol === protocolId) keep(event.value, emit);
          else once(`a block of ${event.protocol}`);
          break;
        case "usage":
          answer.event(event);
          break;
        case "finish":
          answer.event(event);
          finished = true;
          send("", finishOf(event), emit);
          break;
        case "seal":
        case "reasoning-delta":
        case "tool-delta":
        case "block-end":
          break;
      }
    },
    end(emit) {
      if (failed || !finished) return;
      const { usage } = answer.answer();
      if (init.usage && usage) emit({ data: `${head},"choices":[],"usage":${JSON.stringify(encodeUsage(usage))}}` });
      emit({ data: "[DONE]" });
    },
    body() {
      const { error, id, meta, parts, finish, usage } = answer.answer();
      if (error) throw error;
      const { rest } = readMeta(meta);
      const text = parts.map((part) => (part.type === "text" ? part.text : "")).join("");
      const reason = finish ? finishOf(finish) : "stop";
      return {
        ...rest,
        id: id ?? init.id,
        object: "text_completion",
        created: rest["created"] ?? init.created,
        model: init.model,
        choices: [{ text, index: 0, logprobs: null, ...extras, finish_reason: reason }, ...byIndex(others, ["text"])],
        ...(usage && { usage: encodeUsage(usage) }),
      };
    },
  };
}

function finishOf(finish: Omit<Extract<StreamEvent, { type: "finish" }>, "type">): string {
  if (finish.reason === "tool-calls") return "stop";
  return finish.reason === "content-filter" ? "content_filter" : encodeFinish(finish);
}
