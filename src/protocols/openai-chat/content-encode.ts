/** Canonical parts to message content of the wire. */
import type { Json, JsonObject, Part } from "../canonical.ts";
import { dataUrl } from "../data-url.ts";
import type { Emit, Loss } from "../types.ts";
import { refuseAddress, unsupported } from "../unsupported.ts";
import { isObject, isText, protocolId, readMeta, without } from "./values.ts";

type Media = Extract<Part, { type: "media" }>;

/** `undefined` means that the field is left out. `form` is what `decodeContent` noted. */
export function encodeContent(
  parts: readonly Part[],
  form: JsonObject,
  empty: null | "",
  lose: Emit<Loss>,
): Json | undefined {
  if (parts.length === 0) {
    if (form["content"] === "absent") return undefined;
    if (form["content"] === "parts") return [];
    if (form["content"] === "empty") return "";
    return form["content"] === "null" ? null : empty;
  }
  const [only] = parts;
  const plain = parts.length === 1 && only?.type === "text" && !only.meta?.[protocolId] ? only.text : undefined;
  if (plain !== undefined && form["content"] !== "parts") return plain;
  const encoded = parts.flatMap((part) => encodePart(part, lose) ?? []);
  return encoded.length > 0 ? encoded : empty;
}

function encodePart(part: Part, lose: Emit<Loss>): Json | undefined {
  if (part.type === "text") {
    const { rest, form } = readMeta(part.meta);
    if (form["refusal"] === "part") return { ...rest, type: "refusal", refusal: part.text };
    return { ...rest, type: "text", text: part.text };
  }
  if (part.type === "media") {
    if ("url" in part.source) refuseAddress("messages", part.source.url);
    return encodeMedia(part);
  }
  const own = part.type === "opaque" ? ownValue(part, "content") : undefined;
  if (own === undefined) lose({ what: describe(part), where: "message content" });
  return own;
}

/** What stood in `place`, when the part is this protocol's own. */
export function ownValue(part: Part, place: "message" | "content" | "tool_call"): Json | undefined {
  if (part.type !== "opaque" || part.protocol !== protocolId || !isObject(part.value)) return undefined;
  return part.value[place];
}

/** A part named for the list of losses. */
export function describe(part: Part): string {
  return part.type === "opaque" ? `a block of ${part.protocol}` : part.type;
}

/** Throws for what this protocol cannot show to the model: leaving it out would be another question. */
function encodeMedia({ mediaType, source, meta }: Media): Json {
  const { rest, form } = readMeta(meta);
  const outer = without(rest, ["image_url", "input_audio", "file"]);
  const inner = (key: string): JsonObject => (isObject(rest[key]) ? rest[key] : {});
  const url = "url" in source ? source.url : "data" in source ? dataUrl(mediaType, source.data) : undefined;
  const kind = form["kind"];
  if (mediaType.startsWith("image/") && url !== undefined && kind !== "file") {
    return { ...outer, type: "image_url", image_url: form["url"] === "string" ? url : { ...inner("image_url"), url } };
  }
  if ("url" in source) throw unsupported("messages", `openai-chat takes ${mediaType} as data and not as an address.`);
  if ("fileId" in source) return { ...outer, type: "file", file: { ...inner("file"), file_id: source.fileId } };
  if (mediaType.startsWith("audio/") && kind !== "file") {
    const format = mediaType === "audio/mpeg" ? "mp3" : mediaType.slice("audio/".length);
    return { ...outer, type: "input_audio", input_audio: { ...inner("input_audio"), data: source.data, format } };
  }
  if (kind !== "file" && isReadable(mediaType)) {
    return { ...outer, type: "text", text: Buffer.from(source.data, "base64").toString("utf8") };
  }
  if (kind !== "file" && mediaType.startsWith("video/")) throw unsupported("messages", "openai-chat takes no video.");
  // OpenAI's file input docs ask for a name beside the data; a client of ours may have left it out on purpose.
  const name: JsonObject = kind === "file" ? {} : { filename: fileName(mediaType) };
  return { ...outer, type: "file", file: { ...name, ...inner("file"), file_data: url ?? "" } };
}

/** A picture for the field `images`; `undefined` for anything else, for which this protocol has no place in answers. */
export function encodePicture(media: Media): Json | undefined {
  return media.mediaType.startsWith("image/") && !("fileId" in media.source) ? encodeMedia(media) : undefined;
}

/** Documents that are text go as text, which every model can read. */
function isReadable(mediaType: string): boolean {
  return /^(?:text\/|application\/(?:json|xml)\b)/.test(mediaType);
}

function fileName(mediaType: string): string {
  const subtype = mediaType.split("/")[1];
  return `document.${isText(subtype) && /^\w+$/.test(subtype) ? subtype : "bin"}`;
}
