/** What is wrong with a config, where, why and what to do, and how that reads without colour. */

export interface Position {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. Absent when only the line is known. */
  readonly column?: number;
  /** Of what is wrong, in UTF-16 units. */
  readonly length?: number;
}

export interface ConfigProblem {
  /** Stable: `config_invalid`, `config_not_found`, `config_syntax`, `config_import`, `config_failed`. */
  readonly code: string;
  /** The place inside the config: `["plugins", 4, "tiers", 0]`. Empty = the file as a whole. */
  readonly path: readonly (string | number)[];
  /** One line: what is wrong. */
  readonly what: string;
  /** One line: why it is wrong, with the value seen. */
  readonly why: string;
  /** One thing to type or change. */
  readonly fix: string;
  readonly value?: unknown;
  /** The text in the source that is wrong, when it stands there literally. */
  readonly needle?: string;
  /** When it is not the config itself but a file it imports. */
  readonly file?: string;
  readonly position?: Position;
}

const brand = Symbol.for("waygate.ConfigError");

/** Everything wrong with a config, at once. Recognise it with `ConfigError.is`: a plugin may bring its own copy. */
export class ConfigError extends Error {
  static is(value: unknown): value is ConfigError {
    return typeof value === "object" && value !== null && brand in value;
  }

  /** Like `source` not enumerable: the message says it all, and values and needles may hold what is written in a config. */
  declare readonly problems: readonly ConfigProblem[];
  readonly file: string | undefined;
  /** Text of `file`. Not enumerable, so that printing the error does not print keys written in it. */
  declare readonly source: string | undefined;

  constructor(problems: readonly ConfigProblem[], options: { file?: string; source?: string; cause?: unknown } = {}) {
    super(messageOf(problems, options.file), options.cause === undefined ? undefined : { cause: options.cause });
    Object.defineProperty(this, brand, { value: true });
    Object.defineProperty(this, "source", { value: options.source });
    Object.defineProperty(this, "problems", { value: problems });
    this.file = options.file;
  }

  override get name(): string {
    return "ConfigError";
  }
}

function messageOf(problems: readonly ConfigProblem[], file: string | undefined): string {
  const texts = problems.map((problem) => formatProblem(problem, { file }));
  return problems.length === 1 ? texts.join("") : `${problems.length} problems\n\n${texts.join("\n\n")}`;
}

export interface FormatOptions {
  readonly file?: string;
  /** Text of `file`, for an excerpt. */
  readonly source?: string;
  /** Files below it are shown relative to it. */
  readonly cwd?: string;
  /** Default `✘`; warnings take `!`. */
  readonly mark?: string;
  /** Columns up to the end of the code. Default 69. */
  readonly width?: number;
}

/** The lines of one problem: what and code, `at` with an excerpt, `why`, `fix`. Plain text, no newline at the end. */
export function formatProblem(problem: ConfigProblem, options: FormatOptions = {}): string {
  const head = `${options.mark ?? "✘"} ${problem.what}`;
  const gap = Math.max(3, (options.width ?? 69) - head.length - problem.code.length);
  const lines = [head + " ".repeat(gap) + problem.code];
  const place = placeOf(problem, options);
  if (place !== "") lines.push(`  at   ${place}`);
  // The text at hand is that of the config, not of what it imports.
  if (problem.file === undefined || problem.file === options.file) {
    lines.push(...excerpt(options.source, problem.position));
  }
  lines.push(field("why", problem.why), field("fix", problem.fix));
  return lines.join("\n");
}

/** `models.smart[1]`, `models["fast/*"]`, `plugins[4] › tiers[0][0]`. */
export function formatPath(path: readonly (string | number)[]): string {
  let text = "";
  path.forEach((part, index) => {
    if (typeof part === "number") text += `[${part}]`;
    else if (path[0] === "plugins" && (index === 1 || typeof path[index - 1] === "number")) text += ` › ${part}`;
    else if (/^[\w$]+$/.test(part)) text += text === "" ? part : `.${part}`;
    else text += `[${JSON.stringify(part)}]`;
  });
  return text;
}

function placeOf(problem: ConfigProblem, options: FormatOptions): string {
  let file = problem.file ?? options.file ?? "";
  const { cwd } = options;
  if (cwd !== undefined && file.startsWith(cwd) && /[\\/]/.test(file.charAt(cwd.length)))
    file = file.slice(cwd.length + 1);
  if (file !== "" && problem.position !== undefined) {
    file += `:${problem.position.line}`;
    if (problem.position.column !== undefined) file += `:${problem.position.column}`;
  }
  return [file, formatPath(problem.path)].filter((part) => part !== "").join("   ");
}

const textWidth = 65;

/** Wrapped at words; what has none to wrap at, a path or a command, stays whole. */
function field(name: string, text: string): string {
  const lines = text.split("\n").flatMap((line) => {
    const wrapped: string[] = [];
    for (const word of line.split(" ")) {
      const last = wrapped.at(-1);
      if (last === undefined || last.length + 1 + word.length > textWidth) wrapped.push(word);
      else wrapped[wrapped.length - 1] = `${last} ${word}`;
    }
    return wrapped;
  });
  return `  ${name}  ${lines.join("\n       ")}`;
}

const gutter = 11;
const excerptWidth = 58;

function excerpt(source: string | undefined, position: Position | undefined): string[] {
  const full = position && source?.split(/\r?\n/)[position.line - 1];
  if (!position || full === undefined || full.trim() === "") return [];
  const column = Math.min(position.column ?? 1, full.length + 1);
  const length =
    position.column === undefined ? 0 : Math.max(1, Math.min(position.length ?? 1, full.length - column + 1));
  const indent = full.length - full.trimStart().length;
  // Far out on a long line, show the part around the fault.
  const from = column - indent > excerptWidth ? column - 20 : indent;
  const shown = maskSecrets(full, column - 1, column - 1 + length)
    .slice(from, from + excerptWidth)
    .trimEnd();
  const lines = [`${String(position.line).padStart(gutter)} │ ${shown.replaceAll("\t", " ")}`];
  const room = from + excerptWidth - (column - 1);
  if (length > 0) {
    lines.push(
      `${" ".repeat(gutter)} │ ${" ".repeat(Math.max(0, column - 1 - from))}${"~".repeat(Math.min(length, room))}`,
    );
  }
  return lines;
}

/**
 * A line of a config may hold keys. Long words with a digit, in quotes or, as in YAML, without, are covered in place when
 * they are beside the fault. Names of variables stay.
 */
function maskSecrets(line: string, from: number, to: number): string {
  return line.replace(
    /(?<![\w.+=~:-]|\$\{)(["'`]?)([\w.+=~:-]{16,})\1/g,
    (literal: string, quote: string, text: string, offset: number) => {
      const isFault = offset < to && from < offset + literal.length;
      return isFault || !/\d/.test(text) ? literal : quote + "•".repeat(text.length) + quote;
    },
  );
}
