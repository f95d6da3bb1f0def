/** Items of an answer as events: each begins, grows and ends, and is kept whole for the end of the answer. */
import type { Sse } from "../../wire/sse.ts";
import type { Json, JsonObject } from "../canonical.ts";
import { isText } from "./values.ts";

export interface Output {
  /** One event, numbered. */
  send(type: string, fields: JsonObject): void;
  /** `head` and `tail` are JSON text around what differs; the number comes between the type and them. */
  sendRaw(type: string, fields: string): void;
  /** A place among the items. */
  place(): number;
  /** An id for an item that has none yet. */
  id(prefix: string, at: number): string;
  /** The finished item, for the end of the answer. */
  keep(at: number, item: JsonObject): void;
}

/** `sink` is asked for each event; `responseId` makes ids of items unique over a conversation. */
export function createOutput(
  sink: (sse: Sse) => void,
  responseId: () => string,
): Output & { items(): readonly JsonObject[]; sequence(): number } {
  const items: JsonObject[] = [];
  let sequence = 0;
  let places = 0;
  const sendRaw: Output["sendRaw"] = (type, fields) => {
    sink({ event: type, data: `{"type":"${type}","sequence_number":${sequence++},${fields}}` });
  };
  return {
    sendRaw,
    send: (type, fields) => sendRaw(type, JSON.stringify(fields).slice(1, -1)),
    place: () => places++,
    id: (prefix, at) =>
      `${prefix}_${responseId()
        .replace(/^resp_/, "")
        .replace(/\W/g, "")
        .slice(-48)}${at}`,
    keep(at, item) {
      items[at] = item;
    },
    items() {
      // Items that were given up have left their place empty.
      return items.filter(() => true);
    },
    sequence() {
      return sequence;
    },
  };
}

/** An item that comes whole. */
export function writeItem(out: Output, item: JsonObject): void {
  const at = out.place();
  out.send("response.output_item.added", { output_index: at, item });
  endItem(out, at, item);
}

export function endItem(out: Output, at: number, item: JsonObject): void {
  out.send("response.output_item.done", { output_index: at, item });
  out.keep(at, item);
}

/** A picture of the model's own making. */
export function writePicture(out: Output, mediaType: string, data: string, own: JsonObject | undefined): void {
  const at = out.place();
  const format = mediaType.slice("image/".length);
  const made = { status: "completed", output_format: /^\w+$/.test(format) ? format : "png" };
  const { id, ...fields }: JsonObject = own ?? made;
  const item = { id: isText(id) ? id : out.id("ig", at), type: "image_generation_call", ...fields, result: data };
  out.send("response.output_item.added", { output_index: at, item: { ...item, status: "in_progress", result: null } });
  out.send("response.image_generation_call.completed", { output_index: at, item_id: item.id });
  endItem(out, at, item);
}

/** A call whose arguments come in pieces; `free`: it takes a text, which is only known when the arguments are whole. */
export interface CallWriter {
  readonly at: number;
  grow(delta: string): void;
  end(fields: JsonObject): void;
}

export interface CallInit {
  readonly callId: string;
  readonly name: string;
  /** Where the client has declared the tool in one. */
  readonly namespace?: string;
  readonly fields: JsonObject;
  /** The upstream's own arguments are written as they are, empty ones too. */
  readonly own: boolean;
}

export function writeCall(out: Output, { callId, name, namespace, fields, own }: CallInit): CallWriter {
  const at = out.place();
  const { id: known, ...more } = fields;
  const id = isText(known) ? known : out.id("fc", at);
  const item = { type: "function_call", call_id: callId, ...(namespace !== undefined && { namespace }), name };
  out.send("response.output_item.added", {
    output_index: at,
    item: { id, status: "in_progress", ...more, ...item, arguments: "" },
  });
  const head = `"item_id":${JSON.stringify(id)},"output_index":${at},"delta":`;
  let text = "";
  const grow = (delta: string): void => {
    text += delta;
    out.sendRaw("response.function_call_arguments.delta", head + JSON.stringify(delta));
  };
  return {
    at,
    grow,
    end(last) {
      // Clients parse the arguments, and an empty text is no JSON.
      if (text === "" && !own) grow("{}");
      out.send("response.function_call_arguments.done", { item_id: id, output_index: at, name, arguments: text });
      const final = { status: "completed", ...(own ? more : {}), ...last };
      endItem(out, at, { ...final, id, ...item, arguments: text });
    },
  };
}

/** A tool of the client's that takes free text. */
export function writeCustomCall(
  out: Output,
  { callId, name, namespace }: CallInit,
  freeText: (input: string) => string,
): CallWriter {
  const at = out.place();
  const id = out.id("ctc", at);
  const item: { [key: string]: Json } = {
    id,
    type: "custom_tool_call",
    status: "in_progress",
    call_id: callId,
    ...(namespace !== undefined && { namespace }),
    name,
  };
  out.send("response.output_item.added", { output_index: at, item: { ...item, input: "" } });
  let text = "";
  return {
    at,
    grow(delta) {
      text += delta;
    },
    end() {
      const input = freeText(text);
      const place = { item_id: id, output_index: at };
      if (input !== "") out.send("response.custom_tool_call_input.delta", { ...place, delta: input });
      out.send("response.custom_tool_call_input.done", { ...place, input });
      endItem(out, at, { ...item, status: "completed", input });
    },
  };
}
