/**
 * Where a text stops being JSON. `JSON.parse` says it for some faults only, and for the others quotes the text instead,
 * which is a client's content and must not be repeated.
 */

const scalar = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const escape = /\\(?:["\\/bfnrt]|u[\dA-Fa-f]{4})/y;

type Expected = "value" | "value or end" | "key" | "key or end" | "colon" | "comma or end" | "nothing";

/** The index of the first character that cannot be there; the length of the text when its end comes too early. */
export function jsonFault(text: string): number {
  const open: ("{" | "[")[] = [];
  let expected: Expected = "value";
  let at = 0;
  for (;;) {
    at = pastSpace(text, at);
    const char = text[at];
    if (char === undefined) return at;
    if ((char === "}" || char === "]") && expected.endsWith("or end")) {
      if (open.pop() !== (char === "}" ? "{" : "[")) return at;
      at += 1;
      expected = open.length === 0 ? "nothing" : "comma or end";
    } else if (expected === "comma or end") {
      if (char !== ",") return at;
      at += 1;
      expected = open.at(-1) === "{" ? "key" : "value";
    } else if (expected === "colon") {
      if (char !== ":") return at;
      at += 1;
      expected = "value";
    } else if (expected === "key" || expected === "key or end") {
      const end = char === '"' ? pastString(text, at) : { at, closed: false };
      if (!end.closed) return end.at;
      at = end.at;
      expected = "colon";
    } else if (expected === "nothing") return at;
    else if (char === "{" || char === "[") {
      open.push(char);
      at += 1;
      expected = char === "{" ? "key or end" : "value or end";
    } else {
      const end = char === '"' ? pastString(text, at) : pastScalar(text, at);
      if (!end.closed) return end.at;
      at = end.at;
      expected = open.length === 0 ? "nothing" : "comma or end";
    }
  }
}

/** `at position 45 (line 1 column 46)`, as `JSON.parse` words it. */
export function describePlace(text: string, at: number): string {
  let line = 1;
  let start = 0;
  for (let next = text.indexOf("\n"); next >= 0 && next < at; next = text.indexOf("\n", start)) {
    line += 1;
    start = next + 1;
  }
  return `at position ${at} (line ${line} column ${at - start + 1})`;
}

interface Token {
  readonly at: number;
  readonly closed: boolean;
}

function pastSpace(text: string, from: number): number {
  let at = from;
  for (let code = text.charCodeAt(at); code === 32 || code === 10 || code === 13 || code === 9;) {
    code = text.charCodeAt(++at);
  }
  return at;
}

function pastString(text: string, from: number): Token {
  for (let at = from + 1; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x22) return { at: at + 1, closed: true };
    if (code < 0x20) return { at, closed: false };
    if (code !== 0x5c) continue;
    escape.lastIndex = at;
    if (!escape.test(text)) return { at, closed: false };
    at = escape.lastIndex - 1;
  }
  return { at: text.length, closed: false };
}

function pastScalar(text: string, from: number): Token {
  scalar.lastIndex = from;
  return scalar.test(text) ? { at: scalar.lastIndex, closed: true } : { at: from, closed: false };
}
