/**
 * Blocks as the wire has them: one after another, numbered without gaps. Canonical blocks may overlap, as parallel calls
 * do; the first of them goes out as it grows and the others wait for its end.
 */
import type { Sse } from "../../wire/sse.ts";
import type { Json, JsonObject, Seal } from "../canonical.ts";
import { sealText } from "../seal.ts";
import type { Emit } from "../types.ts";
import { compacted, createSlot, isHollow, isRedacted, type Slot, startOf, streamedInput, wholeOf } from "./slot.ts";
import { isEmpty, parseObject, protocolId } from "./values.ts";

export interface BlockWriter {
  open(kind: "text" | "reasoning" | "tool", index: number, fields: JsonObject, emit: Emit<Sse>): void;
  opaque(block: JsonObject, emit: Emit<Sse>): void;
  grow(index: number, delta: string, emit: Emit<Sse>): void;
  /** False when the block has no place for a seal. */
  sign(index: number, seal: Seal): boolean;
  /** Puts a citation to the block, or to the last one of text; false when that is closed. */
  cite(index: number | undefined, citation: Json, emit: Emit<Sse>): boolean;
  end(index: number, emit: Emit<Sse>): void;
  close(emit: Emit<Sse>): void;
  /** The blocks that are closed, whole. */
  readonly content: readonly JsonObject[];
  /** True once a tool the client is to run was called. */
  called(): boolean;
}

const deltas = {
  text: { type: "text_delta", field: "text" },
  reasoning: { type: "thinking_delta", field: "thinking" },
  tool: { type: "input_json_delta", field: "partial_json" },
  opaque: { type: "input_json_delta", field: "partial_json" },
} as const;

/** One per answer. */
export function createBlockWriter(): BlockWriter {
  const queue: Slot[] = [];
  const content: JsonObject[] = [];
  let begun = 0;
  let called = false;

  const send = (event: string, fields: JsonObject, emit: Emit<Sse>): void =>
    emit({ event, data: JSON.stringify({ type: event, ...fields }) });
  const begin = (slot: Slot, emit: Emit<Sse>): string => {
    const index = begun++;
    const { type, field } = deltas[slot.kind];
    send("content_block_start", { index, content_block: startOf(slot) }, emit);
    return (slot.head = `{"type":"content_block_delta","index":${index},"delta":{"type":"${type}","${field}":`);
  };
  const sendText = (slot: Slot, text: string, emit: Emit<Sse>): void => {
    const head = slot.head ?? begin(slot, emit);
    slot.sent += text.length;
    emit({ event: "content_block_delta", data: `${head}${JSON.stringify(text)}}}` });
  };
  const sendDelta = (slot: Slot, delta: JsonObject, emit: Emit<Sse>): void => {
    if (slot.head === undefined) begin(slot, emit);
    send("content_block_delta", { index: begun - 1, delta }, emit);
  };
  /** What has gathered while another block was open. */
  const flush = (slot: Slot, emit: Emit<Sse>): void => {
    if (slot.kind === "tool" && slot.head === undefined) begin(slot, emit);
    if (slot.sent < slot.text.length) sendText(slot, slot.text.slice(slot.sent), emit);
    while (slot.cited < slot.citations.length) {
      sendDelta(slot, { type: "citations_delta", citation: slot.citations[slot.cited++]! }, emit);
    }
  };
  const finish = (slot: Slot, emit: Emit<Sse>): void => {
    if (isHollow(slot)) return;
    if (slot.head === undefined) begin(slot, emit);
    if (slot.kind === "opaque") sendOpaque(slot, emit);
    if (slot.kind === "reasoning" && slot.seal && !isRedacted(slot)) {
      sendDelta(slot, { type: "signature_delta", signature: sealText(slot.seal, protocolId) }, emit);
    }
    send("content_block_stop", { index: begun - 1 }, emit);
    content.push(wholeOf(slot));
  };
  const sendOpaque = (slot: Slot, emit: Emit<Sse>): void => {
    const input = streamedInput(slot.fields);
    if (input !== undefined) sendText(slot, input, emit);
    const more = Object.fromEntries(compacted(slot.fields).map((key) => [key, slot.fields[key] ?? null]));
    if (!isEmpty(more)) sendDelta(slot, { type: `${String(slot.fields["type"])}_delta`, ...more }, emit);
  };
  /** Thinking without a signature stays open for that of a call right behind it, which is known with the next event. */
  const waits = (slot: Slot, next: Slot | undefined): boolean => {
    if (slot.kind !== "reasoning" || slot.seal) return false;
    return next === undefined || (next.kind === "tool" && next.text === "" && !next.ended);
  };
  const advance = (emit: Emit<Sse>, all = false): void => {
    for (;;) {
      const slot = queue[0];
      if (!slot) return;
      flush(slot, emit);
      // Chat ends all calls at once, at the very end; complete arguments say the same earlier.
      if (!slot.ended && slot.kind === "tool" && queue.length > 1 && parseObject(slot.text)) slot.ended = true;
      if (!all && (!slot.ended || waits(slot, queue[1]))) return;
      queue.shift();
      finish(slot, emit);
    }
  };
  const find = (index: number): Slot | undefined => queue.find((slot) => slot.index === index);

  return {
    open(kind, index, fields, emit) {
      if (kind === "tool") called = true;
      queue.push(createSlot(kind, index, fields));
      // A call begins with its first piece or its end: a signature may come before.
      if (kind !== "tool" || queue.length > 2) advance(emit);
    },
    opaque(block, emit) {
      queue.push(createSlot("opaque", undefined, block));
      advance(emit);
    },
    grow(index, delta, emit) {
      const slot = find(index);
      if (!slot || slot.ended) return;
      slot.text += delta;
      if (slot !== queue[0]) advance(emit);
      else if (slot.head === undefined) flush(slot, emit);
      else sendText(slot, delta, emit);
    },
    sign(index, seal) {
      const at = queue.findIndex((slot) => slot.index === index);
      const slot = queue[at];
      if (slot?.kind === "reasoning") {
        slot.seal = seal;
        return true;
      }
      // Gemini signs the call; here only the thinking before it can be signed.
      const before = slot?.kind === "tool" ? queue[at - 1] : undefined;
      if (before?.kind !== "reasoning" || before.seal) return false;
      before.seal = seal;
      return true;
    },
    cite(index, citation, emit) {
      const slot = index === undefined ? queue.findLast(({ kind }) => kind === "text") : find(index);
      if (slot?.kind !== "text") return false;
      slot.citations.push(citation);
      if (slot === queue[0]) flush(slot, emit);
      return true;
    },
    end(index, emit) {
      const slot = find(index);
      if (slot) slot.ended = true;
      advance(emit);
    },
    close: (emit) => advance(emit, true),
    content,
    called() {
      return called;
    },
  };
}
