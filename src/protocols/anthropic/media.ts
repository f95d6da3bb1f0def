/** Pictures and documents of the wire. Source: Anthropic API reference, "Vision", "PDF support" and "Files". */
import type { Json, JsonObject, Part } from "../canonical.ts";
import { unsupported } from "../unsupported.ts";
import { isObject, readMeta, without } from "./values.ts";

type Media = Extract<Part, { type: "media" }>;

const imageTypes = ["image/jpeg", "image/png", "image/gif", "image/webp"];
/** How the base64 text of each begins: for data whose type nobody has named. */
const imageStarts: readonly (readonly [string, string])[] = [
  ["/9j/", "image/jpeg"],
  ["iVBORw", "image/png"],
  ["R0lGOD", "image/gif"],
  ["UklGR", "image/webp"],
];

/** Throws a `ProxyError` with the code `unsupported_feature` for what the API does not read: the answer would be to something else. */
export function encodeMedia(media: Media, where: string): JsonObject {
  const { rest, form } = readMeta(media.meta);
  const inner = isObject(rest["source"]) ? rest["source"] : {};
  const { block, source } = located(inlined(media), form["block"], where);
  return { ...without(rest, ["source"]), type: block, source: { ...inner, ...source } };
}

interface Located {
  readonly block: "image" | "document";
  readonly source: JsonObject;
}

function located({ mediaType, source }: Media, own: Json | undefined, where: string): Located {
  if ("fileId" in source) {
    if (own === undefined) throw unsupported(where, "a stored file is known only to the service that stores it.");
    return { block: own === "image" ? "image" : "document", source: { type: "file", file_id: source.fileId } };
  }
  const image = mediaType.startsWith("image/");
  if ("url" in source) {
    const reachable = /^https?:/i.test(source.url) && !/^(?:audio|video)\//.test(mediaType);
    if (!reachable) throw unsupported(where, `Anthropic's API does not read ${mediaType} from this address.`);
    return { block: image ? "image" : "document", source: { type: "url", url: source.url } };
  }
  const { data } = source;
  if (image) return { block: "image", source: { type: "base64", media_type: imageType(mediaType, data, where), data } };
  if (mediaType === "application/pdf") {
    return { block: "document", source: { type: "base64", media_type: mediaType, data } };
  }
  if (!isTextual(mediaType)) throw unsupported(where, `Anthropic's API does not read ${mediaType}.`);
  const text = Buffer.from(data, "base64").toString("utf8");
  return { block: "document", source: { type: "text", media_type: "text/plain", data: text } };
}

function imageType(named: string, data: string, where: string): string {
  const type = named === "image/jpg" ? "image/jpeg" : named;
  if (imageTypes.includes(type)) return type;
  const [, found] = imageStarts.find(([start]) => data.startsWith(start)) ?? [];
  if (found === undefined) throw unsupported(where, `Anthropic's API does not read ${named}.`);
  return found;
}

function isTextual(mediaType: string): boolean {
  return /^text\/|[/+](?:json|xml|yaml)$/.test(mediaType);
}

/** An address that holds the data itself. */
function inlined(media: Media): Media {
  const { source } = media;
  const found = "url" in source ? /^data:([^;,]+)[^,]*;base64,(.*)$/s.exec(source.url) : null;
  const [, mediaType, data] = found ?? [];
  return mediaType !== undefined && data !== undefined ? { ...media, mediaType, source: { data } } : media;
}
