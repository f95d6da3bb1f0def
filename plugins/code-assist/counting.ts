/** Requests for a count, which take contents alone. */
import { type Body, type Json, type JsonObject, jsonBody } from "waygate";
import { isObject } from "waygate/plugins/openai-compatible";

/** `fields` go beside the contents. */
export function countRequest({ json }: Body, fields: JsonObject): Body {
  const asked = json["generateContentRequest"] ?? json["generate_content_request"];
  const contents = (isObject(asked) ? asked["contents"] : undefined) ?? json["contents"] ?? [];
  const list = Array.isArray(contents) ? (contents as readonly Json[]) : [contents];
  return jsonBody({ request: { ...fields, contents: list.map(plain) } });
}

/** The counter refuses thoughts and signatures; their words count like any other. */
function plain(content: Json): Json {
  if (!isObject(content) || !Array.isArray(content["parts"])) return content;
  const parts = (content["parts"] as readonly Json[]).map((part) => {
    if (!isObject(part)) return part;
    const { thought: _, thoughtSignature: __, thought_signature: ___, ...rest } = part;
    return rest;
  });
  return { ...content, parts };
}
