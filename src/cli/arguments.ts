/** Reads the arguments. What is wrong with them is a problem with the nearest known word, for exit code 2. */
import { parseArgs, type ParseArgsOptionsConfig } from "node:util";
import { nearest } from "../config/nearest.ts";
import type { ConfigProblem } from "../config/problem.ts";
import { commands, globalOptions, laterCommands, type Values } from "./commands.ts";

export interface Arguments {
  /** Absent without command and without flags of one. */
  readonly command?: string;
  readonly values: Values;
  readonly operands: readonly string[];
  readonly problem?: ConfigProblem;
}

/** Options of any command, so that a command is found behind them. */
const allOptions: ParseArgsOptionsConfig = Object.assign(
  {},
  ...Object.values(commands).map((command) => command.options),
  globalOptions,
) as ParseArgsOptionsConfig;

/** Never throws. Flags without a command mean `start`, but for the seed's `--add-credential`. */
export function readArguments(argv: readonly string[]): Arguments {
  const args = [...argv];
  const loose = parseArgs({ args, options: allOptions, allowPositionals: true, allowNegative: true, strict: false });
  const [word, ...operands] = loose.positionals;
  const { values } = loose;
  if (word !== undefined && !Object.hasOwn(commands, word)) return { values, operands, problem: unknownCommand(word) };
  const isPlain = values["help"] === true || values["version"] === true;
  const flagged = values["add-credential"] === true ? "credentials" : "start";
  const command = word ?? (argv.length > 0 && !isPlain ? flagged : undefined);
  const options = { ...(command === undefined ? {} : commands[command]!.options), ...globalOptions };

  const unknown = unknownOption(args, options);
  if (unknown !== undefined) return { command, values, operands, problem: unknownFlag(unknown, command, options) };
  try {
    const strict = parseArgs({ args, options, allowPositionals: true, allowNegative: true });
    const problem = isPlain ? undefined : wrongOperands(command, operands);
    return { command, values: strict.values, operands, problem };
  } catch (error) {
    // Of Node's own words the first sentence says what is wrong.
    const why = error instanceof Error ? (error.message.split(/\.\s|\n/, 1)[0] ?? "") : String(error);
    return {
      command,
      values,
      operands,
      problem: wrongUse("An option is not used as it can be", `${why}.`, helpFor(command)),
    };
  }
}

function unknownOption(args: string[], options: ParseArgsOptionsConfig): string | undefined {
  const { tokens } = parseArgs({
    args,
    options,
    allowPositionals: true,
    allowNegative: true,
    strict: false,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    const { name } = token;
    if (Object.hasOwn(options, name) || (name.startsWith("no-") && Object.hasOwn(options, name.slice(3)))) continue;
    return token.rawName;
  }
  return undefined;
}

function unknownFlag(raw: string, command: string | undefined, options: ParseArgsOptionsConfig): ConfigProblem {
  const name = raw.replace(/^-+/, "");
  const near = nearest(name, [...Object.keys(options), "no-color", "no-log-requests", "no-browser"]);
  const what = `Unknown option ${raw}${command === undefined ? "" : ` of proxy ${command}`}`;
  return wrongUse(what, "Nothing would read it.", near === undefined ? helpFor(command) : `Write --${near}.`);
}

function unknownCommand(word: string): ConfigProblem {
  if (laterCommands.includes(word)) {
    return {
      ...wrongUse(
        `proxy ${word}: not in this version yet`,
        "The command is planned.",
        "proxy --help lists those that are there",
      ),
      code: "not_available_yet",
    };
  }
  const near = nearest(word, Object.keys(commands));
  const fix = near === undefined ? helpFor(undefined) : `proxy ${near}`;
  return wrongUse(
    `Unknown command ${JSON.stringify(word)}`,
    `The commands are ${Object.keys(commands).join(", ")}.`,
    fix,
  );
}

function wrongOperands(command: string | undefined, operands: readonly string[]): ConfigProblem | undefined {
  if (command === undefined || commands[command]!.free) return undefined;
  const { operands: needed, optional = [], usage } = commands[command]!;
  const names = operands.length > needed.length ? [...needed, ...optional] : needed;
  const missing = names[operands.length];
  const fix = `proxy ${command} ${usage}`;
  if (missing !== undefined) return wrongUse(`proxy ${command} needs a ${missing}`, "None was given.", fix);
  const extra = operands[names.length];
  if (extra === undefined) return undefined;
  return wrongUse(`proxy ${command} does not take ${JSON.stringify(extra)}`, "Nothing would read it.", fix);
}

function helpFor(command: string | undefined): string {
  return command === undefined ? "proxy --help" : `proxy ${command} --help`;
}

/** A problem of the arguments. */
export function wrongUse(what: string, why: string, fix: string): ConfigProblem {
  return { code: "wrong_use", path: [], what, why, fix };
}
