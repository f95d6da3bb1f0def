/** Turns whatever went wrong while a config was imported into a `ConfigError` that names the place and a fix. */
import { readFileSync } from "node:fs";
import { basename, dirname, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { nearest } from "../config/nearest.ts";
import { ConfigError, type ConfigProblem, type Position } from "../config/problem.ts";
import { nearestFile } from "./find.ts";
import { locateData } from "./data/locate.ts";
import { isDataFile } from "./data/parse.ts";
import { plainPath } from "./fresh.ts";
import { locate, locateImport } from "./locate.ts";
import { shippedPlugins } from "./self.ts";
import { syntaxErrorIn } from "./syntax.ts";

interface Place {
  readonly file: string;
  readonly position?: Position;
}

export interface FailureContext {
  readonly file: string;
  readonly source: string;
  /** The config and its local imports. */
  readonly files: readonly string[];
}

export async function toConfigError(error: unknown, context: FailureContext): Promise<ConfigError> {
  // Thrown by a plugin's function that checks its options.
  if (ConfigError.is(error)) return placed(error.problems, context, error);
  const problem =
    (await syntaxProblem(error, context)) ?? (await importProblem(error, context)) ?? evaluationProblem(error, context);
  return new ConfigError([problem], { file: context.file, source: context.source, cause: error });
}

/** The same problems with their places in the text. */
export function placed(
  problems: readonly ConfigProblem[],
  { file, source }: FailureContext,
  cause?: unknown,
): ConfigError {
  return new ConfigError(withPlaces(problems, source, file), { file, source, cause });
}

/** Adds the position where one can be told. `file` tells what the source is written in. */
export function withPlaces(problems: readonly ConfigProblem[], source: string, file: string): ConfigProblem[] {
  const find = isDataFile(file) ? locateData : locate;
  return problems.map((problem) => {
    const position = problem.position ?? (problem.file === undefined ? find(source, problem) : undefined);
    return position === undefined ? problem : { ...problem, position };
  });
}

function problemAt(
  place: Place,
  context: FailureContext,
  code: string,
  what: string,
  why: string,
  fix: string,
): ConfigProblem {
  const other = place.file === context.file ? {} : { file: place.file };
  return { code, path: [], what, why, fix, ...other, ...(place.position ? { position: place.position } : {}) };
}

/** From tsx's compiler, whose message is `file:line:column: ERROR: text`, or from Node. */
async function syntaxProblem(error: unknown, context: FailureContext): Promise<ConfigProblem | undefined> {
  if (!(error instanceof Error)) return undefined;
  const compiled = /^(.+):(\d+):(\d+): ERROR: (.+)$/m.exec(error.message);
  if (compiled) {
    const [, file = context.file, line, column, text = ""] = compiled;
    // esbuild counts columns from 0.
    const position = { line: Number(line), column: Number(column) + 1 };
    return syntax({ file: plainPath(file), position }, text, context);
  }
  if (!(error instanceof SyntaxError)) return undefined;
  const missing = /The requested module '(.+)' does not provide an export named '(.+)'/.exec(error.message);
  if (missing) return exportProblem(missing[1] ?? "", missing[2] ?? "", context);
  // A syntax error of what the config evaluates, such as JSON.parse, has a place in the config; its own has none.
  if (firstPlace(error, context)) return undefined;
  for (const file of context.files) {
    const position = /\.m?js$/.test(file) ? await syntaxErrorIn(file) : undefined;
    if (position) return syntax({ file, position }, error.message, context);
  }
  return syntax({ file: context.file }, error.message, context);
}

function exportProblem(specifier: string, name: string, context: FailureContext): ConfigProblem {
  const places = context.files.map((file) => {
    return { file, position: locateImport(textOf(file, context), specifier, name) };
  });
  const place = places.find(({ position }) => position !== undefined) ?? { file: context.file };
  const what = `${JSON.stringify(specifier)} has no export named ${JSON.stringify(name)}`;
  const why = "The import names something that is not there.";
  return problemAt(place, context, "config_import", what, why, "Check the name, and the version of the package.");
}

function syntax(place: Place, text: string, context: FailureContext): ConfigProblem {
  const what = `${basename(place.file)} cannot be read`;
  return problemAt(
    place,
    context,
    "config_syntax",
    what,
    `${text.replace(/\.?$/, ".")}`,
    "Correct it at or just before the place named.",
  );
}

/** What Node says of an import that leads nowhere. */
export const importCodes: ReadonlySet<string> = new Set([
  "ERR_MODULE_NOT_FOUND",
  "MODULE_NOT_FOUND",
  "ERR_PACKAGE_PATH_NOT_EXPORTED",
  "ERR_UNSUPPORTED_DIR_IMPORT",
]);

async function importProblem(error: unknown, context: FailureContext): Promise<ConfigProblem | undefined> {
  if (!(error instanceof Error) || !("code" in error) || !importCodes.has(String(error.code))) return undefined;
  const importer = plainPath(/imported from (\S.*?)(?:\n|$)/.exec(error.message)?.[1] ?? context.file);
  const target = /Cannot find (?:module|package) '(.+?)'/.exec(error.message)?.[1];
  const text = textOf(importer, context);
  const specifier = specifiers(text).find((one) => names(one, target, importer, error.message));
  const position = specifier === undefined ? undefined : locate(text, { path: [], needle: specifier });
  const place = { file: importer, ...(position ? { position } : {}) };
  const what = `The import ${JSON.stringify(specifier ?? target ?? "")} cannot be found`;
  const near = await suggestion(specifier, importer);
  return problemAt(place, context, "config_import", what, firstLine(error.message), near);
}

/** What to do about an import that leads nowhere. */
export async function suggestion(specifier: string | undefined, importer: string): Promise<string> {
  if (specifier === undefined) return "Check the import.";
  if (/^\.{0,2}\//.test(specifier)) {
    const near = await nearestFile(resolve(dirname(importer), specifier));
    if (near === undefined) return "Check the path.";
    const path = relative(dirname(importer), near);
    return `Write ${JSON.stringify(path.startsWith(".") ? path : `./${path}`)}.`;
  }
  if (/^waygate(?:\/|$)/.test(specifier)) {
    const near = nearest(specifier, await shippedPlugins());
    return near === undefined ? "Check the name: this waygate does not ship it." : `Write ${JSON.stringify(near)}.`;
  }
  const name = specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1);
  return `npm install ${name.join("/")}`;
}

