/** Events to the messages of a stream, or to one whole message. */
import type { Sse } from "../../wire/sse.ts";
import type { Finish, JsonObject, Meta, StreamEvent, Usage } from "../canonical.ts";
import { ProxyError } from "../../failure/error.ts";
import type { Emit, Encoder, EncoderInit, Loss } from "../types.ts";
import { uniqueIds } from "../unique-ids.ts";
import { createBlockWriter } from "./block-writer.ts";
import { madeUpIndex } from "./content-encode.ts";
import { encodeRawError } from "./errors.ts";
import { encodeFinish, encodeUsage, stopFields } from "./usage.ts";
import { isObject, protocolId, readMeta } from "./values.ts";

type Event<Type extends StreamEvent["type"]> = Extract<StreamEvent, { type: Type }>;

/** One per answer. */
export function encoder(init: EncoderInit, lose: Emit<Loss>): Encoder {
  const blocks = createBlockWriter();
  const unique = uniqueIds();
  let called = 0;
  let start: Event<"start"> = { type: "start" };
  let usage: Usage | undefined;
  let finish: { readonly reason: Exclude<Finish, "error">; readonly raw?: string; readonly meta?: Meta } | undefined;
  let error: ProxyError | undefined;
  let begun = false;

  const lost = (what: string): void => lose({ what, where: "answer" });
  const message = (): JsonObject => {
    const { rest, form } = readMeta(start.meta);
    const id = start.id ?? init.id;
    return {
      ...rest,
      id: form["own"] || id.startsWith("msg_") ? id : `msg_${id.replace(/\W/g, "_")}`,
      type: "message",
      role: "assistant",
      model: init.model,
    };
  };
  /** Waits for what is known of the usage: upstreams of this protocol name it at once. */
  const begin = (emit: Emit<Sse>): void => {
    if (begun) return;
    begun = true;
    const empty = { ...message(), content: [], ...stopFields(null, {}), usage: encodeUsage(usage) };
    emit({ event: "message_start", data: JSON.stringify({ type: "message_start", message: empty }) });
  };
  const stop = (): { readonly fields: JsonObject; readonly top: JsonObject } => {
    const { reason, raw, meta } = finish ?? { reason: "stop" };
    const { rest, form } = readMeta(meta);
    const own = form["own"] === true ? raw : undefined;
    return {
      fields: stopFields(encodeFinish(reason, own, blocks.called()), rest),
      top: isObject(form["top"]) ? form["top"] : {},
    };
  };
  /** An id the API's clients accept and the answer does not hold yet. */
  const idFor = (id: string): string => {
    called += 1;
    return unique(id.replace(/[^\w-]/g, "_") || `toolu_${called}`);
  };
  const openTool = (event: Event<"tool-start">, emit: Emit<Sse>): void => {
    if (event.hosted) {
      lost(`the hosted tool call ${event.name}`);
      return;
    }
    const { rest } = readMeta(event.meta);
    blocks.open("tool", event.index, { ...rest, type: "tool_use", id: idFor(event.id), name: event.name }, emit);
    if (event.seal && !blocks.sign(event.index, event.seal)) lost("the signature of a tool call");
  };
  const fail = (failure: ProxyError, emit: Emit<Sse>): void => {
    error = failure;
    emit(encodeRawError(failure));
  };
  const cite = (event: Event<"source">, emit: Emit<Sse>): void => {
    const { citation } = readMeta(event.meta).rest;
    const { url, title = null } = event;
    // What a web search of the API's own leaves; the index is for the API to look up, so this one must not reach it.
    const made = {
      type: "web_search_result_location",
      url: url ?? "",
      title,
      cited_text: "",
      encrypted_index: madeUpIndex,
    };
    if (!isObject(citation) && url === undefined) lost("a source without an address");
    else if (!blocks.cite(event.index, isObject(citation) ? citation : made, emit)) lost("a source");
  };

  return {
    event(event, emit) {
      if (error) return;
      switch (event.type) {
        case "start":
          if (!begun) start = { ...start, ...event };
          return;
        case "usage":
          usage = event.usage;
          return;
        case "finish":
          if (event.reason === "error") fail(gaveUp(event.raw), emit);
          else finish = { ...event, reason: event.reason };
          return;
        case "error":
          fail(event.error, emit);
          return;
      }
      begin(emit);
      switch (event.type) {
        case "text-start":
          blocks.open("text", event.index, readMeta(event.meta).rest, emit);
          break;
        case "reasoning-start":
          blocks.open("reasoning", event.index, readMeta(event.meta).rest, emit);
          break;
        case "tool-start":
          openTool(event, emit);
          break;
        case "text-delta":
        case "reasoning-delta":
        case "tool-delta":
          blocks.grow(event.index, event.delta, emit);
          break;
        case "seal":
          if (!blocks.sign(event.index, event.seal)) lost("the signature of a block");
          break;
        case "block-end":
          blocks.end(event.index, emit);
          break;
        case "source":
          cite(event, emit);
          break;
        case "opaque":
          if (event.protocol === protocolId && isObject(event.value)) blocks.opaque(event.value, emit);
          else lost(`a block of ${event.protocol}`);
          break;
        case "media":
          lost(`${event.mediaType} in the answer`);
          break;
      }
    },
    end(emit) {
      if (error || !finish) return;
      begin(emit);
      blocks.close(emit);
      const { fields, top } = stop();
      const delta = { type: "message_delta", delta: fields, usage: encodeUsage(usage), ...top };
      emit({ event: "message_delta", data: JSON.stringify(delta) });
      emit({ event: "message_stop", data: '{"type":"message_stop"}' });
    },
    body() {
      if (error) throw error;
      blocks.close(() => {});
      const { fields, top } = stop();
      return { ...message(), content: blocks.content, ...fields, ...top, usage: encodeUsage(usage) };
    },
  };
}

/** No stop reason of this protocol says that an answer has failed. */
function gaveUp(raw: string | undefined): ProxyError {
  return new ProxyError({ kind: "upstream", message: `The upstream gave its answer up (${raw ?? "error"}).` });
}
