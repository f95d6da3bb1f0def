/** Phrases and regular expressions as one test over a text, in a time that grows with the text only. */
import { RE2JS } from "re2js";

/** A phrase, matched as it stands, or a regular expression; case is ignored unless a `RegExp` says otherwise. */
export interface Rule {
  readonly kind: "phrase" | "pattern";
  readonly source: string | RegExp;
}

/** The rule that matches, or `undefined`. */
export type Match = (text: string) => Rule | undefined;

/**
 * Instructions of all patterns that are run as one automaton. Where it has to simulate them one by one, a megabyte takes
 * some 0.1 ms for each.
 */
const LARGEST = 5000;

/** Throws an `Error` that says what is wrong with a pattern. */
export function compileRules(rules: readonly Rule[]): Match {
  const phrases = rules.filter(({ kind }) => kind === "phrase");
  const patterns = rules.filter(({ kind }) => kind === "pattern");
  const tests = [literals(phrases), ...groups(patterns)];
  return (text) => {
    for (const test of tests) {
      const found = test(text);
      if (found) return found;
    }
    return undefined;
  };
}

/** What is wrong with one pattern; `undefined` when nothing is. */
export function faultOf(source: string | RegExp): string | undefined {
  try {
    compileOne(syntaxOf({ kind: "pattern", source }));
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * Without operators, an engine that goes back has nothing to go back for: V8 folds the alternatives into a tree of
 * letters, and a thousand phrases cost what one does.
 */
function literals(rules: readonly Rule[]): Match {
  if (rules.length === 0) return () => undefined;
  const alternatives = rules.map(({ source }) => String(source).replaceAll(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`));
  const test = new RegExp(alternatives.join("|"), "i");
  return (text) => {
    const found = test.exec(text)?.[0].toLowerCase();
    if (found === undefined) return undefined;
    return rules.find(({ source }) => String(source).toLowerCase() === found) ?? rules[0];
  };
}

interface Pattern {
  readonly rule: Rule;
  readonly syntax: string;
  readonly alone: RE2JS;
}

/** Many patterns in one automaton cost little more than one. */
function groups(rules: readonly Rule[]): Match[] {
  const made: Match[] = [];
  let group: Pattern[] = [];
  let size = 0;
  const close = (): void => {
    if (group.length > 0) made.push(together(group));
    group = [];
    size = 0;
  };
  for (const rule of rules) {
    const syntax = syntaxOf(rule);
    const alone = compileOne(syntax);
    const more = alone.programSize();
    if (size + more > LARGEST) close();
    group.push({ rule, syntax, alone });
    size += more;
  }
  close();
  return made;
}

function together(patterns: readonly Pattern[]): Match {
  const all = RE2JS.compile(patterns.map(({ syntax }) => syntax).join("|"));
  return (text) => {
    if (!all.test(text)) return undefined;
    return (patterns.find(({ alone }) => alone.test(text)) ?? patterns[0]!).rule;
  };
}

function compileOne(syntax: string): RE2JS {
  const compiled = RE2JS.compile(syntax);
  if (compiled.programSize() > LARGEST) throw new Error("it is too large; write it with smaller repetitions");
  return compiled;
}

/** In RE2's words (https://github.com/google/re2/wiki/Syntax), with its flags around it. */
function syntaxOf({ source }: Rule): string {
  if (typeof source === "string") {
    // Alone, so that an unmatched parenthesis is not matched by ours.
    RE2JS.compile(source);
    return `(?i:${source})`;
  }
  const text = source.source.replaceAll(
    /\\u(?:\{([\da-f]+)\}|([\da-f]{4}))/gi,
    (_, a?: string, b?: string) => `\\x{${a ?? b}}`,
  );
  const flags = [..."ims"].filter((flag) => source.flags.includes(flag)).join("");
  RE2JS.compile(text);
  return flags === "" ? `(?:${text})` : `(?${flags}:${text})`;
}
