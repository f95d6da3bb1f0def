/** `.waygate/run.json`: how the other commands find a running `proxy start`, and the token they show it. */
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { readFileSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { makeDataFolder } from "../database/folder.ts";
import { version } from "../version.ts";

export interface RunFile {
  readonly pid: number;
  /** With the base path, under a name by which this machine reaches it. */
  readonly url: string;
  readonly token: string;
  /** The config in force; null without a file. */
  readonly config: string | null;
}

/** Where relative paths of a config start: beside the file, or in the working folder when there is none. */
export function rootFolder(config: string | undefined, cwd: string): string {
  return config === undefined ? cwd : dirname(config);
}

/** Where `dataDir` of a config is. */
export function dataFolder(config: string | undefined, cwd: string, dataDir: string): string {
  return resolve(rootFolder(config, cwd), dataDir);
}

/** Readable by this user alone. A file that was there is replaced; the newest server is the one that is asked. */
export async function writeRunFile(folder: string, run: RunFile): Promise<void> {
  makeDataFolder(folder);
  const draft = join(folder, `run.json.${run.pid}`);
  try {
    await writeFile(draft, `${JSON.stringify({ ...run, version })}\n`, { mode: 0o600 });
    await rename(draft, join(folder, "run.json"));
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** Removes the file unless another server has written its own since. Synchronous, for the end of a process. */
export function removeRunFile(folder: string, token: string): void {
  const file = join(folder, "run.json");
  try {
    if (parse(readFileSync(file, "utf8"))?.token === token) rmSync(file, { force: true });
  } catch {
    // Gone already, or the disk has become read-only: a file without its process is recognised as stale.
  }
}

/** `undefined` when there is none, or when its process is gone. */
export async function readRunFile(folder: string): Promise<RunFile | undefined> {
  const text = await readFile(join(folder, "run.json"), "utf8").catch(() => undefined); // Unreadable is not ours to ask.
  const run = text === undefined ? undefined : parse(text);
  return run !== undefined && isAlive(run.pid) ? run : undefined;
}

function parse(text: string): RunFile | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined; // Nothing of ours: ours is put there whole.
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { pid, url, token, config } = value as { readonly [key: string]: unknown };
  if (typeof pid !== "number" || typeof url !== "string" || typeof token !== "string") return undefined;
  return { pid, url, token, config: typeof config === "string" ? config : null };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It is there, and another user's.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
