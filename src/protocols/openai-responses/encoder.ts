/** Canonical events to the events of a stream, or to one whole response. */
import type { Sse } from "../../wire/sse.ts";
import type { Json, JsonObject, Seal, StreamEvent, Usage } from "../canonical.ts";
import type { Emit, Encoder, EncoderInit, Loss } from "../types.ts";
import { uniqueIds } from "../unique-ids.ts";
import { freeText } from "./answer-encode.ts";
import { encodeFailure } from "./errors.ts";
import { type CallWriter, createOutput, writeCall, writeCustomCall, writeItem, writePicture } from "./item-writer.ts";
import { isCustom } from "./request-tools.ts";
import { beginResponse } from "./response.ts";
import { writeSeal } from "./seal.ts";
import { bareName, wireName } from "./tool-names.ts";
import { type TextItem, writeTextItem } from "./text-writer.ts";
import { encodeFinish, encodeUsage } from "./usage.ts";
import { isArray, isObject, protocolId, readMeta } from "./values.ts";

type Event<T extends StreamEvent["type"]> = Extract<StreamEvent, { type: T }>;

/** One per answer. */
export function encoder(init: EncoderInit, lose: Emit<Loss>): Encoder {
  let sink: Emit<Sse> = () => undefined;
  let response: JsonObject = {};
  const out = createOutput(
    (sse) => sink(sse),
    () => String(response["id"]),
  );
  const calls = new Map<number, CallWriter>();
  /** Blocks this protocol cannot show. */
  const hidden = new Set<number>();
  const unique = uniqueIds();
  /** Ended as late as possible: more parts may join it, and citations come behind the text. */
  let text: { readonly item: TextItem; index: number } | undefined;
  let begun = false;
  let refused = false;
  let usage: Usage | undefined;
  let finish: Event<"finish"> | undefined;
  let failure: Event<"error"> | undefined;
  let final: JsonObject | undefined;

  const begin = (start: Event<"start">): void => {
    begun = true;
    response = beginResponse(start, init);
    out.send("response.created", { response });
    out.send("response.in_progress", { response });
  };
  const settle = (status: "completed" | "incomplete" = "completed"): void => {
    text?.item.end(status);
    text = undefined;
  };
  const idle = (items: Json | undefined): void => {
    for (const item of isArray(items) ? items : []) if (isObject(item)) writeItem(out, item);
  };
  const startText = (event: Event<"text-start" | "reasoning-start">): void => {
    const own = event.meta?.[protocolId] !== undefined;
    const { form } = readMeta(event.meta);
    const kind = event.type === "text-start" ? "message" : "reasoning";
    // Neighbouring texts are one message; thoughts each have a seal of their own.
    const joins = own ? form["joined"] === true : kind === "message";
    if (!text || text.item.kind !== kind || !joins) {
      settle();
      idle(form["before"]);
      text = { item: writeTextItem(out, kind, { fields: objectOf(form["item"]), own }), index: event.index };
    }
    text.index = event.index;
    const refusal = event.type === "text-start" && event.refusal === true;
    if (refusal) refused = true;
    if (kind === "message") text.item.part(refusal ? "refusal" : "text");
    else text.item.part(form["in"] === "content" ? "thought" : "summary");
  };
  const startCall = (event: Event<"tool-start">): void => {
    settle();
    const own = event.meta?.[protocolId] !== undefined;
    const { form } = readMeta(event.meta);
    idle(form["before"]);
    if (event.seal) sign(event.seal, "next");
    const declared = own ? undefined : init.request?.tools?.find((tool) => tool.name === event.name);
    const names = declared ? wireName(declared) : { name: bareName(event.name, form) };
    const call = { callId: unique(event.id), ...names, fields: objectOf(form["item"]), own };
    const custom = declared && isCustom(declared);
    calls.set(event.index, custom ? writeCustomCall(out, call, freeText) : writeCall(out, call));
  };
  /** A reasoning item that says nothing but whose seal it is. */
  const sign = (seal: Seal, place: "next" | "last"): void => {
    const item = writeTextItem(out, "reasoning", { fields: {}, own: false });
    item.set({ encrypted_content: writeSeal(seal, place) });
    item.end("completed");
  };
  const endBlock = (event: Event<"block-end">): void => {
    const { rest, form } = readMeta(event.meta);
    const call = calls.get(event.index);
    if (call) {
      calls.delete(event.index);
      call.end(objectOf(form["item"]));
    } else if (text?.index === event.index) {
      text.item.note(rest);
      text.item.set(objectOf(form["item"]));
    }
  };
  const addSeal = ({ index, seal }: Event<"seal">): void => {
    if (text?.index === index && text.item.kind === "reasoning") {
      text.item.set({ encrypted_content: writeSeal(seal, "own") });
      return;
    }
    if (!calls.has(index)) settle();
    sign(seal, "last");
  };
  const cite = (event: Event<"source">): void => {
    const own = event.meta?.[protocolId] !== undefined;
    const { url, title } = event;
    const named = { ...(url !== undefined && { url }), ...(title !== undefined && { title }) };
    const annotation = (length: number): JsonObject =>
      own
        ? { ...readMeta(event.meta).rest, ...named }
        : { type: "url_citation", start_index: 0, end_index: length, url: url ?? "", title: title ?? "" };
    const cited = (own || url !== undefined) && text?.item.cite(annotation);
    if (!cited) lose({ what: url === undefined ? "a source without an address" : "a source", where: "answer" });
  };
  const addMedia = ({ mediaType, source, seal, meta }: Event<"media">): void => {
    if (!("data" in source) || !mediaType.startsWith("image/")) {
      lose({ what: mediaType, where: "answer" });
      return;
    }
    settle();
    const { form } = readMeta(meta);
    idle(form["before"]);
    writePicture(out, mediaType, source.data, isObject(form["item"]) ? form["item"] : undefined);
    if (seal) sign(seal, "last");
  };
  const complete = (): JsonObject => {
    const { reason = "other", raw, meta } = finish ?? {};
    const own = meta?.[protocolId] !== undefined;
    const ending = own ? readMeta(meta).rest : encodeFinish(reason, raw, refused);
    return {
      ...response,
      status: "completed",
      ...ending,
      output: out.items(),
      usage: usage ? encodeUsage(usage) : null,
    };
  };

  return {
    event(event, emit) {
      if (failure) return;
      sink = emit;
      if (event.type === "start") {
        if (!begun) begin(event);
        return;
      }
      if (!begun) begin({ type: "start" });
      if ("index" in event && event.index !== undefined && hidden.has(event.index)) return;
      switch (event.type) {
        case "text-start":
        case "reasoning-start":
          startText(event);
          break;
        case "tool-start":
          if (event.hosted) {
            hidden.add(event.index);
            lose({ what: `the hosted tool call ${event.name}`, where: "answer" });
          } else startCall(event);
          break;
        case "text-delta":
        case "reasoning-delta":
          // A block that goes on after another one has begun goes on in an item of its own.
          if (text?.index !== event.index) {
            startText({ type: event.type === "text-delta" ? "text-start" : "reasoning-start", index: event.index });
          }
          text?.item.grow(event.delta);
          break;
        case "tool-delta":
          calls.get(event.index)?.grow(event.delta);
          break;
        case "block-end":
          endBlock(event);
          break;
        case "seal":
          addSeal(event);
          break;
        case "source":
          cite(event);
          break;
        case "media":
          addMedia(event);
          break;
        case "opaque": {
          const item = isObject(event.value) ? event.value["item"] : undefined;
          if (event.protocol === protocolId && isObject(item)) {
            settle();
            writeItem(out, item);
          } else lose({ what: `a block of ${event.protocol}`, where: "answer" });
          break;
        }
        case "usage":
          usage = event.usage;
          break;
        case "finish":
          if (event.reason === "pause") lose({ what: "that the turn is only paused", where: "status" });
          finish = event;
          settle(event.reason === "length" || event.reason === "content-filter" ? "incomplete" : "completed");
          for (const call of calls.values()) call.end({});
          calls.clear();
          idle(readMeta(event.meta).form["after"]);
          break;
        case "error":
          failure = event;
          encodeFailure(event.error, { ...response, output: out.items() }, out.sequence()).forEach(emit);
          break;
      }
    },
    end(emit) {
      if (failure || !finish || final) return;
      sink = emit;
      final = complete();
      out.send(
        `response.${final["status"] === "incomplete" || final["status"] === "failed" ? final["status"] : "completed"}`,
        {
          response: final,
        },
      );
    },
    body() {
      if (failure) throw failure.error;
      return final ?? complete();
    },
  };
}

function objectOf(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}
