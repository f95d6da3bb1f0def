/** The proxy as people run it: `bin/proxy.mjs start` in a process of its own, its lines, its memory and its end. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";

export interface RequestLine {
  readonly id: string;
  readonly status: number;
  readonly outcome: string;
  readonly attempts: readonly { readonly provider: string; readonly status: number | null }[];
}

export interface Ended {
  readonly code: number | undefined;
  readonly signal: string | undefined;
  /** Milliseconds of `performance.now()`. */
  readonly at: number;
}

export interface Running {
  readonly pid: number;
  /** Milliseconds of `performance.now()` since when it listens. */
  readyAt: number;
  /** Set when it was told to end, and how. */
  stopping: { readonly how: "SIGTERM" | "SIGKILL"; readonly at: number } | undefined;
  readonly exited: Promise<Ended>;
  ended: Ended | undefined;
  /** Resolves when a line since the last `mark` fits; rejects when the process ends, or after so many milliseconds. */
  saw(pattern: RegExp, limit: number): Promise<string>;
  mark(): void;
  stop(how: "SIGTERM" | "SIGKILL"): Promise<Ended>;
  /** What it has open, by kind. */
  handles(): ReadonlyMap<string, number>;
}

export interface ServerInit {
  /** Of the package. */
  readonly root: string;
  /** Of the config. */
  readonly folder: string;
  readonly port: number;
  readonly onRequest: (line: RequestLine) => void;
  /** Every line that is no request's. */
  readonly onLine: (line: string) => void;
}

const env = { PATH: process.env["PATH"], HOME: process.env["HOME"], LANG: "C.UTF-8" };

/** Resolves when it listens. */
export async function startServer({ root, folder, port, onRequest, onLine }: ServerInit): Promise<Running> {
  const bin = join(root, "bin", "proxy.mjs");
  const args = ["--expose-gc", bin, "start", "--watch", "--port", String(port)];
  const child = spawn(process.execPath, args, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  let seen: string[] = [];
  let look: () => void = () => undefined;
  readLines(child, (line) => {
    if (line.startsWith('{"time":')) return onRequest(JSON.parse(line) as RequestLine);
    seen.push(line);
    onLine(line);
    look();
  });
  const exited = new Promise<Ended>((resolve) => {
    child.once("close", (code, signal) => {
      running.ended = { code: code ?? undefined, signal: signal ?? undefined, at: performance.now() };
      resolve(running.ended);
    });
  });
  const running: Running = {
    pid: child.pid ?? 0,
    readyAt: Infinity,
    stopping: undefined,
    ended: undefined,
    exited,
    mark: () => void (seen = []),
    saw: (pattern, limit) =>
      new Promise((resolve, reject) => {
        const fail = (why: string): void =>
          reject(new Error(`${why} before ${pattern}:\n${seen.slice(-20).join("\n")}`));
        const timer = setTimeout(() => fail(`${limit} ms passed`), limit);
        look = () => {
          const found = seen.find((line) => pattern.test(line));
          if (found === undefined) return;
          clearTimeout(timer);
          resolve(found);
        };
        look();
        void exited.then(({ code, signal }) => {
          clearTimeout(timer);
          fail(`it ended with ${code ?? signal}`);
        });
      }),
    stop(how) {
      running.stopping ??= { how, at: performance.now() };
      child.kill(how);
      return exited;
    },
    handles() {
      const kinds = new Map<string, number>();
      for (const name of readdirSync(`/proc/${running.pid}/fd`)) {
        let target = "gone";
        try {
          target = readlinkSync(`/proc/${running.pid}/fd/${name}`).replace(/\d+/g, "N");
        } catch {
          continue; // Closed since it was listed.
        }
        kinds.set(target, (kinds.get(target) ?? 0) + 1);
      }
      return kinds;
    },
  };
  await running.saw(/API +http/, 60_000);
  running.readyAt = performance.now();
  return running;
}

function readLines(child: ChildProcess, onLine: (line: string) => void): void {
  for (const stream of [child.stdout, child.stderr]) {
    let rest = "";
    stream?.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) onLine(line);
    });
  }
}

/** Runs one of the other commands to its end. */
export function command(
  { root, folder }: Pick<ServerInit, "root" | "folder">,
  args: readonly string[],
): Promise<{ readonly code: number; readonly text: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(root, "bin", "proxy.mjs"), ...args],
      { cwd: folder, env, maxBuffer: 16 * 1024 * 1024, timeout: 60_000, killSignal: "SIGKILL" },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
        resolve({ code, text: stdout + stderr });
      },
    );
  });
}
