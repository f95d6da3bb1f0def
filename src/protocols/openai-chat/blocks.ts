/** The blocks of one answer as they open and close. Chat has none of its own: they follow from which field grows. */
import type { Json, JsonObject, Meta, StreamEvent } from "../canonical.ts";
import type { Emit } from "../types.ts";
import { takeSeal } from "./seal.ts";
import { isHollow, isNumber, isObject, isText, ownMeta, protocolId, without } from "./values.ts";

export type TextField = "content" | "refusal" | "reasoning_content" | "reasoning";

export interface Blocks {
  /** More text in one of the text fields; opens a block when the field is another one than before. */
  text(field: TextField, delta: string, emit: Emit<StreamEvent>): void;
  /** One entry of `tool_calls`, whole or a piece. */
  toolCall(entry: JsonObject, emit: Emit<StreamEvent>): void;
  /** The deprecated `function_call`, whole or a piece. */
  functionCall(call: JsonObject, emit: Emit<StreamEvent>): void;
  close(emit: Emit<StreamEvent>): void;
  /** True once a tool call was seen. */
  called(): boolean;
  /** True once the model has refused to answer. */
  refused(): boolean;
  /** True once a call with arguments was closed whose name never came. */
  nameless(): boolean;
}

interface Call {
  /** Of the block; absent until the name is known, since a block cannot start without it. */
  index: number | undefined;
  id: string | undefined;
  name: string;
  held: string;
  rest: JsonObject;
  readonly legacy: boolean;
}

/** `answerId` makes ids of calls to which the upstream gave none unique over a conversation. */
export function createBlocks(answerId: () => string | undefined): Blocks {
  const calls: Call[] = [];
  const byIndex = new Map<number, Call>();
  let open: { readonly field: TextField; readonly index: number } | undefined;
  let legacy: Call | undefined;
  let next = 0;
  let called = false;
  let refused = false;
  let nameless = false;
  /** Indexes on the wire of calls that are no functions. */
  const customs = new Set<Json>();

  const closeText = (emit: Emit<StreamEvent>): void => {
    if (open) emit({ type: "block-end", index: open.index });
    open = undefined;
  };
  const newCall = (fields: Pick<Call, "id" | "legacy">): Call => {
    const call = { index: undefined, name: "", held: "", rest: {}, ...fields };
    calls.push(call);
    return call;
  };
  const start = (call: Call, emit: Emit<StreamEvent>): number => {
    closeText(emit);
    called = true;
    const index = next++;
    call.index = index;
    call.id ??= `call_${(answerId() ?? "").replace(/\W/g, "").slice(-24)}${index}`;
    const { rest, seal } = takeSeal(call.rest);
    call.rest = rest;
    emit({ type: "tool-start", index, id: call.id, name: call.name, ...metaOf(call) });
    if (seal) emit({ type: "seal", index, seal });
    return index;
  };
  const grow = (call: Call, name: Json | undefined, input: Json | undefined, emit: Emit<StreamEvent>): void => {
    if (call.index === undefined && isText(name)) call.name = name;
    // Mistral's API allows the arguments as an object.
    call.held += typeof input === "string" ? input : isObject(input) ? JSON.stringify(input) : "";
    if (call.name === "") return;
    const index = call.index ?? start(call, emit);
    if (call.held !== "") emit({ type: "tool-delta", index, delta: call.held });
    call.held = "";
  };
  const find = (entry: JsonObject): Call | undefined => {
    const { index, id, function: described } = entry;
    if (!isNumber(index)) return isText(id) ? calls.find((call) => call.id === id) : calls.at(-1);
    const known = byIndex.get(index);
    // Some shims give every call index 0; another id with a name of its own is another call.
    const other =
      isText(id) && known?.id !== undefined && known.id !== id && isObject(described) && isText(described["name"]);
    return other ? undefined : known;
  };

  /** Only the first piece of a call names its type. */
  const isCustom = ({ type, index }: JsonObject): boolean => {
    if (!isText(type)) return index !== undefined && customs.has(index);
    if (type === "function") return false;
    if (index !== undefined) customs.add(index);
    return true;
  };

  return {
    text(field, delta, emit) {
      if (open?.field !== field) {
        closeText(emit);
        open = { field, index: next++ };
        if (field === "refusal") refused = true;
        emit(textStart(field, open.index));
      }
      const type = field === "content" || field === "refusal" ? "text-delta" : "reasoning-delta";
      emit({ type, index: open.index, delta });
    },
    toolCall(entry, emit) {
      if (saysNothing(entry)) return;
      if (isCustom(entry)) {
        called = true;
        closeText(emit);
        emit({ type: "opaque", protocol: protocolId, value: { tool_call: entry } });
        return;
      }
      const call = find(entry) ?? newCall({ id: undefined, legacy: false });
      if (isNumber(entry["index"])) byIndex.set(entry["index"], call);
      if (isText(entry["id"])) call.id ??= entry["id"];
      const described = isObject(entry["function"]) ? entry["function"] : {};
      call.rest = { ...call.rest, ...without(entry, ["index", "id", "type", "function"]) };
      grow(call, described["name"], described["arguments"], emit);
    },
    functionCall(call, emit) {
      if (saysNothing(call)) return;
      legacy ??= newCall({ id: undefined, legacy: true });
      grow(legacy, call["name"], call["arguments"], emit);
    },
    close(emit) {
      closeText(emit);
      for (const call of calls.splice(0)) {
        if (call.index !== undefined) emit({ type: "block-end", index: call.index, ...metaOf(call) });
        else if (call.held !== "") nameless = true;
      }
      byIndex.clear();
    },
    called() {
      return called;
    },
    refused() {
      return refused;
    },
    nameless() {
      return nameless;
    },
  };
}

/** Gateways that write out every field of their types send calls in which each of them is empty. */
export function saysNothing(call: JsonObject): boolean {
  const { type } = call;
  return (
    (type === undefined || type === null || type === "" || type === "function") &&
    isHollow(without(call, ["type", "index"]))
  );
}

function metaOf(call: Call): { meta?: Meta } {
  return ownMeta(call.rest, call.legacy ? { legacy: true } : {});
}

function textStart(field: TextField, index: number): StreamEvent {
  if (field === "content") return { type: "text-start", index };
  if (field === "refusal") return { type: "text-start", index, refusal: true };
  return { type: "reasoning-start", index, ...ownMeta({}, field === "reasoning" ? { reasoning: "reasoning" } : {}) };
}
