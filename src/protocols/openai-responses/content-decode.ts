/** Content parts of the wire to canonical parts. */
import type { Json, JsonObject, Message, Part } from "../canonical.ts";
import { readDataUrl } from "../data-url.ts";
import { isArray, isEmpty, isObject, isText, ownMeta, protocolId, without } from "./values.ts";

type Role = Message["role"];

/** The wire's type of a text by whose text it is; others are noted. */
export function textType(role: Role): "output_text" | "input_text" {
  return role === "assistant" ? "output_text" : "input_text";
}

/** `undefined` when the content is nothing this protocol knows. `form` tells a text from a list of one text. */
export function decodeContent(
  content: Json | undefined,
  role: Role,
): { readonly parts: readonly Part[]; readonly form: JsonObject } | undefined {
  if (typeof content === "string") {
    return { parts: content === "" ? [] : [{ type: "text", text: content }], form: { content: "text" } };
  }
  if (!isArray(content)) return undefined;
  return { parts: content.map((part) => decodePart(part, role) ?? opaquePart(part)), form: { content: "parts" } };
}

function opaquePart(value: Json): Part {
  return { type: "opaque", protocol: protocolId, value: { part: value } };
}

/** `undefined` for a part that is to be kept as it is. `more` is noted in its form. */
export function decodePart(value: Json, role: Role, more: JsonObject = {}): Part | undefined {
  if (!isObject(value)) return undefined;
  const { type, text, refusal } = value;
  if ((type === "input_text" || type === "output_text") && typeof text === "string") {
    const form = type === textType(role) ? more : { ...more, kind: type };
    return { type: "text", text, ...ownMeta({}, form, without(value, ["type", "text"])) };
  }
  if (type === "refusal" && typeof refusal === "string") {
    return { type: "text", text: refusal, refusal: true, ...ownMeta(without(value, ["type", "refusal"]), more) };
  }
  if (!isEmpty(more)) return undefined;
  if (type === "input_image") return decodeImage(value);
  return type === "input_file" ? decodeFile(value) : undefined;
}

function decodeImage(part: JsonObject): Part | undefined {
  const { image_url: url, file_id: fileId } = part;
  const kept = (field: string): ReturnType<typeof ownMeta> =>
    ownMeta({}, { kind: "input_image" }, without(part, ["type", field]));
  if (isText(url)) return { type: "media", ...readDataUrl(url, "image/*"), ...kept("image_url") };
  return isText(fileId) ? { type: "media", mediaType: "image/*", source: { fileId }, ...kept("file_id") } : undefined;
}

function decodeFile(part: JsonObject): Part | undefined {
  const { file_data: data, file_url: url, file_id: fileId, filename } = part;
  const kept = (field: string, form: JsonObject = {}): ReturnType<typeof ownMeta> =>
    ownMeta({}, { kind: "input_file", ...form }, without(part, ["type", field]));
  const guess = typeOf(isText(filename) ? filename : isText(url) ? url : "");
  if (isText(data)) {
    const inline = readDataUrl(data, guess);
    // Some clients leave out the head of the data URL.
    if ("data" in inline.source) return { type: "media", ...inline, ...kept("file_data") };
    return { type: "media", mediaType: guess, source: { data }, ...kept("file_data", { data: "bare" }) };
  }
  if (isText(url)) return { type: "media", mediaType: guess, source: { url }, ...kept("file_url") };
  if (isText(fileId)) return { type: "media", mediaType: "*/*", source: { fileId }, ...kept("file_id") };
  return undefined;
}

/** Other protocols need a type where this one reads it off the file. */
function typeOf(name: string): string {
  return /\.txt($|[?#])/i.test(name) ? "text/plain" : "application/pdf";
}
