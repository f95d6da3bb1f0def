/** Errors: found inside answers with a success status, and written in this protocol's shape. */
import type { Sse } from "../../wire/sse.ts";
import type { Json, JsonObject } from "../canonical.ts";
import { encodeError } from "../openai-errors.ts";
import type { RenderedError } from "../types.ts";
import { isArray, isEmpty, isObject, isText } from "./values.ts";

export { encodeError, encodeRawError, inBandError, isHtml } from "../openai-errors.ts";

/**
 * True for a chunk or a body that is an error though the status said success. Beside OpenAI's `error` object these are
 * the shapes OpenAI-compatible upstreams send: a string, a flat error, FastAPI's `detail`, an error in the choice.
 */
export function carriesError(json: JsonObject): boolean {
  const { error, type, object, choices } = json;
  if (isText(error) || (isObject(error) && !isEmpty(error))) return true;
  if (type === "error" || object === "error") return true;
  if (!isArray(choices)) return isPresent(json["detail"]) || isText(json["message"]) || json["success"] === false;
  const [choice] = choices;
  return isObject(choice) && (failedFinishes.has(choice["finish_reason"]) || isPresent(choice["error"]));
}

/** Finish reasons that say the answer was given up: OpenRouter's, and DeepSeek's when it is out of machines. */
const failedFinishes: ReadonlySet<Json | undefined> = new Set(["error", "insufficient_system_resource"]);

function isPresent(value: Json | undefined): boolean {
  return value !== undefined && value !== null && value !== "" && value !== false;
}

/** One event and no `[DONE]` behind it, as OpenAI's own streams break off; its clients throw on the event. */
export function encodeStreamError(rendered: RenderedError): readonly Sse[] {
  return [{ data: JSON.stringify(encodeError(rendered).body) }];
}
