/** Reading untrusted JSON: what every protocol asks of a value before it looks inside. */
import type { Json, JsonObject } from "./canonical.ts";

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/** A text that is not empty. */
export function isText(value: Json | undefined): value is string {
  return typeof value === "string" && value !== "";
}

export function isNumber(value: Json | undefined): value is number {
  // JSON has numbers that are too large for one: `1e400` is read as infinite.
  return Number.isFinite(value);
}

export function isEmpty(object: JsonObject): boolean {
  for (const _ in object) return false;
  return true;
}

/** Null, or empty of content: in a chunk this says the same as nothing. */
export function isBlank(value: Json | undefined): boolean {
  if (value === undefined || value === null || value === "") return true;
  return isArray(value) ? value.length === 0 : isObject(value) && isEmpty(value);
}

/** Blank, or an object of nothing but blanks at any depth. */
export function isHollow(value: Json | undefined): boolean {
  return isBlank(value) || (isObject(value) && Object.values(value).every(isHollow));
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

/** What a value is, for a message about a wrong type: `an array`, `a number`, `null`. */
export function kindOf(value: Json): string {
  if (value === null) return "null";
  if (isArray(value)) return "an array";
  if (typeof value === "object") return "an object";
  return `a ${typeof value}`;
}
