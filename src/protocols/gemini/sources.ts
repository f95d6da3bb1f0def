/** What an answer rests on. Sources: Gemini API reference, `GroundingMetadata` and `CitationMetadata`. */
import type { Json, JsonObject, StreamEvent } from "../canonical.ts";
import type { Source } from "../fold.ts";
import { isArray, isObject, isText, ownMeta, readMeta } from "./values.ts";

/** The sources not named before; `links` remembers them. They are noted as kept, since their place is kept whole. */
export function sourcesOf(candidate: JsonObject, links: Set<string>): StreamEvent[] {
  const { groundingMetadata: grounding, citationMetadata: citation } = candidate;
  const chunks = isObject(grounding) && isArray(grounding["groundingChunks"]) ? grounding["groundingChunks"] : [];
  const cited = isObject(citation) ? (citation["citationSources"] ?? citation["citations"]) : undefined;
  const found = [
    ...chunks.flatMap((chunk) => (isObject(chunk) ? Object.values(chunk) : [])),
    ...(isArray(cited) ? cited : []),
  ];
  return found.flatMap((source: Json): StreamEvent[] => {
    if (!isObject(source) || !isText(source["uri"]) || links.has(source["uri"])) return [];
    const { uri, title } = source;
    links.add(uri);
    return [{ type: "source", url: uri, ...(isText(title) && { title }), ...ownMeta({}, { kept: true }) }];
  });
}

/** `undefined` when there are none, or all are in a place that is kept. */
export function groundingOf(sources: readonly Source[]): JsonObject | undefined {
  const chunks = sources.flatMap(({ url, title, meta }) => {
    if (url === undefined || readMeta(meta).form["kept"]) return [];
    return [{ web: { uri: url, ...(title !== undefined && { title }) } }];
  });
  return chunks.length > 0 ? { groundingChunks: chunks } : undefined;
}
