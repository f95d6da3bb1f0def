/** The person at a terminal, as a login sees them. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline/promises";
import type { AccountContext, LoginPerson } from "../accounts/types.ts";
import { ConfigError } from "../config/problem.ts";
import { wrongUse } from "./arguments.ts";
import { type Prompts, Stopped } from "./credentials-prompts.ts";
import { plain } from "./layout.ts";
import type { Terminal } from "./terminal.ts";

export interface PersonInit {
  readonly terminal: Terminal;
  readonly context: AccountContext;
  /** Of somebody at both ends of a terminal. */
  readonly prompts: Prompts | undefined;
  readonly port?: number;
  readonly account?: string;
  /** What the address leads to is pasted: `--paste`. */
  readonly isPasting: boolean;
  /** False: `--no-browser`. */
  readonly mayOpen: boolean;
  /** Ends the login. */
  readonly stop: () => void;
}

export function personAt(init: PersonInit): LoginPerson {
  const { terminal, context, prompts, port, account, isPasting, mayOpen, stop } = init;
  const { err } = terminal;
  const headless = isPasting || isHeadless(terminal.env);
  const ask = prompts ? askAtTerminal(prompts, stop) : isPasting ? askFromStdin : undefined;
  return {
    ...context,
    headless,
    ...(port !== undefined && { port }),
    ...(account !== undefined && { account }),
    ...(ask && { ask }),
    show({ text, url, code }) {
      err.line(plain(text));
      if (url !== undefined) err.line(`\n  ${err.style.cyan(plain(url))}\n`);
      if (code !== undefined) err.line(`  ${err.style.bold(plain(code))}\n`);
    },
    open(url) {
      if (mayOpen && !headless) openBrowser(url);
    },
  };
}

function askAtTerminal(prompts: Prompts, stop: () => void): NonNullable<LoginPerson["ask"]> {
  return async (question, signal) => {
    try {
      return await prompts.text(question, { signal });
    } catch (error) {
      // A callback would be waited for otherwise.
      if (error instanceof Stopped) stop();
      throw error;
    }
  };
}

/** One line of what is piped in. */
async function askFromStdin(_question: string, signal: AbortSignal): Promise<string> {
  const lines = createInterface({ input: process.stdin });
  try {
    const line = await new Promise<string | undefined>((resolve, reject) => {
      lines.once("line", resolve);
      lines.once("close", () => resolve(undefined));
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    });
    if (line !== undefined && line.trim() !== "") return line.trim();
  } finally {
    lines.close();
  }
  throw new ConfigError([
    wrongUse(
      "Nothing was pasted",
      "stdin ended before a line came.",
      "Run it at a terminal, or pipe the address into it.",
    ),
  ]);
}

/** Somebody far away, or a machine without a screen: no browser there reaches a port of this process. */
export function isHeadless(env: NodeJS.ProcessEnv, platform: NodeJS.Platform = process.platform): boolean {
  if (env["SSH_CONNECTION"] || env["SSH_TTY"]) return true;
  // Of these Windows lends its browser.
  const isWsl = Boolean(env["WSL_DISTRO_NAME"]);
  return platform === "linux" && !isWsl && !env["DISPLAY"] && !env["WAYLAND_DISPLAY"];
}

/** Only addresses of the web, and never through a shell: the text comes from a provider. */
export function browserCommand(
  url: string,
  env: NodeJS.ProcessEnv,
  platform: NodeJS.Platform = process.platform,
): readonly [string, ...string[]] | undefined {
  const address = URL.canParse(url) ? new URL(url) : undefined;
  if (address === undefined || !/^https?:$/.test(address.protocol)) return undefined;
  const { href } = address;
  if (platform === "darwin") return ["open", href];
  // `start` is a word of the shell there, and reads `&` as the end of a command.
  if (platform === "win32") return ["rundll32", "url.dll,FileProtocolHandler", href];
  return env["WSL_DISTRO_NAME"] ? ["wslview", href] : ["xdg-open", href];
}

function openBrowser(url: string): void {
  const command = browserCommand(url, process.env);
  if (command === undefined) return;
  const [file, ...args] = command;
  const child = spawn(file, args, { stdio: "ignore", detached: true });
  // The address stands on the terminal, whatever becomes of this.
  child.on("error", () => undefined);
  child.unref();
}
