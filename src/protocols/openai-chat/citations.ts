/** Sources of an answer. Source: OpenAI's web search guide, "Output and citations". */
import type { Json, JsonObject, StreamEvent } from "../canonical.ts";
import type { Source } from "../fold.ts";
import { isObject, isText, ownMeta, protocolId, readMeta, without } from "./values.ts";

/** A citation of a page; what is none stays as it came. */
export function decodeCitation(mark: Json): StreamEvent {
  const cited = isObject(mark) ? mark["url_citation"] : undefined;
  if (!isObject(mark) || mark["type"] !== "url_citation" || !isObject(cited) || !isText(cited["url"])) {
    return { type: "opaque", protocol: protocolId, value: { delta: { annotations: [mark] } } };
  }
  const { url, title } = cited;
  const inner = without(cited, typeof title === "string" ? ["url", "title"] : ["url"]);
  const outer = without(mark, ["type", "url_citation"]);
  const meta = ownMeta({ ...outer, url_citation: inner });
  return { type: "source", url, ...(typeof title === "string" && { title }), ...meta };
}

/** Where the cited page stands in the text of another protocol is not known here. */
export function citation({ url = "", title, meta }: Source): JsonObject {
  const { rest } = readMeta(meta);
  const known = rest["url_citation"];
  const cited: JsonObject = isObject(known)
    ? { url, ...(title !== undefined && { title }), ...known }
    : { url, title: title ?? "", start_index: 0, end_index: 0 };
  return { ...without(rest, ["url_citation"]), type: "url_citation", url_citation: cited };
}
