/**
 * Edits JSON as text, so that whatever is not edited stays byte for byte: integers above 2^53, `1.0`, key order,
 * duplicate keys, white space. Everything here expects valid JSON and does not check it again.
 */
import type { Json, JsonObject } from "../protocols/canonical.ts";
import { type Body, lazyBody, textBody } from "./body.ts";
import { items, members, skipSpace } from "./json-scan.ts";

export { deeperThan } from "./json-scan.ts";

/** Object keys from the outside in; at least one. Where a function says so, `*` stands for every item of an array. */
export type JsonPath = readonly string[];

interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/**
 * The text with the field set to `valueJson`, itself JSON text. Missing objects on the way are made. A key that occurs
 * twice is set in both places: parsers disagree about which one counts.
 */
export function setField(text: string, path: JsonPath, valueJson: string): string {
  return apply(text, setEdits(text, skipSpace(text, 0), path, valueJson));
}

/**
 * The text without the field, however often it occurs; the same text when there is none. `*` in the path stands for
 * every item of an array.
 */
export function removeField(text: string, path: JsonPath): string {
  return apply(text, removeEdits(text, skipSpace(text, 0), path));
}

/** The raw JSON text of a field, of the last one if it occurs twice, as `JSON.parse` reads it. */
export function readField(text: string, path: JsonPath): string | undefined {
  let at = skipSpace(text, 0);
  let end = text.length;
  for (const key of path) {
    const member = text[at] === "{" ? members(text, at).findLast((one) => one.key === key) : undefined;
    if (!member) return undefined;
    at = member.value;
    end = member.end;
  }
  return text.slice(at, end);
}

/** The body with one field set, never re-serialised. Its parsed form is made without parsing again. */
export function withField(body: Body, path: JsonPath, value: Json): Body {
  return lazyBody(
    () => setField(body.text, path, JSON.stringify(value)),
    () => assign(body.json, path, value),
  );
}

/**
 * The body without one field, never re-serialised; the body itself when its text cannot hold the field. `*` in the path
 * stands for every item of an array: `["messages", "*", "name"]`.
 */
export function withoutField(body: Body, path: JsonPath): Body {
  if (!mayHold(body.text, path)) return body;
  return lazyBody(
    () => removeField(body.text, path),
    () => omit(body.json, path),
  );
}

/**
 * The body with a field under another name, its value and all else byte for byte. Where the new name is taken, the old
 * field is taken out. `*` in the path stands for every item of an array.
 */
export function withRenamedField(body: Body, path: JsonPath, name: string): Body {
  if (!mayHold(body.text, path)) return body;
  return lazyBody(
    () => apply(body.text, renameEdits(body.text, skipSpace(body.text, 0), path, name)),
    () => rename(body.json, path, name),
  );
}

/**
 * The body with every value at `path` replaced by what `change` makes of its raw JSON text; the body itself when
 * nothing changes. `*` in the path stands for every item of an array and may be its last step.
 */
export function withEachField(body: Body, path: JsonPath, change: (json: string) => string): Body {
  const { text } = body;
  if (!mayHold(text, path)) return body;
  const edits = places(text, { value: skipSpace(text, 0), end: text.length }, path).flatMap(
    ({ value, end }): Edit[] => {
      const old = text.slice(value, end);
      const now = change(old);
      return now === old ? [] : [{ from: value, to: end, text: now }];
    },
  );
  return edits.length === 0 ? body : textBody(apply(text, edits));
}

/** False when no key of the path can be in the text: found by native search, and true where keys may be escaped. */
function mayHold(text: string, path: JsonPath): boolean {
  return path.every((key) => key === "*" || text.includes(JSON.stringify(key))) || text.includes("\\u00");
}

function assign(json: Json | undefined, [key, ...rest]: JsonPath, value: Json): JsonObject {
  const object = isObject(json) ? json : {};
  if (key === undefined) return object;
  return { ...object, [key]: rest.length === 0 ? value : assign(own(object, key), rest, value) };
}

function omit(json: JsonObject, path: JsonPath): JsonObject {
  const last = path.at(-1) ?? "";
  return editObjects(json, path.slice(0, -1), (object) => without(object, last)) as JsonObject;
}

