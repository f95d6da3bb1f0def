/** Runs the real command in a folder of its own, with an environment that holds nothing of the developer's. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { bin, compileCache } from "../_built.ts";

const baseEnv = { PATH: process.env["PATH"], HOME: process.env["HOME"], LANG: "C.UTF-8", ...compileCache };

export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Options {
  readonly cwd: string;
  readonly env?: { readonly [name: string]: string };
}

/** A temporary folder with these files; removed after the test. */
export function folderWith(files: { readonly [name: string]: string }): string {
  const folder = mkdtempSync(join(tmpdir(), "waygate-cli-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

export function run(args: readonly string[], { cwd, env }: Options): Promise<Run> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [bin, ...args],
      { cwd, env: { ...baseEnv, ...env }, maxBuffer: 16 * 1024 * 1024 },
      (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === "number" ? error.code : error === null ? 0 : -1, stdout, stderr });
      },
    );
    child.stdin?.end();
    // A command that was to fail may serve instead.
    onTestFinished(() => void child.kill("SIGKILL"));
  });
}

export interface Server {
  readonly url: string;
  readonly port: number;
  /** All of stdout and stderr so far. */
  output(): string;
  /** Resolves with the match once the output has it. */
  saw(pattern: RegExp): Promise<RegExpExecArray>;
  /** Resolves with the exit code, or the signal's name. */
  stop(signal: NodeJS.Signals): Promise<number | string>;
}

/** Resolves once the address is printed; killed after the test if it still runs. */
export async function startServer(args: readonly string[], { cwd, env }: Options): Promise<Server> {
  const child = spawn(process.execPath, [bin, "start", ...args], {
    cwd,
    env: { ...baseEnv, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = new Promise<number | string>((resolve) => {
    child.once("exit", (code, signal) => resolve(code ?? signal ?? "gone"));
  });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  const { output, saw } = watchOutput(child, exited);
  const [, url = "", port = ""] = await saw(/API +(http:\/\/\S+:(\d+))\/v1/);
  return {
    url,
    port: Number(port),
    output,
    saw,
    stop(signal) {
      child.kill(signal);
      return exited;
    },
  };
}

function watchOutput(child: ChildProcess, exited: Promise<number | string>): Pick<Server, "output" | "saw"> {
  let text = "";
  let look: () => void = () => undefined;
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      look();
    });
  }
  return {
    output: () => text,
    saw: (pattern) =>
      new Promise((resolve, reject) => {
        look = () => {
          const match = pattern.exec(text);
          if (match) resolve(match);
        };
        look();
        void exited.then((code) => reject(new Error(`Ended with ${code} before ${pattern} was seen:\n${text}`)));
      }),
  };
}
