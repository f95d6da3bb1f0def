/** Canonical parts to content parts of the wire. */
import type { Json, JsonObject, Message, Part } from "../canonical.ts";
import { dataUrl } from "../data-url.ts";
import type { Emit, Loss } from "../types.ts";
import { refuseAddress, unsupported } from "../unsupported.ts";
import { textType } from "./content-decode.ts";
import { isObject, protocolId, readMeta } from "./values.ts";

type Role = Message["role"];
type Media = Extract<Part, { type: "media" }>;

/** `form` is what `decodeContent` noted. A text alone goes as a text, which every server of this protocol reads. */
export function encodeContent(parts: readonly Part[], role: Role, form: JsonObject, lose: Emit<Loss>): Json {
  const [only] = parts;
  const plain = parts.length === 0 ? "" : parts.length === 1 && only?.type === "text" ? only : undefined;
  if (form["content"] !== "parts" && plain !== undefined) {
    if (plain === "") return "";
    if (!plain.refusal && !plain.meta?.[protocolId]) return plain.text;
  }
  const encoded = parts.flatMap((part) => encodePart(part, role, lose) ?? []);
  return encoded.length === 0 && form["content"] !== "parts" ? "" : encoded;
}

/** `undefined` when there is no place for it, which has been reported then. */
export function encodePart(part: Part, role: Role, lose: Emit<Loss>): Json | undefined {
  if (part.type === "text") return encodeText(part, role);
  if (part.type === "media" && role === "user") return encodeMedia(part);
  if (part.type === "opaque" && part.protocol === protocolId && isObject(part.value)) {
    const own = part.value["part"];
    if (own !== undefined) return own;
  }
  lose({ what: describe(part), where: `a message of the ${role}` });
  return undefined;
}

/** A part named for the list of losses. */
export function describe(part: Part): string {
  if (part.type === "media") return part.mediaType;
  return part.type === "opaque" ? `a block of ${part.protocol}` : part.type;
}

function encodeText({ text, refusal, meta }: Extract<Part, { type: "text" }>, role: Role): Json {
  const { rest, form } = readMeta(meta);
  if (refusal && role === "assistant") return { ...rest, type: "refusal", refusal: text };
  const kind = typeof form["kind"] === "string" ? form["kind"] : textType(role);
  // The reference requires the list, empty or not.
  const bare: JsonObject = kind === "output_text" && !meta?.[protocolId] ? { annotations: [] } : {};
  return { ...rest, type: kind, text, ...bare };
}

function encodeMedia({ mediaType, source, meta }: Media): Json {
  const { rest, form } = readMeta(meta);
  const own = meta?.[protocolId] !== undefined;
  if ("url" in source && !own) refuseAddress("messages", source.url);
  if (mediaType.startsWith("image/") && form["kind"] !== "input_file") {
    const detail: JsonObject = own ? rest : { detail: "auto" };
    if ("fileId" in source) return { type: "input_image", ...detail, file_id: source.fileId };
    return {
      type: "input_image",
      ...detail,
      image_url: "url" in source ? source.url : dataUrl(mediaType, source.data),
    };
  }
  if ("fileId" in source) return { type: "input_file", ...rest, file_id: source.fileId };
  if (!own && /^(?:audio|video)\//.test(mediaType)) {
    throw unsupported("messages", `${protocolId} takes no ${mediaType}.`);
  }
  if ("url" in source) return { type: "input_file", ...rest, file_url: source.url };
  // A text needs no file around it, and files of text are read by few models.
  if (!own && mediaType.startsWith("text/")) {
    return { type: "input_text", text: Buffer.from(source.data, "base64").toString("utf8") };
  }
  // OpenAI's file input guide asks for a name beside the data; a client of ours may have left it out on purpose.
  const name: JsonObject = own ? {} : { filename: fileName(mediaType) };
  const data = form["data"] === "bare" ? source.data : dataUrl(mediaType, source.data);
  return { type: "input_file", ...name, ...rest, file_data: data };
}

function fileName(mediaType: string): string {
  const subtype = mediaType.split("/")[1] ?? "";
  return `document.${/^\w+$/.test(subtype) ? subtype : "bin"}`;
}
