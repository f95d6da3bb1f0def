/** Reads a config in YAML; JSON is the part of YAML that everybody writes. */
import { createRequire } from "node:module";
import type * as Yaml from "yaml";
import type { ConfigProblem } from "../../config/problem.ts";
import { positionOf } from "../locate.ts";

/** True for the names of configs that are data and not programs. */
export function isDataFile(file: string): boolean {
  return /\.(?:json|ya?ml)$/.test(file);
}

let library: typeof Yaml | undefined;

/** Loaded when there is such a file, and synchronously, because places are looked up in the middle of error handling. */
export function yaml(): typeof Yaml {
  return (library ??= createRequire(import.meta.url)("yaml") as typeof Yaml);
}

export interface DataText {
  readonly document: Yaml.Document.Parsed;
  /** Of the syntax, with their places. Not empty: the values are not to be relied on. */
  readonly problems: readonly ConfigProblem[];
}

export function parseData(source: string): DataText {
  const document = yaml().parseDocument(source, { prettyErrors: false, merge: true });
  const all = [...document.errors, ...document.warnings];
  // At one place the first is the cause, and the others follow from it.
  const found = all.filter(({ pos: [start] }, index) => all.findIndex((other) => other.pos[0] === start) === index);
  const problems = found.map(({ message, pos: [start, end] }): ConfigProblem => {
    const position = positionOf(source, Math.min(start, source.trimEnd().length), end);
    return { ...syntax(message), position: { ...position, length: Math.max(1, end - start) } };
  });
  const alias = problems.length === 0 ? brokenAlias(document) : undefined;
  if (alias?.range) {
    const [start, end] = alias.range;
    problems.push({
      ...syntax(`Nothing before it is called &${alias.source}`),
      position: positionOf(source, start, end),
    });
  }
  return { document, problems };
}

/** An alias whose anchor is not there. The parser finds it only when values are taken. */
function brokenAlias(document: Yaml.Document.Parsed): Yaml.Alias | undefined {
  const { visit } = yaml();
  let found: Yaml.Alias | undefined;
  visit(document, {
    Alias(_key, node) {
      if (node.resolve(document) !== undefined) return undefined;
      found = node;
      return visit.BREAK;
    },
  });
  return found;
}

function syntax(message: string): ConfigProblem {
  return {
    code: "config_syntax",
    path: [],
    what: "The config cannot be read",
    why: message.replace(/\.?$/, "."),
    fix: "Correct it at or just before the place named.",
  };
}
