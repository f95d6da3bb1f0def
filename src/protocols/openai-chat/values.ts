/** Reading untrusted JSON, and the part of `meta` that belongs to this protocol. */
import type { Json, JsonObject, Meta } from "../canonical.ts";

export const protocolId = "openai-chat";

/** Under this key of our meta: how the client wrote what the canonical form says in one way only. */
const formKey = "~form";

export interface OwnMeta {
  /** Fields of the wire the canonical form does not know, verbatim. */
  readonly rest: JsonObject;
  readonly form: JsonObject;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

export function isText(value: Json | undefined): value is string {
  return typeof value === "string" && value !== "";
}

export function isNumber(value: Json | undefined): value is number {
  return typeof value === "number";
}

export function isEmpty(object: JsonObject): boolean {
  for (const _ in object) return false;
  return true;
}

/** The object without some of its fields. */
export function without(object: JsonObject, keys: readonly string[]): JsonObject {
  // Not by assignment: a field called `__proto__` is a client's text like any other.
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
}

/** The object without fields that are `undefined`. */
export function defined(object: { readonly [key: string]: Json | undefined }): JsonObject {
  const given = Object.entries(object).filter((entry): entry is [string, Json] => entry[1] !== undefined);
  return Object.fromEntries(given);
}

/** `{ meta }` to be spread, or nothing when there is nothing to keep. */
export function ownMeta(rest: JsonObject, form: JsonObject = {}): { meta?: Meta } {
  const all = isEmpty(form) ? rest : { ...rest, [formKey]: form };
  return isEmpty(all) ? {} : { meta: { [protocolId]: all } };
}

export function readMeta(meta: Meta | undefined): OwnMeta {
  const own = meta?.[protocolId];
  if (!own) return { rest: {}, form: {} };
  const form = own[formKey];
  return { rest: without(own, [formKey]), form: isObject(form) ? form : {} };
}

/** Null, or empty of content: in a chunk this says the same as nothing. */
export function isBlank(value: Json | undefined): boolean {
  if (value === undefined || value === null || value === "") return true;
  return isArray(value) ? value.length === 0 : isObject(value) && isEmpty(value);
}

/** `undefined` for everything that is not the text of an object: what to do with it is the caller's affair. */
export function parseObject(text: string): JsonObject | undefined {
  try {
    const json = JSON.parse(text) as Json;
    return isObject(json) ? json : undefined;
  } catch {
    // Broken JSON from an upstream is an expected value here.
    return undefined;
  }
}
