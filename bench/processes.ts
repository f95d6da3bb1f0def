/** The processes of the benchmark, and what the kernel says about them (Linux, /proc). */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { get } from "node:http";
import { type AddressInfo, createServer } from "node:net";

export interface Running {
  readonly port: number;
  readonly pid: number;
  /** Milliseconds from spawning to the first answer. */
  readonly started: number;
  stop(): Promise<void>;
}

const children = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(1));

export interface RunOptions {
  readonly port: number;
  /** Path that answers 200 once the process is ready. */
  readonly ready: string;
  readonly env?: { readonly [name: string]: string };
  /** Milliseconds. Default 30 s. */
  readonly patience?: number;
}

/** Starts a Node process and resolves when it answers. Rejects with its output when it does not. */
export async function run(args: readonly string[], options: RunOptions): Promise<Running> {
  const begun = performance.now();
  const child = spawn(process.execPath, args, {
    env: { ...process.env, NODE_NO_WARNINGS: "1", ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.add(child);
  let output = "";
  const keep = (text: Buffer): void => {
    output = (output + text.toString()).slice(-4000);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  void ended.then(() => children.delete(child));
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), 3000);
    await ended;
    clearTimeout(timer);
  };
  const url = `http://127.0.0.1:${options.port}${options.ready}`;
  const deadline = begun + (options.patience ?? 30_000);
  while (!(await answers(url))) {
    if (child.exitCode !== null || performance.now() > deadline) {
      await stop();
      throw new Error(`node ${args.join(" ")} did not start. Its output:\n${output}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return { port: options.port, pid: child.pid ?? -1, started: performance.now() - begun, stop };
}

/** Whether a GET is answered with 200. On a connection of its own, so that none is left open to hold up an end. */
function answers(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on("error", () => resolve(false));
  });
}

/** A port nobody listens on at the moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject).listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

// USER_HZ, which Linux fixes at 100 for what it shows in /proc.
const microsecondsPerTick = 10_000;

/** Microseconds of processor time of a process and its children so far, user and system, all threads. */
export function processorTime(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  // The second field, the name, may hold spaces; the numbers follow its closing parenthesis. See proc_pid_stat(5).
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0);
  const below = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").trim();
  const rest = below === "" ? 0 : below.split(" ").reduce((sum, child) => sum + processorTime(Number(child)), 0);
  return ticks * microsecondsPerTick + rest;
}

/** Resident memory in MiB. */
export function residentMemory(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
}
