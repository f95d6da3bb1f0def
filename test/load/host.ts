/** Starts and talks to `host-process.ts`, and makes folders with files. */
import { type ChildProcess, fork } from "node:child_process";
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ConfigError, type ConfigProblem } from "../../src/config/problem.ts";
import type { LoadOptions } from "../../src/load/load.ts";

export interface HostRequest {
  readonly id: number;
  readonly options: LoadOptions;
  /** Set in the real environment first. */
  readonly variables?: { readonly [name: string]: string };
  /** Variables to report afterwards. */
  readonly show?: readonly string[];
}

export interface HostLoaded {
  readonly file: string;
  readonly plugins: readonly string[];
  readonly models: { readonly [alias: string]: readonly string[] };
  readonly warnings: readonly ConfigProblem[];
  readonly env: { readonly file?: string; readonly names: readonly string[]; readonly count: number };
  readonly files: readonly string[];
  /** What the config left in `globalThis.waygateTest`. */
  readonly extra: unknown;
}

export interface HostReply {
  readonly id: number;
  readonly loaded?: HostLoaded;
  readonly error?: { readonly message: string; readonly problems: ConfigProblem[]; file?: string; source?: string };
  readonly crash?: string;
  readonly variables: { readonly [name: string]: string | undefined };
}

export interface Host {
  /** Rejects with the `ConfigError` of the other process. */
  load(options: LoadOptions): Promise<HostLoaded | undefined>;
  ask(request: Omit<HostRequest, "id">): Promise<HostReply>;
  /** Everything written to stderr so far. */
  stderr(): string;
  close(): Promise<void>;
}

export function startHost(): Host {
  const child: ChildProcess = fork(fileURLToPath(new URL("host-process.ts", import.meta.url)), {
    execArgv: [],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  const waiting = new Map<number, { resolve(reply: HostReply): void; reject(error: Error): void }>();
  let last = 0;
  let written = "";
  child.stderr?.on("data", (chunk: Buffer) => (written += chunk.toString()));
  child.on("message", (reply: HostReply) => {
    waiting.get(reply.id)?.resolve(reply);
    waiting.delete(reply.id);
  });
  child.on("exit", (code) => {
    for (const { reject } of waiting.values()) reject(new Error(`The host ended with ${code}: ${written}`));
  });

  async function ask(request: Omit<HostRequest, "id">): Promise<HostReply> {
    const id = ++last;
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      child.send({ id, ...request });
    });
  }

  return {
    ask,
    async load(options) {
      const { loaded, error, crash } = await ask({ options });
      if (crash !== undefined) throw new Error(crash);
      if (error) throw new ConfigError(error.problems, { file: error.file, source: error.source });
      return loaded;
    },
    stderr: () => written,
    async close() {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill();
      await ended;
    },
  };
}

export interface Folder extends AsyncDisposable {
  readonly path: string;
  /** The absolute path of a file in it. */
  at(name: string): string;
  write(name: string, text: string): Promise<string>;
}

/** A temporary folder with files in it, gone at the end of the block. */
export async function makeFolder(files: { readonly [name: string]: string } = {}): Promise<Folder> {
  const path = await realpath(await mkdtemp(join(tmpdir(), "waygate-config-")));
  const folder: Folder = {
    path,
    at: (name) => join(path, name),
    async write(name, text) {
      await mkdir(dirname(join(path, name)), { recursive: true });
      await writeFile(join(path, name), text);
      return join(path, name);
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
  for (const [name, text] of Object.entries(files)) await folder.write(name, text);
  return folder;
}
