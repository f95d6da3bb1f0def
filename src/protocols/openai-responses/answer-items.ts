/** The items of one answer, as they begin, grow and end, or as they come whole. */
import type { Json, JsonObject, StreamEvent } from "../canonical.ts";
import type { Emit } from "../types.ts";
import { type OpenItem, openItem } from "./open-item.ts";
import { type OpenCall, openCall } from "./open-call.ts";
import { readSlot } from "./seal.ts";
import { isArray, isNumber, isObject, isText, ownMeta, protocolId, without } from "./values.ts";

export interface AnswerItems {
  added(at: Json | undefined, item: JsonObject, emit: Emit<StreamEvent>): void;
  /** The item to which a piece of text belongs, begun now if nobody has announced it. */
  said(at: Json | undefined): OpenItem;
  /** The call to which a piece of arguments belongs. */
  call(at: Json | undefined): OpenCall | undefined;
  /** The item as a whole; one that is known to be done already is not given again. */
  done(at: Json | undefined, item: JsonObject, emit: Emit<StreamEvent>): void;
  /** Ends what is open, and adds what the response lists and nobody has sent. */
  finish(output: Json | undefined, emit: Emit<StreamEvent>): void;
  called(): boolean;
  refused(): boolean;
  /** Items without anything to say that came last. */
  idle(): readonly Json[];
}

/** Fields of the items that have a place of their own in the canonical form. */
const messageFields = ["type", "role", "content"];
const reasoningFields = ["type", "summary", "content", "encrypted_content"];