function rename(json: JsonObject, path: JsonPath, name: string): JsonObject {
  const old = path.at(-1) ?? "";
  return editObjects(json, path.slice(0, -1), (object) => {
    if (!Object.hasOwn(object, old) || old === name) return object;
    if (Object.hasOwn(object, name)) return without(object, old);
    return Object.fromEntries(Object.entries(object).map(([key, value]) => [key === old ? name : key, value]));
  }) as JsonObject;
}

/** Every object at the path through `edit`. */
function editObjects(json: Json, [key, ...rest]: JsonPath, edit: (object: JsonObject) => JsonObject): Json {
  if (Array.isArray(json)) return key === "*" ? json.map((item: Json) => editObjects(item, rest, edit)) : json;
  if (!isObject(json)) return json;
  if (key === undefined) return edit(json);
  const inner = own(json, key);
  return inner === undefined ? json : { ...json, [key]: editObjects(inner, rest, edit) };
}

function without(json: JsonObject, key: string): JsonObject {
  if (!Object.hasOwn(json, key)) return json;
  return Object.fromEntries(Object.entries(json).filter(([name]) => name !== key));
}

function own(json: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(json, key) ? json[key] : undefined;
}

function isObject(json: Json | undefined): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

function setEdits(text: string, object: number, path: JsonPath, valueJson: string): Edit[] {
  const [key = "", ...rest] = path;
  const all = members(text, object);
  const named = all.filter((member) => member.key === key);
  if (named.length === 0) {
    const last = all.at(-1)?.end;
    const field = `${JSON.stringify(key)}:${nested(rest, valueJson)}`;
    const at = last ?? object + 1;
    return [{ from: at, to: at, text: last === undefined ? field : `,${field}` }];
  }
  return named.flatMap((member) =>
    rest.length > 0 && text[member.value] === "{"
      ? setEdits(text, member.value, rest, valueJson)
      : [{ from: member.value, to: member.end, text: nested(rest, valueJson) }],
  );
}

function nested(path: JsonPath, valueJson: string): string {
  return path.reduceRight((inner, key) => `{${JSON.stringify(key)}:${inner}}`, valueJson);
}

function removeEdits(text: string, object: number, path: JsonPath): Edit[] {
  const [key, ...rest] = path;
  if (text[object] === "[" && key === "*" && rest.length > 0) {
    return items(text, object).flatMap((item) => removeEdits(text, item.value, rest));
  }
  if (text[object] !== "{") return [];
  const all = members(text, object);
  if (rest.length > 0) {
    return all.flatMap((member) => (member.key === key ? removeEdits(text, member.value, rest) : []));
  }
  let kept = 0;
  return all.flatMap((member, index) => {
    if (member.key !== key) {
      kept += 1;
      return [];
    }
    // The comma that goes with a field is the one before it, or the one after it for the first that stays.
    if (kept > 0) return [{ from: all[index - 1]?.end ?? member.start, to: member.end, text: "" }];
    return [{ from: member.start, to: all[index + 1]?.start ?? member.end, text: "" }];
  });
}

interface Place {
  readonly value: number;
  readonly end: number;
}

/** Where the values at `path` stand below the value at `place`. */
function places(text: string, place: Place, path: JsonPath): Place[] {
  const [key, ...rest] = path;
  if (key === undefined) return [place];
  if (text[place.value] === "[") {
    return key === "*" ? items(text, place.value).flatMap((item) => places(text, item, rest)) : [];
  }
  if (text[place.value] !== "{") return [];
  const named = members(text, place.value).filter((member) => member.key === key);
  return named.flatMap((member) => places(text, member, rest));
}

function renameEdits(text: string, root: number, path: JsonPath, name: string): Edit[] {
  const old = path.at(-1) ?? "";
  return places(text, { value: root, end: text.length }, path.slice(0, -1)).flatMap(({ value }): Edit[] => {
    if (text[value] !== "{") return [];
    const all = members(text, value);
    if (name !== old && all.some((member) => member.key === name)) return removeEdits(text, value, [old]);
    const named = all.filter((member) => member.key === old);
    return named.map(({ start, keyEnd }) => ({ from: start, to: keyEnd, text: JSON.stringify(name) }));
  });
}

/** `edits` in the order of the text, not overlapping. */
function apply(text: string, edits: readonly Edit[]): string {
  let result = "";
  let at = 0;
  for (const edit of edits) {
    result += text.slice(at, edit.from) + edit.text;
    at = edit.to;
  }
  return result + text.slice(at);
}
