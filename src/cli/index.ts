/** The command line: `proxy` and `waygate`. */
import { ConfigError } from "../config/problem.ts";
import { version } from "../version.ts";
import { readArguments } from "./arguments.ts";
import { commands } from "./commands.ts";
import { helpText } from "./help.ts";
import { printError, printProblems } from "./print-error.ts";
import { createTerminal } from "./terminal.ts";

/** Runs one command. Resolves with the exit code: 0 fine, 1 failed, 2 wrong use. */
export async function main(argv: readonly string[]): Promise<number> {
  endWithReader();
  const { command, values, operands, problem } = readArguments(argv);
  const terminal = createTerminal({
    color: typeof values["color"] === "boolean" ? values["color"] : undefined,
    ascii: values["ascii"] === true,
    verbose: values["verbose"] === true,
  });
  const json = values["json"] === true;
  if (problem !== undefined) {
    printProblems(terminal, [problem], { json });
    return 2;
  }
  if (values["version"] === true) {
    terminal.out.line(version);
    return 0;
  }
  if (values["help"] === true || command === undefined) {
    terminal.out.line(helpText(command, terminal.out.style));
    return 0;
  }
  try {
    const run = await commands[command]!.load();
    return await run({ terminal, values, operands });
  } catch (error) {
    printError(terminal, error, { json });
    return ConfigError.is(error) && error.problems.every(({ code }) => code === "wrong_use") ? 2 : 1;
  }
}

/** Whoever reads us may stop: `proxy explain … | head` is no failure, and a server must outlive the reader of its log. */
function endWithReader(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  process.stderr.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}
