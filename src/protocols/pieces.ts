/** Values that come in pieces, of which a protocol knows no more than that. */
import type { Json, JsonObject } from "./canonical.ts";
import { isArray, isNumber, isObject } from "./json.ts";

const audio = ["data", "transcript"];

/**
 * Pieces of unknown fields put together: lists and objects grow, so do the texts called one of `texts` (default: those of
 * audio), other values replace.
 */
export function merge(one: JsonObject, other: JsonObject, texts: readonly string[] = audio): JsonObject {
  const all: { [key: string]: Json } = { ...one };
  for (const [key, value] of Object.entries(other)) {
    const before = all[key];
    if (isArray(before) && isArray(value)) all[key] = [...before, ...value];
    else if (isObject(before) && isObject(value)) all[key] = merge(before, value, texts);
    else if (typeof before === "string" && typeof value === "string" && texts.includes(key)) all[key] = before + value;
    // A null in a later piece says that there is no news.
    else if (value !== null || before === undefined) all[key] = value;
  }
  return all;
}

/** Objects with the same `index` put together, in the order in which they began. */
export function byIndex(pieces: readonly JsonObject[], texts: readonly string[]): JsonObject[] {
  const found: JsonObject[] = [];
  const places = new Map<number, number>();
  for (const piece of pieces) {
    const { index } = piece;
    const place = isNumber(index) ? places.get(index) : undefined;
    const before = place === undefined ? undefined : found[place];
    if (place !== undefined && before) found[place] = merge(before, piece, texts);
    else {
      if (isNumber(index)) places.set(index, found.length);
      found.push(piece);
    }
  }
  return found;
}
