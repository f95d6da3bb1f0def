/**
 * Chat has no place for a signature, but clients echo `extra_content` of a tool call (Gemini's OpenAI compatibility
 * docs put thought signatures there). A foreign seal travels in it with its minter's name in front, so that it finds
 * the way back and to nobody else.
 */
import type { Json, JsonObject, Seal } from "../canonical.ts";
import { isEmpty, isObject, without } from "./values.ts";

const mark = "px1";

/** The fields of a tool call that carry a seal. */
export function sealFields(seal: Seal): JsonObject {
  const value = [mark, seal.protocol, encodeURIComponent(seal.provider ?? ""), seal.value].join(".");
  return { extra_content: { google: { thought_signature: value } } };
}

/** Takes a seal of ours out of a tool call's unknown fields; a signature that is not ours stays where it is. */
export function takeSeal(fields: JsonObject): { readonly rest: JsonObject; readonly seal?: Seal } {
  const extra = fields["extra_content"];
  const google = isObject(extra) ? extra["google"] : undefined;
  if (!isObject(extra) || !isObject(google)) return { rest: fields };
  const seal = parseSeal(google["thought_signature"]);
  if (!seal) return { rest: fields };
  const nested = keep("google", without(google, ["thought_signature"]), without(extra, ["google"]));
  return { rest: keep("extra_content", nested, without(fields, ["extra_content"])), seal };
}

function keep(key: string, value: JsonObject, object: JsonObject): JsonObject {
  return isEmpty(value) ? object : { ...object, [key]: value };
}

function parseSeal(value: Json | undefined): Seal | undefined {
  if (typeof value !== "string" || !value.startsWith(`${mark}.`)) return undefined;
  const [, protocol, provider, ...rest] = value.split(".");
  if (!protocol || provider === undefined || rest.length === 0) return undefined;
  return { protocol, ...(provider && { provider: decodeURIComponent(provider) }), value: rest.join(".") };
}
