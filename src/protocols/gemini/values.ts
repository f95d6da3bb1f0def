/** This protocol's part of `meta`, and the readers of JSON it shares with the others. */
import type { Json, JsonObject } from "../canonical.ts";
import { metaOf, type MetaAccess } from "../meta.ts";

export {
  defined,
  isArray,
  isBlank,
  isEmpty,
  isNumber,
  isObject,
  isText,
  kindOf,
  parseObject,
  without,
} from "../json.ts";

export const protocolId = "gemini";

const access = metaOf(protocolId);

export const ownMeta: MetaAccess["own"] = access.own;
export const readMeta: MetaAccess["read"] = access.read;

/** A value only this protocol knows, under the name of the place it stood in. */
export function opaque(place: Place, value: Json): { type: "opaque"; protocol: string; value: JsonObject } {
  return { type: "opaque", protocol: protocolId, value: { [place]: value } };
}

/** `other`: a further candidate. `candidate` and `chunk`: fields of the first one, and of what stands around it. */
export type Place = "part" | "candidate" | "chunk" | "other";

/** True when both are the same JSON with their keys in the same order, as what one function made twice is. */
export function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** One value where a list is expected is a list of it: protobuf's JSON reader takes it so. */
export function listOf(value: Json | undefined): readonly Json[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? (value as readonly Json[]) : [value];
}
