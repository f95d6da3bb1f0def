/** Runs an example as its reader would, in a process of its own. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { compileCache, register } from "../_built.ts";
import { freePort } from "../_processes.ts";

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: { readonly [name: string]: string };
  /** Further options of Node. */
  readonly node?: readonly string[];
}

export interface Running {
  /** What it has printed: results on stdout, the log on stderr. */
  output(): { readonly stdout: string; readonly stderr: string };
  /** Resolves with the exit code. */
  readonly exited: Promise<number | null>;
  /** Ends it at once, as with `kill -9`. */
  kill(): void;
}

/** Starts a file; it is ended after the test. */
export function runFile(url: URL, { cwd, env, node = [] }: RunOptions = {}): Running {
  const child = spawn(process.execPath, [...node, "--import", register, fileURLToPath(url)], {
    cwd,
    env: { PATH: process.env["PATH"], ...compileCache, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const text = { stdout: "", stderr: "" };
  for (const from of ["stdout", "stderr"] as const) {
    child[from].setEncoding("utf8").on("data", (chunk: string) => (text[from] += chunk));
  }
  const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  return { output: () => text, exited, kill: () => void child.kill("SIGKILL") };
}

/** Starts the example's `server.ts` on a free `PORT`, and resolves with its address once it does. */
export async function startExample(name: string): Promise<string> {
  const port = await freePort();
  const file = new URL(`../../examples/${name}/server.ts`, import.meta.url);
  const running = runFile(file, { env: { PORT: String(port) } });
  let ended = false;
  void running.exited.then(() => (ended = true));
  for (;;) {
    const url = `http://127.0.0.1:${port}`;
    const up = await fetch(url).catch(() => undefined);
    if (up) return url;
    if (ended) throw new Error(`${name} ended:\n${running.output().stderr}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
