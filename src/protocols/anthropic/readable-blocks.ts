/** Blocks that are text with a frame around it: plain documents and search results. */
import type { Json, JsonObject } from "../canonical.ts";
import { isArray, isObject, isText } from "./values.ts";

/** The text of such a block for a reader that does not know its frame; `undefined` when there is more than text in it. */
export function readable(block: JsonObject): string | undefined {
  if (block["type"] === "search_result") {
    const found = textOf(block["content"]);
    return found && [block["title"], block["source"], found].filter(isText).join("\n");
  }
  const { source, title, context } = block;
  if (block["type"] !== "document" || !isObject(source)) return undefined;
  const said =
    source["type"] === "text" ? source["data"] : source["type"] === "content" ? source["content"] : undefined;
  const text = textOf(said);
  return text && [title, context, text].filter(isText).join("\n");
}

function textOf(content: Json | undefined): string | undefined {
  if (isText(content)) return content;
  if (!isArray(content)) return undefined;
  const texts = content.map((block) => (isObject(block) && block["type"] === "text" ? block["text"] : undefined));
  return texts.length > 0 && texts.every(isText) ? texts.join("\n") : undefined;
}
