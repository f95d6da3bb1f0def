/** Message content of the wire to canonical parts. */
import type { Json, JsonObject, Meta, Part } from "../canonical.ts";
import { type Located, readDataUrl } from "../data-url.ts";
import { isArray, isObject, isText, ownMeta, protocolId, without } from "./values.ts";

/** A picture of an answer has no file id. */
type Media = {
  readonly type: "media";
  readonly meta?: Meta;
} & Located;

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
    return {
      type: "text",
      text: refusal,
      refusal: true,
      ...ownMeta(without(value, ["type", "refusal"]), { refusal: "part" }),
    };
  }
  if (type === "image_url") return decodeImage(value, image) ?? opaque("content", value);
  if (type === "input_audio") return decodeAudio(value, audio) ?? opaque("content", value);
  if (type === "file") return decodeFile(value, file) ?? opaque("content", value);
  return opaque("content", value);
}

/** Pictures beside the content of an answer (OpenRouter's image generation guide); `undefined` when it is anything else. */
export function decodeImages(value: Json | undefined): readonly Media[] | undefined {
  if (!isArray(value) || value.length === 0) return undefined;
  const images = value.map((one): Media | undefined => {
    if (!isObject(one) || one["type"] !== "image_url" || !isObject(one["image_url"])) return undefined;
    return decodeImage(one, one["image_url"], { place: "images" });
  });
  return images.every((image) => image !== undefined) ? images : undefined;
}

function decodeImage(part: JsonObject, image: Json | undefined, form: JsonObject = {}): Media | undefined {
  const rest = without(part, ["type", "image_url"]);
  // Mistral's API also takes the address itself in place of the object.
  if (isText(image)) return { type: "media", ...readPicture(image), ...ownMeta(rest, { url: "string" }) };
  if (!isObject(image) || !isText(image["url"])) return undefined;
  const inner = without(image, ["url"]);
  return { type: "media", ...readPicture(image["url"]), ...ownMeta(nest(rest, "image_url", inner), form) };
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
  const inline = isText(data) ? readDataUrl(data, "*/*") : undefined;
  if (inline && "data" in inline.source)
    return { type: "media", ...inline, ...ownMeta(rest("file_data"), { kind: "file" }) };
  if (!isText(fileId)) return undefined;
  return { type: "media", mediaType: "*/*", source: { fileId }, ...ownMeta(rest("file_id"), { kind: "file" }) };
}

function nest(rest: JsonObject, key: string, inner: JsonObject): JsonObject {
  return Object.keys(inner).length === 0 ? rest : { ...rest, [key]: inner };
}

function readPicture(url: string): Located {
  return readDataUrl(url, "image/*");
}
