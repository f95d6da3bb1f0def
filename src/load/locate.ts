/** Finds the place in the text of a config that a problem speaks of. Never guesses: rather no column than a wrong one. */
import type { ConfigProblem, Position } from "../config/problem.ts";
import { type Token, tokenize } from "./tokens.ts";

/** A stretch of tokens: `from` inclusive, `to` exclusive. */
interface Span {
  readonly from: number;
  readonly to: number;
}

/**
 * Follows `path` through the literals of the text as far as they go, then takes the `needle` inside what was reached:
 * a string literal first, else a word. Without a needle it takes the value reached.
 */
export function locate(source: string, { path, needle }: Pick<ConfigProblem, "path" | "needle">): Position | undefined {
  if (path.length === 0 && needle === undefined) return undefined;
  const tokens = tokenize(source);
  const reached = follow(tokens, path);
  if (needle !== undefined) {
    const inside = matches(tokens, needle, reached.span);
    // The end of the path was reached: the first hit is the one. Else only one hit can be the one.
    const hit = (reached.complete && path.length > 0) || inside.length === 1 ? inside[0] : undefined;
    const found = hit ?? only(matches(tokens, needle, { from: 0, to: tokens.length }));
    if (found !== undefined) return positionOf(source, found.start, found.end);
  }
  if (reached.steps === 0) return undefined;
  const first = tokens[reached.span.from];
  const last = tokens[reached.span.to - 1];
  if (first === undefined || last === undefined) return undefined;
  const { line, column } = positionOf(source, first.start, first.end);
  if (!reached.complete) return { line };
  const end = source.slice(first.start, last.end).includes("\n") ? first.end : last.end;
  return { line, column, length: end - first.start };
}

/** A name in the `import { … } from "specifier"` of a text. */
export function locateImport(source: string, specifier: string, name: string): Position | undefined {
  const tokens = tokenize(source);
  const end = tokens.findIndex((token, index) => {
    return token.kind === "text" && token.value === specifier && tokens[index - 1]?.value === "from";
  });
  if (end === -1) return undefined;
  const start = tokens.findLastIndex((token, index) => index < end && token.value === "import");
  const found = tokens.find((token, index) => index > start && index < end && token.value === name);
  return found && positionOf(source, found.start, found.end);
}

function only<T>(list: readonly T[]): T | undefined {
  return list.length === 1 ? list[0] : undefined;
}

function matches(tokens: readonly Token[], needle: string, { from, to }: Span): Token[] {
  const inside = tokens.slice(from, to).filter((token) => token.value === needle);
  const texts = inside.filter((token) => token.kind === "text");
  return texts.length > 0 ? texts : inside.filter((token) => token.kind === "word");
}

/** The place of a stretch of a text, from its offsets. */
export function positionOf(source: string, start: number, end: number): Required<Position> {
  const before = source.slice(0, start);
  const lineStart = before.lastIndexOf("\n") + 1;
  return { line: before.split("\n").length, column: start - lineStart + 1, length: end - start };
}

interface Reached {
  readonly span: Span;
  readonly steps: number;
  readonly complete: boolean;
}

function follow(tokens: readonly Token[], path: readonly (string | number)[]): Reached {
  let span = root(tokens);
  for (let steps = 0; steps < path.length; steps++) {
    const part = path[steps];
    const inner = part === undefined ? undefined : step(tokens, span, part);
    if (inner === undefined) return { span, steps, complete: false };
    span = inner;
  }
  return { span, steps: path.length, complete: true };
}

/** What is exported by default: the object, or the call around it. */
function root(tokens: readonly Token[]): Span {
  const all = { from: 0, to: tokens.length };
  const at = tokens.findIndex((token, index) => token.value === "default" && tokens[index - 1]?.value === "export");
  if (at === -1) return all;
  const [first, second] = [tokens[at + 1], tokens[at + 2]];
  const isName = first?.kind === "word" && second?.value !== "(";
  if (!isName) return { from: at + 1, to: tokens.length };
  // `export default config`: the object is where the name is given its value.
  const given = tokens.findIndex((token, index) => {
    return token.value === first.value && ["const", "let", "var"].includes(tokens[index - 1]?.value ?? "");
  });
  const equals = given === -1 ? -1 : tokens.findIndex((token, index) => index > given && token.value === "=");
  return equals === -1 ? all : { from: equals + 1, to: tokens.length };
}

/** One part further in: a key of an object, an entry of a list, the options of a call. */
function step(tokens: readonly Token[], span: Span, part: string | number): Span | undefined {
  const first = tokens[span.from];
  if (first?.kind === "word") {
    if (first.value === "await") return step(tokens, { ...span, from: span.from + 1 }, part);
    const open = span.from + 1;
    // A number after a call counts what it returns, which is not in the text.
    if (tokens[open]?.value !== "(" || typeof part === "number") return undefined;
    const argument = { from: open + 1, to: closing(tokens, open, span.to) };
    // `tiers[0]` is an entry of the first argument of `tiers(…)`; another word is a key in it.
    return part === first.value ? argument : step(tokens, argument, part);
  }
  const end = closing(tokens, span.from, span.to);
  const entries = split(tokens, span.from + 1, end);
  if (first?.value === "[") {
    if (typeof part === "number") return entryAt(tokens, entries, part);
    // A plugin that checks its options does not know its number, only its function's name.
    const call = only(entries.filter(({ from }) => tokens[from]?.value === part && tokens[from + 1]?.value === "("));
    if (call === undefined) return undefined;
    const argument = { from: call.from + 2, to: closing(tokens, call.from + 1, call.to) };
    return argument.from < argument.to ? argument : call;
  }
  if (first?.value !== "{") return undefined;
  for (const entry of entries) {
    const key = tokens[entry.from];
    if (key?.value !== part || key.kind === "mark") continue;
    if (tokens[entry.from + 1]?.value === ":") return { from: entry.from + 2, to: entry.to };
    return entry;
  }
  return undefined;
}

/** `undefined` from the first spread on: how many entries it stands for is not in the text. */
function entryAt(tokens: readonly Token[], entries: readonly Span[], index: number): Span | undefined {
  const isSpread = (span: Span): boolean => tokens[span.from]?.value === ".";
  return entries.slice(0, index + 1).some(isSpread) ? undefined : entries[index];
}

/** The stretches between the commas of one level; the empty one after a last comma is left out. */
function split(tokens: readonly Token[], from: number, to: number): Span[] {
  const spans: Span[] = [];
  let start = from;
  for (let index = from; index < to; index++) {
    const value = tokens[index]?.kind === "mark" ? (tokens[index]?.value ?? "") : "";
    if (value !== "" && "([{".includes(value)) index = closing(tokens, index, to);
    else if (value === ",") {
      spans.push({ from: start, to: index });
      start = index + 1;
    }
  }
  if (start < to) spans.push({ from: start, to });
  return spans;
}

/** The index of the bracket that closes the one at `open`, else `end`. */
function closing(tokens: readonly Token[], open: number, end: number): number {
  let depth = 0;
  for (let index = open; index < end; index++) {
    const token = tokens[index];
    if (token?.kind !== "mark") continue;
    if ("([{".includes(token.value)) depth++;
    else if (")]}".includes(token.value) && --depth === 0) return index;
  }
  return end;
}
