/** The `input` of a request to canonical messages. What belongs to one turn of the model becomes one message. */
import type { Json, JsonObject, Message, Meta, Part, Seal } from "../canonical.ts";
import { decodeContent, decodePart } from "./content-decode.ts";
import { type SealPlace, readSlot } from "./seal.ts";
import { declaresTools } from "./tool-groups.ts";
import { readCallName } from "./tool-names.ts";
import { isArray, isObject, isText, ownMeta, protocolId, without } from "./values.ts";

/** One item, decoded. Several pieces of one kind of turn are put together. */
interface Piece {
  readonly role: Message["role"];
  readonly kind: "message" | "result" | "other";
  readonly parts: readonly Part[];
  readonly meta?: Meta;
  /** A seal that stands beside what it signs. */
  readonly beside?: { readonly seal: Seal; readonly place: SealPlace };
}

interface Draft {
  readonly role: Message["role"];
  readonly parts: Part[];
  kind: Piece["kind"];
  readonly meta: Meta | undefined;
}

/** An item nobody has said: it stands before the message with that index. */
export interface Aside {
  readonly at: number;
  readonly item: Json;
}

export interface DecodedInput {
  readonly messages: readonly Message[];
  readonly aside: readonly Aside[];
}

export function decodeInput(items: readonly Json[]): DecodedInput {
  const drafts: Draft[] = [];
  const aside: Aside[] = [];
  let waiting: Seal | undefined;
  for (const item of items) {
    if (declaresTools(item)) {
      aside.push({ at: drafts.length, item });
      continue;
    }
    const { role, kind, parts, meta, beside } = decodeItem(item);
    if (beside) {
      if (beside.place === "next") waiting = beside.seal;
      else sealLast(drafts.at(-1), beside.seal);
      continue;
    }
    const sealed = waiting && role === "assistant" ? sealFirst(parts, waiting) : parts;
    if (role === "assistant") waiting = undefined;
    const last = drafts.at(-1);
    if (last && aside.at(-1)?.at !== drafts.length && joins(last, role, kind)) {
      last.parts.push(...sealed);
      last.kind = kind;
    } else drafts.push({ role, kind, parts: [...sealed], meta });
  }
  return { messages: drafts.map(({ role, parts, meta }) => ({ role, parts, ...(meta && { meta }) })), aside };
}

function joins(last: Draft, role: Message["role"], kind: Piece["kind"]): boolean {
  if (last.role !== role) return false;
  if (role === "assistant") return kind !== "message" || last.kind !== "message";
  return kind === "result" && last.kind === "result";
}

function sealFirst([first, ...rest]: readonly Part[], seal: Seal): readonly Part[] {
  return first && takesSeal(first) ? [{ ...first, seal }, ...rest] : [...(first ? [first] : []), ...rest];
}

function sealLast(draft: Draft | undefined, seal: Seal): void {
  const part = draft?.parts.at(-1);
  if (draft?.role === "assistant" && part && takesSeal(part)) draft.parts[draft.parts.length - 1] = { ...part, seal };
}

function takesSeal(part: Part): part is Extract<Part, { type: "text" | "media" | "tool-call" }> {
  return part.type === "text" || part.type === "media" || part.type === "tool-call";
}

/** Total: every value becomes parts from which `encodeInput` makes the same value again. */
function decodeItem(item: Json): Piece {
  return (isObject(item) ? decodeKnown(item) : undefined) ?? opaque(item);
}

function opaque(item: Json): Piece {
  const type = isObject(item) ? item["type"] : undefined;
  const role = typeof type === "string" && !type.endsWith("_output") ? "assistant" : "user";
  const kind = role === "user" ? "result" : "other";
  return { role, kind, parts: [{ type: "opaque", protocol: protocolId, value: { item } }] };
}

function decodeKnown(item: JsonObject): Piece | undefined {
  switch (item["type"]) {
    case undefined:
    case "message":
      return decodeMessage(item);
    case "reasoning":
      return decodeReasoning(item);
    case "function_call":
    case "custom_tool_call":
      return decodeCall(item, item["type"] === "custom_tool_call");
    case "function_call_output":
    case "custom_tool_call_output":
      return decodeResult(item, item["type"] === "custom_tool_call_output");
    case "image_generation_call":
      return decodePicture(item);
    default:
      return undefined;
  }
}