export function answerItems(): AnswerItems {
  const items = new Map<number, OpenItem>();
  const calls = new Map<number, OpenCall>();
  const announced = new Map<number, JsonObject>();
  const ended = new Set<number>();
  const ids = new Set<string>();
  const idle: Json[] = [];
  let blocks = 0;
  let called = false;
  let latest = 0;

  const place = (at: Json | undefined): number => (isNumber(at) ? at : latest);
  const nextIndex = (): number => blocks++;
  const takeIdle = (): readonly Json[] => idle.splice(0);
  const open = (at: number, fields: JsonObject): OpenItem => {
    const known = items.get(at);
    if (known) return known;
    const item = openItem(fields, takeIdle(), nextIndex);
    items.set(at, item);
    return item;
  };
  const callAt = (at: number, item: JsonObject): OpenCall => {
    called = true;
    const known = calls.get(at);
    if (known) return known;
    const call = openCall(item, takeIdle(), nextIndex);
    calls.set(at, call);
    return call;
  };

  const message = (at: number, item: JsonObject, emit: Emit<StreamEvent>): void => {
    const content = isArray(item["content"]) ? item["content"] : [];
    if (!items.has(at) && (content.length === 0 || !content.every(isReadable))) return keep(item, emit);
    const writer = open(at, without(item, messageFields));
    content.forEach((part, index) => {
      if (!isObject(part)) return;
      const { text, refusal, annotations, logprobs } = part;
      if (part["type"] === "refusal" && typeof refusal === "string") {
        writer.whole("refusal", index, refusal, without(part, ["type", "refusal"]), emit);
      } else if (typeof text === "string") {
        const silent = isArray(logprobs) && logprobs.length === 0 ? ["logprobs"] : [];
        const rest = without(part, ["type", "text", "annotations", ...silent]);
        writer.whole("text", index, text, rest, emit);
        writer.annotations(index, annotations, emit);
      }
    });
    writer.close(without(item, messageFields), emit);
  };

  const reasoning = (at: number, item: JsonObject, emit: Emit<StreamEvent>): void => {
    const { summary, content } = item;
    const sealed = readSlot(item["encrypted_content"]);
    const summaries = textsOf(summary);
    const thoughts = textsOf(content);
    const silent = summaries.length === 0 && thoughts.length === 0;
    if (silent && !sealed && !items.has(at)) {
      idle.push(item);
      return;
    }
    const begun = items.has(at);
    const writer = open(at, without(item, reasoningFields));
    summaries.forEach((text, index) => writer.whole("summary", index, text, {}, emit));
    // Thoughts that are summed up are not told twice.
    const shown = summaries.length === 0 || writer.has("thought");
    if (shown) thoughts.forEach((text, index) => writer.whole("thought", index, text, {}, emit));
    if (silent && writer.index() === undefined) writer.grow("summary", 0, "", emit);
    const index = writer.index();
    if (sealed && index !== undefined) {
      const redacted = silent && !begun;
      emit({ type: "seal", index, seal: redacted ? { ...sealed.seal, redacted } : sealed.seal });
    }
    const rest = without(item, reasoningFields);
    writer.close(shown || thoughts.length === 0 ? rest : { ...rest, content: content ?? null }, emit);
  };

  const keep = (item: JsonObject, emit: Emit<StreamEvent>): void => {
    for (const value of [...takeIdle(), item]) emit({ type: "opaque", protocol: protocolId, value: { item: value } });
  };

  const done: AnswerItems["done"] = (position, item, emit) => {
    const at = place(position);
    if (ended.has(at)) return;
    ended.add(at);
    if (isText(item["id"])) ids.add(item["id"]);
    switch (item["type"]) {
      case "message":
        message(at, item, emit);
        break;
      case "reasoning":
        reasoning(at, item, emit);
        break;
      case "function_call":
        callAt(at, item).close(item, emit);
        break;
      case "image_generation_call":
        if (isText(item["result"])) picture(item, takeIdle(), emit);
        else keep(item, emit);
        break;
      default:
        keep(item, emit);
    }
  };

  return {
    added(position, item, emit) {
      latest = isNumber(position) ? position : latest + 1;
      if (ended.has(latest)) return;
      if (item["type"] === "message") announced.set(latest, without(item, messageFields));
      else if (item["type"] === "reasoning") announced.set(latest, without(item, reasoningFields));
      else if (item["type"] === "function_call") callAt(latest, item).begin(emit);
    },
    said: (position) => open(place(position), announced.get(place(position)) ?? {}),
    call: (position) => calls.get(place(position)),
    done,
    finish(output, emit) {
      const listed = isArray(output) ? output : [];
      listed.forEach((item, at) => {
        if (!isObject(item) || ended.has(at)) return;
        const begun = items.has(at) || calls.has(at);
        if (begun || !isText(item["id"]) || !ids.has(item["id"])) done(at, item, emit);
      });
      for (const [at, item] of items) if (!ended.has(at)) item.close(undefined, emit);
      for (const [at, call] of calls) if (!ended.has(at)) call.close(undefined, emit);
    },
    called() {
      return called;
    },
    refused() {
      return [...items.values()].some((item) => item.has("refusal"));
    },
    idle() {
      return idle;
    },
  };
}

/** True for a part of a message whose text can be told apart from the rest of it. */
function isReadable(part: Json): boolean {
  if (!isObject(part)) return false;
  const { type, text, refusal } = part;
  return type === "output_text" ? typeof text === "string" : type === "refusal" && typeof refusal === "string";
}

function textsOf(list: Json | undefined): readonly string[] {
  return (isArray(list) ? list : []).flatMap((part) => {
    const text = isObject(part) ? part["text"] : undefined;
    return typeof text === "string" ? [text] : [];
  });
}

function picture(item: JsonObject, before: readonly Json[], emit: Emit<StreamEvent>): void {
  const { result, output_format: format } = item;
  const mediaType = `image/${isText(format) ? format : "png"}`;
  const noted: JsonObject = before.length > 0 ? { before } : {};
  const meta = ownMeta({}, { item: without(item, ["type", "result"]), ...noted });
  emit({ type: "media", mediaType, source: { data: isText(result) ? result : "" }, ...meta });
}
