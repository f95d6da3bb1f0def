/** Who is asked, without decoding. */
import type { Body } from "../../wire/body.ts";
import type { Json } from "../canonical.ts";
import { isArray, isNumber } from "../json.ts";
import { retarget } from "../openai-chat/inspect.ts";
import { invalid, missing, readHead, wrongType } from "../openai-fields.ts";
import type { Inspection } from "../types.ts";

export { retarget };

/** Throws a `ProxyError` of kind `invalid_request` when the body cannot be a completion request. */
export function inspect(_request: Request, body: Body): Inspection {
  const { json, model, stream, usage } = readHead(body.json);
  checkPrompt(json["prompt"]);
  return { model, stream, usage };
}

/** A text, tokens, or a list of either. */
function checkPrompt(prompt: Json | undefined): void {
  if (prompt === undefined) throw missing("prompt");
  if (typeof prompt === "string") return;
  if (!isArray(prompt)) throw wrongType("prompt", "a string or an array", prompt);
  if (prompt.length === 0) throw invalid("prompt", "Invalid 'prompt': the array is empty.");
  if (prompt.every(isNumber)) return;
  prompt.forEach((one, index) => {
    if (typeof one !== "string" && !(isArray(one) && one.every(isNumber))) {
      throw wrongType(`prompt[${index}]`, "a string or an array of tokens", one);
    }
  });
}
