/** Pictures, sounds and documents, which every version of the specification writes in another way. */
import type { Emit, Loss, Part } from "waygate";
import { unsupported } from "waygate";
import { isFields, namespaceOf } from "./model.ts";
import type { Model } from "./spec.ts";

type Media = Extract<Part, { type: "media" }>;

/** Addresses a model fetches itself, by media type. */
export type SupportedUrls = { readonly [mediaType: string]: readonly RegExp[] };

/** A file part of a prompt. Throws a `ProxyError` for an address that the model cannot fetch itself. */
export function filePart(part: Media, model: Model, urls: SupportedUrls): object {
  const { mediaType, source } = part;
  const isNew = model.specificationVersion === "v4";
  const filename = nameOf(part);
  const file = { type: "file", mediaType: mediaType === "*/*" ? "application/octet-stream" : mediaType, ...filename };
  if ("data" in source) return { ...file, data: isNew ? { type: "data", data: source.data } : source.data };
  if ("fileId" in source) {
    const reference = { [namespaceOf(model)]: source.fileId };
    return { ...file, data: isNew ? { type: "reference", reference } : source.fileId };
  }
  // The proxy fetches nothing for a client: what is at an address is between the provider and it.
  if (!isSupported(source.url, mediaType, urls)) {
    throw unsupported("url", `${model.provider} does not fetch ${mediaType} from that address; send it as data.`);
  }
  const url = new URL(source.url);
  return { ...file, data: isNew ? { type: "url", url } : url };
}

/** A file in the result of a tool; `undefined`, and a loss, where the version has no place for it. */
export function resultFile(
  { mediaType, source }: Media,
  { specificationVersion: version }: Model,
  lose: Emit<Loss>,
): object | undefined {
  const isImage = mediaType.startsWith("image/");
  if ("fileId" in source) return void lose({ what: "a stored file in the result of a tool", where: "messages" });
  if (version === "v4") {
    const data = "data" in source ? { type: "data", data: source.data } : { type: "url", url: new URL(source.url) };
    return { type: "file", data, mediaType };
  }
  if ("url" in source) {
    if (version === "v3") return { type: isImage ? "image-url" : "file-url", url: source.url };
    return void lose({ what: "a picture by its address in the result of a tool", where: "messages" });
  }
  if (version === "v3") return { type: isImage ? "image-data" : "file-data", data: source.data, mediaType };
  return { type: "media", data: source.data, mediaType };
}

/** What stands for a file in an answer. */
export function sourceOf(data: unknown): { readonly data: string } | { readonly url: string } | undefined {
  if (isFields(data) && "url" in data) return { url: String(data["url"]) };
  const bytes = isFields(data) && "data" in data && !(data instanceof Uint8Array) ? data["data"] : data;
  if (typeof bytes === "string") return { data: bytes };
  return bytes instanceof Uint8Array ? { data: Buffer.from(bytes).toString("base64") } : undefined;
}

function isSupported(url: string, mediaType: string, urls: SupportedUrls): boolean {
  if (!/^https?:/i.test(url) || !URL.canParse(url)) return false;
  const kind = mediaType.split("/")[0];
  const known = Object.entries(urls).filter(([type]) => ["*", "*/*", mediaType, `${kind}/*`, kind].includes(type));
  return known.some(([, patterns]) => patterns.some((pattern) => pattern.test(url.toLowerCase())));
}

function nameOf({ meta }: Media): { readonly filename?: string } {
  for (const fields of Object.values(meta ?? {})) {
    for (const holder of [fields, fields["file"]]) {
      const name = isFields(holder) ? (holder["filename"] ?? holder["title"]) : undefined;
      if (typeof name === "string") return { filename: name };
    }
  }
  return {};
}
