/** One block of an answer on its way to the client. */
import type { Json, JsonObject, Seal } from "../canonical.ts";
import { sealText } from "../seal.ts";
import { inputOf } from "./content-encode.ts";
import { isEmpty, isObject, isText, protocolId, without } from "./values.ts";

export type SlotKind = "text" | "reasoning" | "tool" | "opaque";

export interface Slot {
  readonly kind: SlotKind;
  /** Of the canonical block; absent for opaque values. */
  readonly index: number | undefined;
  /** Of the block on the wire, without what comes in deltas. */
  readonly fields: JsonObject;
  /** The text, the thinking or the arguments so far. */
  text: string;
  seal: Seal | undefined;
  citations: Json[];
  ended: boolean;
  /** The beginning of its deltas on the wire; absent until it has begun there. */
  head: string | undefined;
  /** How much of `text` and of `citations` the client has. */
  sent: number;
  cited: number;
}

export function createSlot(kind: SlotKind, index: number | undefined, fields: JsonObject): Slot {
  return {
    ...{ kind, index, fields, text: "", seal: undefined, citations: [] },
    ...{ ended: kind === "opaque", head: undefined, sent: 0, cited: 0 },
  };
}

/** Whether a block is one of hidden reasoning follows from its seal and from there being no text. */
export function isRedacted({ kind, seal, text }: Slot): boolean {
  return kind === "reasoning" && text === "" && seal?.redacted === true;
}

/** True when there is nothing to show: the API refuses such a block when it comes back. */
export function isHollow({ kind, seal, text, citations }: Slot): boolean {
  return text === "" && ((kind === "reasoning" && !seal) || (kind === "text" && citations.length === 0));
}

/** The block as `content_block_start` has it. */
export function startOf(slot: Slot): JsonObject {
  const { kind, fields } = slot;
  if (kind === "text") return { ...fields, type: "text", text: "" };
  if (kind === "tool") return { ...fields, input: {} };
  if (kind === "opaque") return without({ ...fields, ...(streamedInput(fields) && { input: {} }) }, compacted(fields));
  return isRedacted(slot) ? wholeOf(slot) : { ...fields, type: "thinking", thinking: "", signature: "" };
}

/** The block as a whole message has it. */
export function wholeOf(slot: Slot): JsonObject {
  const { kind, fields, text, seal, citations } = slot;
  if (kind === "text") return { ...fields, type: "text", text, ...(citations.length > 0 && { citations }) };
  if (kind === "tool") return { ...fields, input: inputOf(text) };
  if (kind === "opaque") return fields;
  const written = seal ? sealText(seal, protocolId) : "";
  if (isRedacted(slot)) return { ...fields, type: "redacted_thinking", data: written };
  return { ...fields, type: "thinking", thinking: text, signature: written };
}

/** Clients put the arguments of any call together from deltas. */
export function streamedInput({ type, input }: JsonObject): string | undefined {
  return isText(type) && type.endsWith("_tool_use") && isObject(input) && !isEmpty(input)
    ? JSON.stringify(input)
    : undefined;
}

/** What the API sends in one delta of its own: the summary that stands for an older part of the conversation. */
export function compacted({ type }: JsonObject): readonly string[] {
  return type === "compaction" ? ["content"] : [];
}
