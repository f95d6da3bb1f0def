/** Questions to a person at a terminal. */
import type { Readable } from "node:stream";
import type * as Clack from "@clack/prompts";
import { ConfigError } from "../config/problem.ts";
import { wrongUse } from "./arguments.ts";
import type { Terminal } from "./terminal.ts";

export interface Choice<Value extends string> {
  readonly value: Value;
  /** With the others of its list at most 60 columns wide. */
  readonly label: string;
}

/** Each rejects with `Stopped` when the person wants to go back or end. */
export interface Prompts {
  /** The digits choose, too. */
  choose<Value extends string>(message: string, choices: readonly Choice<Value>[]): Promise<Value>;
  some(message: string, choices: readonly Choice<string>[]): Promise<readonly string[]>;
  text(message: string, options?: TextOptions): Promise<string>;
  /** Typed hidden. */
  secret(message: string, options?: Pick<TextOptions, "check">): Promise<string>;
  confirm(message: string): Promise<boolean>;
}

export interface TextOptions {
  readonly placeholder?: string;
  /** Text that says what is wrong, or `undefined`. */
  readonly check?: (value: string) => string | undefined;
  readonly signal?: AbortSignal;
}

/** The person pressed Esc or Ctrl C. */
export class Stopped extends Error {
  override get name(): string {
    return "Stopped";
  }
}

/** `undefined` unless a person sits at both ends. Questions go to stderr: stdout is for data. */
export function promptsAt(terminal: Terminal, values: { readonly json?: unknown } = {}): Prompts | undefined {
  const { stdin } = process;
  return stdin.isTTY === true && terminal.err.isTerminal && values.json !== true ? clackPrompts(stdin) : undefined;
}

/** Exit code 2: what a person would have been asked must be given. */
export function mustBeGiven(what: string, fix: string): ConfigError {
  return new ConfigError([wrongUse(what, "Nobody is at a terminal who could be asked.", fix)]);
}

function clackPrompts(input: Readable): Prompts {
  const at = { input, output: process.stderr };
  // Loaded when somebody is asked: most commands ask nothing.
  const clack = (): Promise<typeof Clack> => import("@clack/prompts");
  const answer = async <T>(asked: Promise<T>, signal?: AbortSignal): Promise<Exclude<T, symbol>> => {
    const value = await asked;
    if (typeof value !== "symbol") return value as Exclude<T, symbol>;
    signal?.throwIfAborted();
    throw new Stopped("Stopped.");
  };
  const checked = (check: TextOptions["check"]): { validate(value: string | undefined): string | undefined } => ({
    validate: (value) =>
      value === undefined || value.trim() === "" ? "Type something, or Esc." : check?.(value.trim()),
  });
  return {
    async choose(message, choices) {
      const { select } = await clack();
      const stop = digitsChoose(input, choices.length);
      const options = choices.map(({ value, label }) => ({ value: value as string, label }));
      try {
        return (await answer(select({ message, options, ...at }))) as (typeof choices)[number]["value"];
      } finally {
        stop();
      }
    },
    async some(message, choices) {
      const { multiselect } = await clack();
      const initialValues = choices.map(({ value }) => value);
      return answer(multiselect({ message, options: [...choices], initialValues, required: false, ...at }));
    },
    async text(message, { placeholder, check, signal } = {}) {
      const { text } = await clack();
      return (await answer(text({ message, placeholder, signal, ...checked(check), ...at }), signal)).trim();
    },
    async secret(message, { check } = {}) {
      const { password } = await clack();
      return (await answer(password({ message, ...checked(check), ...at }))).trim();
    },
    async confirm(message) {
      const { confirm } = await clack();
      return answer(confirm({ message, initialValue: false, ...at }));
    },
  };
}

/** The list knows arrows and Enter; a digit becomes as many of these as it takes. Returns what ends it. */
function digitsChoose(input: Readable, length: number): () => void {
  let at = 0;
  const press = (name: string): boolean =>
    input.emit("keypress", "", { name, sequence: "", ctrl: false, meta: false, shift: false });
  const onKey = (text: string | undefined, key: { readonly name?: string } | undefined): void => {
    if (key?.name === "down") at = (at + 1) % length;
    if (key?.name === "up") at = (at + length - 1) % length;
    const wanted = /^[1-9]$/.test(text ?? "") ? Number(text) - 1 : -1;
    if (wanted < 0 || wanted >= length) return;
    while (at !== wanted) press("down");
    press("return");
  };
  input.on("keypress", onKey);
  return () => void input.off("keypress", onKey);
}
