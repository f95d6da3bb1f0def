/** The blocks of one answer as they open, grow and close. Those of tools the API runs itself are collected whole. */
import type { Json, JsonObject, StreamEvent } from "../canonical.ts";
import type { Emit } from "../types.ts";
import { openCalls } from "./open-calls.ts";
import { isArray, isEmpty, isObject, isText, ownMeta, parseObject, protocolId, without } from "./values.ts";

export interface Blocks {
  /** `wireIndex` is the upstream's; a block that is still open under it is closed. */
  start(wireIndex: number, block: Json | undefined, emit: Emit<StreamEvent>): void;
  delta(wireIndex: number, delta: JsonObject, emit: Emit<StreamEvent>): void;
  stop(wireIndex: number, emit: Emit<StreamEvent>): void;
  /** A block that is complete from the start. */
  whole(block: Json, emit: Emit<StreamEvent>): void;
  close(emit: Emit<StreamEvent>): void;
  /** True while a call waits for the client to run it. */
  called(): boolean;
}

type Kind = "text" | "reasoning" | "tool";

type Open =
  | { readonly kind: Kind; readonly index: number; signature: string; input: JsonObject | undefined }
  | { readonly kind: "opaque"; block: JsonObject; json: string };

/** One per answer. */
export function createBlocks(): Blocks {
  const open = new Map<number, Open>();
  let next = 0;
  const calls = openCalls();

  const known = (kind: Kind, input?: JsonObject): Extract<Open, { index: number }> => ({
    kind,
    index: next++,
    signature: "",
    input,
  });
  const begin = (block: JsonObject, emit: Emit<StreamEvent>): Open => {
    const { type, text, thinking, signature, data, id, name, input } = block;
    calls.see(block);
    if (type === "text") {
      const fresh = known("text");
      emit({ type: "text-start", index: fresh.index, ...ownMeta(without(block, ["type", "text", "citations"])) });
      grow(fresh, "text-delta", text, emit);
      for (const one of isArray(block["citations"]) ? block["citations"] : []) cite(fresh.index, one, emit);
      return fresh;
    }
    if (type === "thinking") {
      const fresh = known("reasoning");
      const rest = without(block, ["type", "thinking", "signature"]);
      emit({ type: "reasoning-start", index: fresh.index, ...ownMeta(rest) });
      grow(fresh, "reasoning-delta", thinking, emit);
      if (isText(signature)) fresh.signature = signature;
      return fresh;
    }
    if (type === "redacted_thinking" && isText(data)) {
      const fresh = known("reasoning");
      emit({ type: "reasoning-start", index: fresh.index, ...ownMeta(without(block, ["type", "data"])) });
      emit({ type: "seal", index: fresh.index, seal: { protocol: protocolId, value: data, redacted: true } });
      return fresh;
    }
    if (type === "tool_use" && isText(name)) {
      const fresh = known("tool", isObject(input) ? input : {});
      const rest = without(block, ["type", "id", "name", "input"]);
      emit({ type: "tool-start", index: fresh.index, id: isText(id) ? id : `toolu_${next}`, name, ...ownMeta(rest) });
      return fresh;
    }
    return { kind: "opaque", block, json: "" };
  };
  const end = (block: Open, emit: Emit<StreamEvent>): void => {
    if (block.kind === "opaque") {
      const input = parseObject(block.json);
      const value = input ? { ...block.block, input } : block.block;
      emit({ type: "opaque", protocol: protocolId, value });
      return;
    }
    const { index, signature, input } = block;
    // Nothing came in pieces: an empty total stands for an empty object.
    if (input) emit({ type: "tool-delta", index, delta: JSON.stringify(input) });
    if (signature !== "") emit({ type: "seal", index, seal: { protocol: protocolId, value: signature } });
    emit({ type: "block-end", index });
  };
  const stop = (wireIndex: number, emit: Emit<StreamEvent>): void => {
    const block = open.get(wireIndex);
    if (!block) return;
    open.delete(wireIndex);
    end(block, emit);
  };

  return {
    start(wireIndex, block, emit) {
      stop(wireIndex, emit);
      if (isObject(block)) open.set(wireIndex, begin(block, emit));
    },
    delta(wireIndex, delta, emit) {
      let block = open.get(wireIndex);
      const missing = block ? undefined : implied(delta);
      if (missing) open.set(wireIndex, (block = begin(missing, emit)));
      if (!block) return;
      if (block.kind === "opaque") collect(block, delta);
      else take(block, delta, emit);
    },
    stop,
    whole(block, emit) {
      if (isObject(block)) end(begin(block, emit), emit);
    },
    close(emit) {
      for (const wireIndex of open.keys()) stop(wireIndex, emit);
    },
    called() {
      return calls.any();
    },
  };
}

/** The block a delta must belong to when its start was lost. */
function implied({ type }: JsonObject): JsonObject | undefined {
  if (type === "text_delta") return { type: "text", text: "" };
  return type === "thinking_delta" ? { type: "thinking", thinking: "" } : undefined;
}

function take(block: Extract<Open, { index: number }>, delta: JsonObject, emit: Emit<StreamEvent>): void {
  switch (delta["type"]) {
    case "text_delta":
      if (block.kind === "text") grow(block, "text-delta", delta["text"], emit);
      break;
    case "thinking_delta":
      if (block.kind === "reasoning") grow(block, "reasoning-delta", delta["thinking"], emit);
      break;
    case "input_json_delta":
      if (block.kind !== "tool" || !isText(delta["partial_json"])) break;
      block.input = undefined;
      grow(block, "tool-delta", delta["partial_json"], emit);
      break;
    case "signature_delta":
      if (isText(delta["signature"])) block.signature += delta["signature"];
      break;
    case "citations_delta":
      cite(block.index, delta["citation"], emit);
      break;
  }
}

function grow(
  { index }: { readonly index: number },
  type: "text-delta" | "reasoning-delta" | "tool-delta",
  text: Json | undefined,
  emit: Emit<StreamEvent>,
): void {
  if (isText(text)) emit({ type, index, delta: text });
}

function cite(index: number, citation: Json | undefined, emit: Emit<StreamEvent>): void {
  if (!isObject(citation)) return;
  const { url, source, title, document_title: document } = citation;
  const address = [url, source].find((one) => isText(one) && /^https?:/.test(one));
  const name = [title, document].find(isText);
  emit({
    type: "source",
    index,
    ...(isText(address) && { url: address }),
    ...(isText(name) && { title: name }),
    ...ownMeta(isEmpty(citation) ? {} : { citation }),
  });
}

/** Pieces of a block of which no more is known than its fields: texts grow, other values replace. */
function collect(block: Extract<Open, { kind: "opaque" }>, delta: JsonObject): void {
  const { type, ...fields } = delta;
  if (type === "input_json_delta") {
    if (isText(fields["partial_json"])) block.json += fields["partial_json"];
    return;
  }
  if (type === "citations_delta") {
    const before = block.block["citations"];
    block.block = { ...block.block, citations: [...(isArray(before) ? before : []), fields["citation"] ?? null] };
    return;
  }
  for (const [key, value] of Object.entries(fields)) {
    const before = block.block[key];
    if (value === null && before !== undefined) continue;
    const grown = typeof before === "string" && typeof value === "string" ? before + value : value;
    block.block = { ...block.block, [key]: grown };
  }
}