function specifiers(text: string): string[] {
  const found = text.matchAll(/(?:\bfrom|\bimport\s*\(?)\s*["']([^"'\n]+)["']/g);
  return [...found].map((match) => match[1] ?? "");
}

/** Whether an import in the text is the one a message speaks of, which names files where the text has specifiers. */
function names(specifier: string, target: string | undefined, importer: string, message: string): boolean {
  if (/^\.{0,2}\//.test(specifier)) {
    return target !== undefined && plainPath(target) === resolve(dirname(importer), specifier);
  }
  if (target !== undefined)
    return (
      specifier === target ||
      specifier.startsWith(`${target}/`) ||
      plainPath(target).includes(specifier.replace(/^waygate\//, ""))
    );
  const subpath = /subpath '\.\/(.+?)'/.exec(message)?.[1];
  return subpath !== undefined && specifier.endsWith(`/${subpath}`);
}

function evaluationProblem(error: unknown, context: FailureContext): ConfigProblem {
  const place = error instanceof Error ? firstPlace(error, context) : undefined;
  const what = `${basename(place?.file ?? context.file)} failed while it was evaluated`;
  const why =
    error instanceof Error
      ? `${error.name}: ${firstLine(error.message)}`
      : `It threw ${typeof error === "string" ? JSON.stringify(error) : String(error)}.`;
  const fix = place?.position
    ? "Correct that line, or what it calls."
    : "Correct what throws; --verbose shows the stack.";
  return problemAt(place ?? { file: context.file }, context, "config_failed", what, why, fix);
}

/** The first place of a stack that is in the config or in what it imports. */
function firstPlace(error: Error, { files }: FailureContext): Place | undefined {
  for (const line of error.stack?.split("\n") ?? []) {
    const found = /(?:^|[\s(])((?:file:\/\/)?\/[^()]*?|[A-Za-z]:\\[^()]*?)(?:\?[^:\s]*)?:(\d+)(?::(\d+))?\)?$/.exec(
      line,
    );
    if (!found) continue;
    const [, where = "", row, column] = found;
    const file = where.startsWith("file:") ? fileURLToPath(where) : where;
    if (!files.includes(file)) continue;
    return { file, position: { line: Number(row), ...(column === undefined ? {} : { column: Number(column) }) } };
  }
  return undefined;
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}

/** The text of the config or of a file it imports, only for finding a place in it. */
function textOf(file: string, context: FailureContext): string {
  if (file === context.file) return context.source;
  try {
    return readFileSync(file, "utf8");
  } catch {
    return ""; // Without the text the message has no position; the original failure is what must be told.
  }
}
