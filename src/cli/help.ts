/** What `--help` prints, from the table of commands. */
import { version } from "../version.ts";
import { aboutGlobal, type Command, commands } from "./commands.ts";
import { pad } from "./layout.ts";
import type { Style } from "./terminal.ts";

/** Help for one command, or for all. */
export function helpText(command: string | undefined, style: Style): string {
  return command === undefined ? overview(style) : describe(command, commands[command]!, style);
}

function overview(style: Style): string {
  const names = Object.entries(commands).map(([name, { summary }]) => [name, summary] as const);
  return [
    `waygate ${version}  many LLM keys and providers behind one address`,
    "",
    `${style.bold("Usage")}  proxy COMMAND [OPTIONS]      options alone mean start`,
    "",
    ...rows(names, style),
    "",
    ...rows(flags(aboutGlobal), style),
    "",
    "proxy COMMAND --help says more of one.",
  ].join("\n");
}

function describe(name: string, { summary, usage, about }: Command, style: Style): string {
  return [
    `${style.bold("Usage")}  proxy ${name} ${usage}`,
    "",
    `  ${summary}`,
    "",
    ...rows([...flags(about), ...flags(aboutGlobal)], style),
  ].join("\n");
}

function flags(about: { readonly [option: string]: string }): (readonly [string, string])[] {
  return Object.entries(about).map(([option, text]) => [`--${option}`, text] as const);
}

function rows(entries: readonly (readonly [string, string])[], style: Style): string[] {
  const width = Math.max(...entries.map(([name]) => name.length)) + 3;
  return entries.map(([name, text]) => `  ${style.cyan(pad(name, width))}${text}`);
}
