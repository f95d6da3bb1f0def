/** The MIME type of a file by the end of its address, for services that want to be told. */

const types: { readonly [ending: string]: string } = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  webp: "image/webp",
  gif: "image/gif",
  heic: "image/heic",
  heif: "image/heif",
  pdf: "application/pdf",
  txt: "text/plain",
  html: "text/html",
  csv: "text/csv",
  json: "application/json",
  mp3: "audio/mpeg",
  wav: "audio/wav",
  flac: "audio/flac",
  ogg: "audio/ogg",
  m4a: "audio/mp4",
  mp4: "video/mp4",
  mov: "video/quicktime",
  webm: "video/webm",
};

/** A wildcard when the address does not tell. */
export function guessedType(url: string, otherwise = "*/*"): string {
  const path = url.split(/[?#]/, 1)[0] ?? "";
  const ending = /\.(\w+)$/.exec(path)?.[1]?.toLowerCase() ?? "";
  return Object.hasOwn(types, ending) ? (types[ending] ?? otherwise) : otherwise;
}

/** One type and no wildcard, which the service refuses. */
export function exactType(mediaType: string, url: string): string {
  if (!mediaType.includes("*")) return mediaType;
  const guess = guessedType(url, "");
  if (guess !== "") return guess;
  if (mediaType.startsWith("image/")) return "image/jpeg";
  return mediaType.startsWith("audio/")
    ? "audio/mpeg"
    : mediaType.startsWith("video/")
      ? "video/mp4"
      : "application/pdf";
}
