/** Prints what went wrong: what and its code, at, why, fix. Stacks only on demand. */
import { relative } from "node:path";
import { ConfigError, type ConfigProblem, formatPath, formatProblem } from "../config/problem.ts";
import { ProxyError } from "../failure/error.ts";
import { maskSecrets } from "../failure/mask.ts";
import { count, plain } from "./layout.ts";
import type { Out, Style, Terminal } from "./terminal.ts";

export interface PrintOptions {
  /** One document on stdout in place of text on stderr. */
  readonly json?: boolean;
}

/** The places that problems refer to. */
interface Origin {
  readonly file?: string;
  readonly source?: string;
  readonly cwd?: string;
}

const mostShown = 20;

export function printError(terminal: Terminal, error: unknown, options: PrintOptions = {}): void {
  const isConfig = ConfigError.is(error);
  const problems = isConfig ? error.problems : [asProblem(error)];
  const origin = isConfig ? { file: error.file, source: error.source } : {};
  printProblems(terminal, problems, options, origin);
  if (!terminal.verbose || !(error instanceof Error)) return;
  const { cause } = error;
  if (!isConfig || cause !== undefined) terminal.err.line(maskSecrets(stackOf(isConfig ? cause : error)));
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Problems that differ only in their place are shown as one. */
export function printProblems(
  terminal: Terminal,
  problems: readonly ConfigProblem[],
  { json = false }: PrintOptions = {},
  origin: Origin = {},
): void {
  if (json) {
    terminal.out.line(JSON.stringify(errorDocument(problems, origin), undefined, 2));
    return;
  }
  const { err, cwd } = terminal;
  const groups = [...Map.groupBy(problems, ({ code, what, why, fix }) => [code, what, why, fix].join("\n")).values()];
  groups.slice(0, mostShown).forEach((group, index) => {
    if (index > 0) err.line();
    err.line(problemText(err, group, { ...origin, cwd }));
  });
  if (groups.length > mostShown) err.line(`\n… ${groups.length - mostShown} more`);
  if (problems.length > 1) err.line(`\n${count(problems.length, "problem")}`);
}

/** The lines of problems of one kind, in colour. */
export function problemText(out: Out, group: readonly ConfigProblem[], origin: Origin, mark: "✘" | "!" = "✘"): string {
  const texts = group.map((problem) => formatProblem(problem, { ...origin, mark }).split("\n"));
  const [lines = []] = texts;
  const whyOf = (all: readonly string[]): number => all.findIndex((line) => line.startsWith("  why  "));
  const places = texts.flatMap((all) => all.slice(1, whyOf(all)));
  const [head = ""] = lines;
  const fixAt = lines.findIndex((line) => line.startsWith("  fix  "));
  const { style } = out;
  return [
    paintHead(head, style),
    ...places.map(paint(style)),
    ...lines.slice(whyOf(lines), fixAt + 1).map(paint(style)),
    ...lines.slice(fixAt + 1).map(style.cyan),
  ].join("\n");
}

function paintHead(line: string, style: Style): string {
  const [, mark = "", what = "", code = ""] = /^(\S+) (.*?)(\s+\S+)$/.exec(line) ?? [];
  return `${mark === "!" ? style.yellow(mark) : style.red(mark)} ${style.bold(what)}${style.dim(code)}`;
}

function paint(style: Style): (line: string) => string {
  return (line) => {
    const field = /^ {2}(at|why|fix)( +)(.*)$/.exec(line);
    if (field) return `  ${style.dim(field[1]!)}${field[2]!}${field[1] === "fix" ? style.cyan(field[3]!) : field[3]!}`;
    return line.replace(/~+$/, (waves) => style.red(waves));
  };
}

/** For `--json`. Without the values seen: they may be keys. */
export function problemDocument(problem: ConfigProblem, { file, cwd = process.cwd() }: Origin): object {
  const place = problem.file ?? file;
  const { code, what, why, fix, path, position } = problem;
  return {
    code,
    message: what,
    why,
    fix,
    ...(path.length > 0 && { path: formatPath(path) }),
    ...(place !== undefined && { file: relative(cwd, place) }),
    ...(position && { line: position.line, column: position.column }),
  };
}

function errorDocument(problems: readonly ConfigProblem[], origin: Origin): object {
  const [first] = problems;
  return {
    error: {
      message:
        problems.length === 1 ? `${first!.what}. ${first!.why} ${first!.fix}` : count(problems.length, "problem"),
      type: "invalid_request_error",
      param: null,
      code: first?.code ?? null,
      problems: problems.map((problem) => problemDocument(problem, origin)),
    },
  };
}

function asProblem(error: unknown): ConfigProblem {
  const text = plain(maskSecrets(error instanceof Error ? error.message : String(error)));
  if (ProxyError.is(error)) {
    const why = `It is an error of the kind ${error.kind}.`;
    return { code: error.code ?? error.kind, path: [], what: text, why, fix: "proxy check shows what is configured." };
  }
  const code = error instanceof Error && "code" in error ? String(error.code) : "internal_error";
  const name = error instanceof Error ? error.name : "An error";
  return {
    code,
    path: [],
    what: text,
    why: `${name} that no command expects.`,
    fix: "The same with --verbose shows the stack.",
  };
}
