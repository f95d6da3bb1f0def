/** Reads the values of settings, which people have written and which may be anything. */
import type { Json, JsonObject } from "../protocols/canonical.ts";

/**
 * The texts of a field: a list, one text, or nothing. What is wrong is added to `problems`, and an empty list returned.
 * At most `most` (default 1000) of at most 1000 characters.
 */
export function settingTexts(value: Json | undefined, field: string, problems: string[], most = 1000): string[] {
  if (value === undefined || value === null) return [];
  const list = Array.isArray(value) ? (value as readonly Json[]) : [value as Json];
  const wrong = list.find((each) => typeof each !== "string" || each.trim() === "" || each.length > LONGEST);
  if (wrong !== undefined) {
    problems.push(`${field} must be a list of texts of 1 to ${LONGEST} characters, and has ${shown(wrong)}.`);
    return [];
  }
  if (list.length > most) {
    problems.push(`${field} has ${list.length} entries; ${most} are the most.`);
    return [];
  }
  return list as string[];
}

/**
 * The value as an object, with no other fields than these where they are named. What is wrong is added to `problems`,
 * and `what` names it there.
 */
export function settingObject(value: Json, what: string, problems: string[], fields?: readonly string[]): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    problems.push(`${what} must be an object, and is ${shown(value)}.`);
    return {};
  }
  const unknown = fields && Object.keys(value).find((field) => !fields.includes(field));
  if (unknown !== undefined) problems.push(`${what} has ${fields!.join(", ")}, and no ${shown(unknown)}.`);
  return value as JsonObject;
}

const LONGEST = 1000;

function shown(value: Json): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
