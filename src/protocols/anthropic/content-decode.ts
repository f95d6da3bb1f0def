/** Content of the wire to canonical parts. What does not fit goes through whole, as an opaque part. */
import type { Json, JsonObject, Part } from "../canonical.ts";
import { readSeal } from "../seal.ts";
import { readable } from "./readable-blocks.ts";
import { isArray, isEmpty, isObject, isText, ownMeta, protocolId, without } from "./values.ts";

export interface Content {
  readonly parts: readonly Part[];
  /** How it was written, when that is not what the encoder does by itself. */
  readonly form: JsonObject;
}

/** A string, a list of blocks, or nothing, as the content of messages and tool results may be. */
export function decodeContent(content: Json | undefined): Content {
  if (typeof content === "string") {
    return content === ""
      ? { parts: [], form: { content: "empty" } }
      : { parts: [{ type: "text", text: content }], form: {} };
  }
  if (isArray(content)) return { parts: content.map(decodeBlock), form: { content: "blocks" } };
  return { parts: [], form: { content: "absent" } };
}

/** Marks for the cache and citations of what was said before: without them a request means the same. */
const hintFields = ["cache_control", "citations"];

/** `{ meta }` of a block: hints apart from what would be lost elsewhere. */
export function blockMeta(fields: JsonObject, form: JsonObject = {}): ReturnType<typeof ownMeta> {
  const hints = Object.fromEntries(Object.entries(fields).filter(([key]) => hintFields.includes(key)));
  return ownMeta(without(fields, hintFields), form, hints);
}

/** Total: every value becomes a part from which `encodeParts` makes the same value again. */
export function decodeBlock(value: Json): Part {
  return (isObject(value) ? decodeKnown(value) : undefined) ?? { type: "opaque", protocol: protocolId, value };
}

function decodeKnown(block: JsonObject): Part | undefined {
  switch (block["type"]) {
    case "text":
      if (typeof block["text"] !== "string") return undefined;
      return { type: "text", text: block["text"], ...blockMeta(without(block, ["type", "text"])) };
    case "image":
      return decodeMedia(block, "image/*");
    case "document":
      return decodeMedia(block, "application/pdf") ?? decodeReadable(block);
    case "search_result":
      return decodeReadable(block);
    case "thinking":
      return decodeThinking(block);
    case "redacted_thinking":
      return decodeRedacted(block);
    case "tool_use":
      return decodeToolUse(block);
    case "tool_result":
      return decodeToolResult(block);
    default:
      return undefined;
  }
}

/** `usual` is the media type of what is only named by an address. */
function decodeMedia(block: JsonObject, usual: string): Part | undefined {
  const { type, source } = block;
  if (!isObject(source) || typeof type !== "string") return undefined;
  const meta = (taken: readonly string[]): ReturnType<typeof ownMeta> => {
    const inner = without(source, ["type", ...taken]);
    const outer = without(block, ["type", "source"]);
    return blockMeta(isEmpty(inner) ? outer : { ...outer, source: inner }, { block: type });
  };
  const { type: kind, media_type: mediaType, data, url, file_id: fileId } = source;
  if (kind === "base64" && isText(data) && isText(mediaType)) {
    return { type: "media", mediaType, source: { data }, ...meta(["media_type", "data"]) };
  }
  if (kind === "url" && isText(url)) return { type: "media", mediaType: usual, source: { url }, ...meta(["url"]) };
  if (kind !== "file" || !isText(fileId)) return undefined;
  return { type: "media", mediaType: usual, source: { fileId }, ...meta(["file_id"]) };
}

/** Documents and search results that are text: others can read that, and the block itself comes back to this protocol. */
function decodeReadable(block: JsonObject): Part | undefined {
  const text = readable(block);
  return text === undefined ? undefined : { type: "text", text, ...ownMeta({}, { block }) };
}

function decodeThinking(block: JsonObject): Part | undefined {
  const { thinking, signature } = block;
  if (typeof thinking !== "string") return undefined;
  const seal = isText(signature) ? { seal: readSeal(signature, protocolId) } : {};
  return {
    type: "reasoning",
    text: thinking,
    ...seal,
    ...blockMeta(without(block, ["type", "thinking", "signature"])),
  };
}

function decodeRedacted(block: JsonObject): Part | undefined {
  const { data } = block;
  if (!isText(data)) return undefined;
  const seal = { ...readSeal(data, protocolId), redacted: true };
  return { type: "reasoning", text: "", seal, ...blockMeta(without(block, ["type", "data"])) };
}

function decodeToolUse(block: JsonObject): Part | undefined {
  const { id, name, input } = block;
  if (!isText(id) || !isText(name) || !isObject(input)) return undefined;
  const { caller, ...fields } = without(block, ["type", "id", "name", "input"]);
  // That the model itself has called is what every call of every other protocol means.
  const direct = isObject(caller) && caller["type"] === "direct";
  const form: JsonObject = direct ? { caller } : {};
  const rest = caller === undefined || direct ? fields : { ...fields, caller };
  return { type: "tool-call", id, name, input: JSON.stringify(input), ...blockMeta(rest, form) };
}

function decodeToolResult(block: JsonObject): Part | undefined {
  const { tool_use_id: id, content, is_error: isError } = block;
  if (!isText(id) || (content !== undefined && typeof content !== "string" && !isArray(content))) return undefined;
  const { parts, form } = decodeContent(content);
  const known = typeof isError === "boolean" ? ["is_error"] : [];
  const meta = blockMeta(without(block, ["type", "tool_use_id", "content", ...known]), form);
  return { type: "tool-result", id, content: parts, ...(typeof isError === "boolean" && { isError }), ...meta };
}
