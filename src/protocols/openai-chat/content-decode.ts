/** Message content of the wire to canonical parts. */
import type { Json, JsonObject, Part } from "../canonical.ts";
import { isArray, isObject, isText, ownMeta, protocolId, without } from "./values.ts";

export interface Content {
  readonly parts: readonly Part[];
  /** How it was written, when that is not what the encoder does by itself. */
  readonly form: JsonObject;
}

/** `undefined` when the content is nothing this protocol knows. `empty` is what the encoder writes for no parts. */
export function decodeContent(content: Json | undefined, empty: null | ""): Content | undefined {
  if (content === empty) return { parts: [], form: {} };
  if (content === "") return { parts: [], form: { content: "empty" } };
  if (typeof content === "string") return { parts: [{ type: "text", text: content }], form: {} };
  if (isArray(content)) return { parts: content.map(decodePart), form: { content: "parts" } };
  if (content === null) return { parts: [], form: { content: "null" } };
  return content === undefined ? { parts: [], form: { content: "absent" } } : undefined;
}

/** A value only this protocol knows, under the name of the place it stood in. */
export function opaque(place: "message" | "content" | "tool_call", value: Json): Part {
  return { type: "opaque", protocol: protocolId, value: { [place]: value } };
}

function decodePart(value: Json): Part {
  if (!isObject(value)) return opaque("content", value);
  const { type, text, refusal, image_url: image, input_audio: audio, file } = value;
  if (type === "text" && typeof text === "string") {
    return { type: "text", text, ...ownMeta(without(value, ["type", "text"])) };
  }
  if (type === "refusal" && typeof refusal === "string") {
    return { type: "text", text: refusal, ...ownMeta(without(value, ["type", "refusal"]), { refusal: "part" }) };
  }
  if (type === "image_url") return decodeImage(value, image) ?? opaque("content", value);
  if (type === "input_audio") return decodeAudio(value, audio) ?? opaque("content", value);
  if (type === "file") return decodeFile(value, file) ?? opaque("content", value);
  return opaque("content", value);
}

function decodeImage(part: JsonObject, image: Json | undefined): Part | undefined {
  const rest = without(part, ["type", "image_url"]);
  // Mistral's API also takes the address itself in place of the object.
  if (isText(image)) return { type: "media", ...decodeUrl(image), ...ownMeta(rest, { url: "string" }) };
  if (!isObject(image) || !isText(image["url"])) return undefined;
  const inner = without(image, ["url"]);
  return { type: "media", ...decodeUrl(image["url"]), ...ownMeta(nest(rest, "image_url", inner)) };
}

function decodeAudio(part: JsonObject, audio: Json | undefined): Part | undefined {
  if (!isObject(audio)) return undefined;
  const { data, format } = audio;
  if (!isText(data) || !isText(format)) return undefined;
  const rest = nest(without(part, ["type", "input_audio"]), "input_audio", without(audio, ["data", "format"]));
  const mediaType = format === "mp3" ? "audio/mpeg" : `audio/${format}`;
  return { type: "media", mediaType, source: { data }, ...ownMeta(rest) };
}

function decodeFile(part: JsonObject, file: Json | undefined): Part | undefined {
  if (!isObject(file)) return undefined;
  const rest = (taken: string): JsonObject => nest(without(part, ["type", "file"]), "file", without(file, [taken]));
  const { file_data: data, file_id: fileId } = file;
  const inline = isText(data) ? decodeUrl(data) : undefined;
  if (inline && "data" in inline.source)
    return { type: "media", ...inline, ...ownMeta(rest("file_data"), { kind: "file" }) };
  if (!isText(fileId)) return undefined;
  return { type: "media", mediaType: "*/*", source: { fileId }, ...ownMeta(rest("file_id"), { kind: "file" }) };
}

function nest(rest: JsonObject, key: string, inner: JsonObject): JsonObject {
  return Object.keys(inner).length === 0 ? rest : { ...rest, [key]: inner };
}

type Located = { readonly mediaType: string; readonly source: { readonly url: string } | { readonly data: string } };

/** Data URLs are taken apart only when putting them together again gives the same text. */
function decodeUrl(url: string): Located {
  const comma = url.startsWith("data:") ? url.indexOf(",") : -1;
  const head = url.slice(5, comma);
  if (comma === -1 || !/^[\w.+-]+\/[\w.+-]+;base64$/.test(head)) return { mediaType: "image/*", source: { url } };
  return { mediaType: head.slice(0, -";base64".length), source: { data: url.slice(comma + 1) } };
}
