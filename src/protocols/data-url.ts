/** Data URLs, taken apart and put together. */

export type Located = {
  readonly mediaType: string;
  readonly source: { readonly url: string } | { readonly data: string };
};

/**
 * A base64 data URL as type and data, only where putting them together again gives the same text; any other address
 * stays one, of the type `otherwise`.
 */
export function readDataUrl(url: string, otherwise: string): Located {
  const comma = url.startsWith("data:") ? url.indexOf(",") : -1;
  const head = url.slice(5, comma);
  if (comma === -1 || !/^[\w.+-]+\/[\w.+-]+;base64$/.test(head)) return { mediaType: otherwise, source: { url } };
  return { mediaType: head.slice(0, -";base64".length), source: { data: url.slice(comma + 1) } };
}

export function dataUrl(mediaType: string, data: string): string {
  return `data:${mediaType};base64,${data}`;
}