function decodeMessage(item: JsonObject): Piece | undefined {
  const { type, role, content } = item;
  const easy: JsonObject = type === undefined ? { easy: true } : {};
  const rest = without(item, ["type", "role", "content"]);
  if (role === "assistant") return decodeAnswer(content, { item: rest, ...easy });
  const ours = role === "developer" ? "system" : role;
  if (ours !== "user" && ours !== "system") return undefined;
  const decoded = decodeContent(content, ours);
  if (!decoded) return undefined;
  const form = { ...decoded.form, ...easy, ...(role === "developer" && { role }) };
  return { role: ours, kind: "message", parts: decoded.parts, ...ownMeta({}, form, rest) };
}

/** An earlier answer: what is said of the item is kept with its first part. */
function decodeAnswer(content: Json | undefined, form: JsonObject): Piece | undefined {
  const piece = (parts: readonly Part[]): Piece => ({ role: "assistant", kind: "message", parts });
  if (typeof content === "string") {
    return piece([{ type: "text", text: content, ...ownMeta({}, { ...form, content: "text" }) }]);
  }
  if (!isArray(content) || content.length === 0) return undefined;
  const parts = content.map((part, index) => decodePart(part, "assistant", index === 0 ? form : { joined: true }));
  return parts.every((part) => part !== undefined) ? piece(parts) : undefined;
}

function decodeReasoning(item: JsonObject): Piece | undefined {
  const { summary, content } = item;
  const slot = readSlot(item["encrypted_content"]);
  const thoughts = [...texts(summary, "summary_text"), ...texts(content, "reasoning_text")];
  if (slot && slot.place !== "own" && thoughts.length === 0) {
    return { role: "assistant", kind: "other", parts: [], beside: slot };
  }
  if (thoughts.some((thought) => thought === undefined)) return undefined;
  const taken = ["type"];
  if (slot) taken.push("encrypted_content");
  if (isArray(summary)) taken.push("summary");
  if (isArray(content)) taken.push("content");
  const whole = {
    item: without(item, taken),
    ...(!isArray(summary) && { summary: "absent" }),
    ...(isArray(content) && { content: "parts" }),
    ...(slot && { sealed: true }),
  };
  const parts = (thoughts.length === 0 ? [{ text: "", type: "summary_text" }] : thoughts).map((thought, index, all) => {
    const form = {
      ...(index === 0 ? whole : { joined: true }),
      ...(thought?.type === "reasoning_text" && { in: "content" }),
    };
    const redacted = slot && thoughts.length === 0 ? { ...slot.seal, redacted: true } : slot?.seal;
    const seal = index === all.length - 1 && redacted ? { seal: redacted } : {};
    return { type: "reasoning", text: thought?.text ?? "", ...seal, ...ownMeta({}, form) } satisfies Part;
  });
  return { role: "assistant", kind: "other", parts };
}

/** `undefined` in the place of an entry that is not of this type, or says more than its text. */
function texts(list: Json | undefined, type: string): readonly ({ type: string; text: string } | undefined)[] {
  return (isArray(list) ? list : []).map((entry) => {
    const text = isObject(entry) && Object.keys(entry).length === 2 ? entry["text"] : undefined;
    return isObject(entry) && entry["type"] === type && isText(text) ? { type, text } : undefined;
  });
}

function decodeCall(item: JsonObject, custom: boolean): Piece | undefined {
  const { call_id: id, name } = item;
  const field = custom ? "input" : "arguments";
  const input = item[field];
  if (!isText(id) || typeof name !== "string" || typeof input !== "string") return undefined;
  const called = readCallName(name, item);
  const form = { item: without(item, ["type", "call_id", "name", field]), ...called.form, ...(custom && { custom }) };
  // Elsewhere there are only calls with arguments; free text is one argument of that name.
  const text = custom ? JSON.stringify({ input }) : input;
  const part: Part = { type: "tool-call", id, name: called.name, input: text, ...ownMeta({}, form) };
  return { role: "assistant", kind: "other", parts: [part] };
}

function decodeResult(item: JsonObject, custom: boolean): Piece | undefined {
  const { call_id: id, output } = item;
  const content = decodeContent(output, "user");
  if (!isText(id) || !content) return undefined;
  const form = { ...content.form, item: without(item, ["type", "call_id", "output"]), ...(custom && { custom }) };
  const part: Part = { type: "tool-result", id, content: content.parts, ...ownMeta({}, form) };
  return { role: "user", kind: "result", parts: [part] };
}

function decodePicture(item: JsonObject): Piece | undefined {
  const { result, output_format: format } = item;
  if (!isText(result)) return undefined;
  const mediaType = `image/${isText(format) ? format : "png"}`;
  const form = { item: without(item, ["type", "result"]) };
  const part: Part = { type: "media", mediaType, source: { data: result }, ...ownMeta({}, form) };
  return { role: "assistant", kind: "other", parts: [part] };
}
