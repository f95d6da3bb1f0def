/** A light reading of TypeScript for finding places: strings, words, marks; comments and patterns are skipped. */

export interface Token {
  /** `mark` is one character; `word` also stands for numbers. */
  readonly kind: "text" | "word" | "mark";
  /** Without quotes, for texts. */
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

const pattern = new RegExp(
  [
    String.raw`(?<comment>\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$))`,
    "(?<text>\"(?:[^\"\\\\\\n]|\\\\.)*\"|'(?:[^'\\\\\\n]|\\\\.)*'|`(?:[^`\\\\]|\\\\[\\s\\S])*`)",
    String.raw`(?<word>[\w$]+)`,
    String.raw`(?<mark>[^\s])`,
  ].join("|"),
  "g",
);
const regularExpression = /\/(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/\w*/y;

export function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  pattern.lastIndex = 0;
  for (let match = pattern.exec(source); match !== null; match = pattern.exec(source)) {
    const { text, word, mark } = match.groups ?? {};
    const start = match.index;
    if (mark === "/" && startsExpression(tokens.at(-1))) {
      regularExpression.lastIndex = start;
      const skipped = regularExpression.exec(source);
      if (skipped) {
        pattern.lastIndex = start + skipped[0].length;
        continue;
      }
    }
    const end = pattern.lastIndex;
    if (text !== undefined) tokens.push({ kind: "text", value: unescape(text.slice(1, -1)), start, end });
    else if (word !== undefined) tokens.push({ kind: "word", value: word, start, end });
    else if (mark !== undefined) tokens.push({ kind: "mark", value: mark, start, end });
  }
  return tokens;
}

/** Where a slash is a division, it follows a value. */
function startsExpression(before: Token | undefined): boolean {
  return before === undefined || (before.kind === "mark" && !")]}".includes(before.value));
}

/** Enough for names: `\"` and the like; other escapes never stand in a name we look for. */
function unescape(text: string): string {
  return text.replace(/\\(["'`\\])/g, "$1");
}
