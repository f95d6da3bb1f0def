/** Objects as models write them when they forget that it is to be JSON: bare keys, single quotes, commas too many. */
import type { Json, JsonObject } from "waygate";
import { isObject } from "waygate/plugins/openai-compatible";

/** `undefined` for what is no object that way either. */
export function looseObject(text: string): JsonObject | undefined {
  const reader = createReader(text);
  try {
    const value = reader.value(0);
    return reader.atEnd() && isObject(value) ? value : undefined;
  } catch (error) {
    if (error === unreadable) return undefined;
    throw error;
  }
}

/** Thrown inside, never outside. */
const unreadable = Symbol("unreadable");

/** Levels of a value at most. */
const DEPTH = 64;

const words = new Map<string, Json>([
  ...([
    ["true", true],
    ["True", true],
    ["false", false],
    ["False", false],
    ["null", null],
    ["None", null],
  ] as const),
]);

const escapes: { readonly [letter: string]: string } = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f" };

interface Reader {
  value(depth: number): Json;
  atEnd(): boolean;
}

function createReader(text: string): Reader {
  let at = 0;
  const fail = (): never => {
    throw unreadable;
  };
  const skip = (): void => {
    while (/\s/.test(text[at] ?? "x")) at += 1;
  };
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  };
  const quoted = (): string => {
    const quote = text[at++];
    let result = "";
    for (let char = text[at]; char !== quote; char = text[at]) {
      if (char === undefined) return fail();
      at += 1;
      if (char !== "\\") {
        result += char;
        continue;
      }
      const next = text[at++] ?? fail();
      const unicode = next === "u" ? take(/[0-9a-fA-F]{4}/y) : undefined;
      result += unicode === undefined ? (escapes[next] ?? next) : String.fromCharCode(Number.parseInt(unicode, 16));
    }
    at += 1;
    return result;
  };
  const key = (): string => {
    if (text[at] === '"' || text[at] === "'") return quoted();
    return take(/[\w$.-]+/y) ?? fail();
  };
  /** What stands between brackets, with or without a comma behind the last. */
  const list = (close: string, item: () => void): void => {
    at += 1;
    for (skip(); text[at] !== close; skip()) {
      item();
      skip();
      if (text[at] === ",") at += 1;
      else if (text[at] !== close) fail();
    }
    at += 1;
  };
  const value = (depth: number): Json => {
    if (depth > DEPTH) return fail();
    skip();
    const char = text[at];
    if (char === '"' || char === "'") return quoted();
    if (char === "[") {
      const items: Json[] = [];
      list("]", () => void items.push(value(depth + 1)));
      return items;
    }
    if (char === "{") {
      const entries: [string, Json][] = [];
      list("}", () => {
        const name = key();
        skip();
        if (text[at] !== ":") fail();
        at += 1;
        entries.push([name, value(depth + 1)]);
      });
      return Object.fromEntries(entries);
    }
    const number = take(/-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y);
    if (number !== undefined) return Number(number);
    const word = take(/[A-Za-z]+/y);
    return word !== undefined && words.has(word) ? (words.get(word) as Json) : fail();
  };
  return {
    value,
    atEnd() {
      skip();
      return at === text.length;
    },
  };
}
