/** Canonical parts to content of the wire. */
import type { Json, JsonObject, Part } from "../canonical.ts";
import { sealText } from "../seal.ts";
import type { Emit, Loss } from "../types.ts";
import { encodeMedia } from "./media.ts";
import { readable } from "./readable-blocks.ts";
import { isArray, isEmpty, isObject, isText, parseObject, protocolId, readMeta } from "./values.ts";

type PartOf<Type extends Part["type"]> = Extract<Part, { type: Type }>;

/** `form` is what `decodeContent` noted. `undefined` means that the field is left out. */
export function encodeContent(blocks: readonly JsonObject[], form: JsonObject): Json | undefined {
  if (blocks.length === 0 && form["content"] === "absent") return undefined;
  if (blocks.length === 0 && form["content"] === "empty") return "";
  const plain = form["content"] === "blocks" ? undefined : plainText(blocks);
  return plain ?? blocks;
}

function plainText(blocks: readonly JsonObject[]): string | undefined {
  const [only] = blocks;
  const simple = blocks.length === 1 && only?.["type"] === "text" && Object.keys(only).length === 2;
  return simple && isText(only["text"]) ? only["text"] : undefined;
}

/** `where` names the message for the list of losses. */
export function encodeParts(
  parts: readonly Part[],
  role: "user" | "assistant",
  where: string,
  lose: Emit<Loss>,
): JsonObject[] {
  return parts.map((part) => encodePart(part, role, where, lose)).filter((block) => block !== undefined);
}

function encodePart(part: Part, role: "user" | "assistant", where: string, lose: Emit<Loss>): JsonObject | undefined {
  switch (part.type) {
    case "text":
      if (part.seal) lose({ what: "the signature of a text", where });
      return encodeText(part);
    case "media":
      if (role === "user") return encodeMedia(part, where);
      lose({ what: `${part.mediaType} in what the model said`, where });
      return undefined;
    case "reasoning":
      return encodeReasoning(part, where, lose);
    case "tool-call":
      if (part.seal) lose({ what: "the signature of a tool call", where });
      return encodeToolUse(part);
    case "tool-result":
      return encodeToolResult(part, where, lose);
    case "opaque":
      if (part.protocol === protocolId && isObject(part.value)) return part.value;
      lose({ what: `a block of ${part.protocol}`, where });
      return undefined;
  }
}

/** The API refuses texts without anything to read in them. */
function encodeText({ text, meta }: PartOf<"text">): JsonObject | undefined {
  const { rest, form } = readMeta(meta);
  const { block } = form;
  if (isObject(block) && readable(block) === text) return block;
  if (text.trim() === "") return undefined;
  return { ...withoutMadeUpCitations(rest), type: "text", text };
}

/** Citations this proxy has written for sources of other protocols bear no index the API could look up. */
function withoutMadeUpCitations(fields: JsonObject): JsonObject {
  const { citations, ...others } = fields;
  if (!isArray(citations)) return fields;
  const real = citations.filter((one) => !isObject(one) || one["encrypted_index"] !== madeUpIndex);
  if (real.length === citations.length) return fields;
  return real.length === 0 ? others : { ...others, citations: real };
}

/** Looks like a seal of nobody's, so that a request that brings it back is never passed on as it is. */
export const madeUpIndex: string = sealText({ protocol: "source", value: "" }, protocolId);

function encodeReasoning(
  { text, seal, meta }: PartOf<"reasoning">,
  where: string,
  lose: Emit<Loss>,
): JsonObject | undefined {
  const { rest } = readMeta(meta);
  if (seal?.redacted) return { ...rest, type: "redacted_thinking", data: seal.value };
  if (seal) return { ...rest, type: "thinking", thinking: text, signature: seal.value };
  // The API takes its own thinking only, and knows it by the signature.
  if (text !== "") lose({ what: "reasoning without a signature", where });
  return undefined;
}

function encodeToolUse({ id, name, input, meta }: PartOf<"tool-call">): JsonObject {
  const { rest, form } = readMeta(meta);
  const { caller } = form;
  return { ...rest, ...(isObject(caller) && { caller }), type: "tool_use", id, name, input: inputOf(input) };
}

/** The object a tool is called with; a text that is none is handed on under a name of its own. */
export function inputOf(text: string): JsonObject {
  if (text.trim() === "") return {};
  return parseObject(text) ?? { _raw: text };
}

function encodeToolResult(
  { id, content, isError, meta }: PartOf<"tool-result">,
  where: string,
  lose: Emit<Loss>,
): JsonObject {
  const { rest, form } = readMeta(meta);
  const blocks = encodeParts(content, "user", where, lose);
  const written = isEmpty(form) && blocks.length === 0 ? undefined : encodeContent(blocks, form);
  return {
    ...rest,
    type: "tool_result",
    tool_use_id: id,
    ...(written !== undefined && { content: written }),
    ...(isError !== undefined && { is_error: isError }),
  };
}
