/** Walks over JSON text without parsing it: strings are skipped with native search, the rest by character codes. */

const quote = 34;
const comma = 44;
const backslash = 92;
const openBracket = 91;
const closeBracket = 93;
const openBrace = 123;
const closeBrace = 125;

/** One field of an object, by its place in the text. */
export interface Member {
  readonly key: string;
  /** `start` is the key's opening quote, `keyEnd` and `end` the first characters after key and value. */
  readonly start: number;
  readonly keyEnd: number;
  readonly value: number;
  readonly end: number;
}

/** True when arrays and objects nest deeper than `limit`. Any text may be asked about, valid JSON or not. */
export function deeperThan(text: string, limit: number): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) at = stringEnd(text, at) - 1;
    else if (code === openBrace || code === openBracket) {
      depth += 1;
      if (depth > limit) return true;
    } else if (code === closeBrace || code === closeBracket) depth -= 1;
  }
  return false;
}

/** The fields of the object that opens at `object`, in the order of the text. */
export function members(text: string, object: number): Member[] {
  const found: Member[] = [];
  let at = skipSpace(text, object + 1);
  while (text.charCodeAt(at) === quote) {
    const start = at;
    const keyEnd = stringEnd(text, at);
    const raw = text.slice(start + 1, keyEnd - 1);
    const value = skipSpace(text, skipSpace(text, keyEnd) + 1);
    const end = valueEnd(text, value);
    found.push({ key: raw.includes("\\") ? (JSON.parse(`"${raw}"`) as string) : raw, start, keyEnd, value, end });
    at = skipSpace(text, end);
    if (text.charCodeAt(at) !== comma) break;
    at = skipSpace(text, at + 1);
  }
  return found;
}

/** The values of the array that opens at `array`, by their places in the text. */
export function items(text: string, array: number): { readonly value: number; readonly end: number }[] {
  const found: { readonly value: number; readonly end: number }[] = [];
  let value = skipSpace(text, array + 1);
  while (value < text.length && text.charCodeAt(value) !== closeBracket) {
    const end = valueEnd(text, value);
    found.push({ value, end });
    value = skipSpace(text, end);
    if (text.charCodeAt(value) !== comma) break;
    value = skipSpace(text, value + 1);
  }
  return found;
}

/** The first position from `from` on that is not white space. */
export function skipSpace(text: string, from: number): number {
  let at = from;
  for (let code = text.charCodeAt(at); code === 32 || (code >= 9 && code <= 13); code = text.charCodeAt(at)) at += 1;
  return at;
}

/** The position after the string that opens at `from`; the text's end when it never closes. */
function stringEnd(text: string, from: number): number {
  let at = text.indexOf('"', from + 1);
  while (at !== -1) {
    let escapes = 0;
    while (text.charCodeAt(at - 1 - escapes) === backslash) escapes += 1;
    if (escapes % 2 === 0) return at + 1;
    at = text.indexOf('"', at + 1);
  }
  return text.length;
}

function valueEnd(text: string, from: number): number {
  const first = text.charCodeAt(from);
  if (first === quote) return stringEnd(text, from);
  const container = first === openBrace || first === openBracket;
  let depth = 0;
  for (let at = from; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) at = stringEnd(text, at) - 1;
    else if (code === openBrace || code === openBracket) depth += 1;
    else if (code === closeBrace || code === closeBracket) {
      if (!container) return at;
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (!container && (code === comma || code <= 32)) return at;
  }
  return text.length;
}
