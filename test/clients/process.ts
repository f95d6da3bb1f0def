/** Runs a program to its end or to a time limit, in a process group of its own. */
import { spawn } from "node:child_process";

export interface Ran {
  /** undefined when a signal ended it. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly late: boolean;
  readonly milliseconds: number;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env: { readonly [name: string]: string };
  /** Milliseconds. */
  readonly limit: number;
}

export function runProgram(file: string, args: readonly string[], options: RunOptions): Promise<Ran> {
  const started = performance.now();
  const { cwd, env, limit } = options;
  // A group of its own, so that nothing a client has started outlives it.
  const child = spawn(file, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
  const killGroup = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    } catch {
      // The group is gone already, which is what was wanted.
    }
  };
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    killGroup();
  }, limit);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", killGroup);
    child.once("close", (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? undefined, stdout, stderr, late, milliseconds: performance.now() - started });
    });
  });
}
