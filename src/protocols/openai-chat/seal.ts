/**
 * Chat has no place for a signature, but clients echo `extra_content` of a tool call (Gemini's OpenAI compatibility
 * docs put thought signatures there). A foreign seal travels in it with its minter's name in front, so that it finds
 * the way back and to nobody else.
 */
import type { JsonObject, Seal } from "../canonical.ts";
import { unwrapSeal, wrapSeal } from "../seal.ts";
import { isEmpty, isObject, without } from "./values.ts";

/** The fields of a tool call that carry a seal. */
export function sealFields(seal: Seal): JsonObject {
  return { extra_content: { google: { thought_signature: wrapSeal(seal) } } };
}

/** The fields of a tool call in a request with a seal of this protocol among them, beside what else is there. */
export function withSeal(fields: JsonObject, seal: Seal): JsonObject {
  const extra = fields["extra_content"];
  if (!isObject(extra)) return { ...fields, ...sealFields(seal) };
  const google = isObject(extra["google"]) ? extra["google"] : {};
  const signed = { ...google, thought_signature: wrapSeal(seal) };
  return { ...fields, extra_content: { ...extra, google: signed } };
}

/** Takes a seal of ours out of a tool call's unknown fields; a signature that is not ours stays where it is. */
export function takeSeal(fields: JsonObject): { readonly rest: JsonObject; readonly seal?: Seal } {
  const extra = fields["extra_content"];
  const google = isObject(extra) ? extra["google"] : undefined;
  if (!isObject(extra) || !isObject(google)) return { rest: fields };
  const seal = unwrapSeal(google["thought_signature"]);
  if (!seal) return { rest: fields };
  const nested = keep("google", without(google, ["thought_signature"]), without(extra, ["google"]));
  return { rest: keep("extra_content", nested, without(fields, ["extra_content"])), seal };
}

function keep(key: string, value: JsonObject, object: JsonObject): JsonObject {
  return isEmpty(value) ? object : { ...object, [key]: value };
}
