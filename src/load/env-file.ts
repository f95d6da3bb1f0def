/** Variables from the `.env` beside the config. The real environment wins. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { ConfigError } from "../config/problem.ts";

/** A place for variables, like `process.env`. */
export interface Environment {
  [name: string]: string | undefined;
}

export interface EnvFile {
  /** Absent when there is none. */
  readonly file?: string;
  /** Of the variables in the file, for display. Never show values. */
  readonly names: readonly string[];
  /** How many of them are in force, the rest being set in the real environment. */
  readonly count: number;
  /** Puts the environment back as it was before this call. */
  restore(): void;
}

/** What a file has put into an environment, so that a later reading can take it back. */
const applied = new WeakMap<Environment, ReadonlyMap<string, string>>();
/** Of the variables in the file that was read last. */
const named = new WeakMap<Environment, readonly string[]>();

/** The names in the `.env` that was read last; for complaints about what somebody has written there. */
export function envFileNames(env: Environment = process.env): readonly string[] {
  return named.get(env) ?? [];
}

/**
 * Reads `folder/.env` into `env`. Reading again first takes back what the last reading set, so that an edited or
 * removed line counts. Lines that are no assignment are skipped. Throws a `ConfigError` when the file cannot be read.
 */
export async function readEnvFile(folder: string, env: Environment = process.env): Promise<EnvFile> {
  const file = join(folder, ".env");
  const text = await readText(file);
  const values = text === undefined ? {} : parseEnv(text.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n"));

  const before = applied.get(env) ?? new Map<string, string>();
  for (const [name, value] of before) if (env[name] === value) delete env[name];
  const mine = new Map<string, string>();
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined || env[name] !== undefined) continue;
    env[name] = value;
    mine.set(name, value);
  }
  applied.set(env, mine);
  const namesBefore = envFileNames(env);
  named.set(env, Object.keys(values));

  return {
    ...(text === undefined ? {} : { file }),
    names: Object.keys(values),
    count: mine.size,
    restore() {
      for (const [name, value] of mine) if (env[name] === value) delete env[name];
      for (const [name, value] of before) env[name] ??= value;
      applied.set(env, before);
      named.set(env, namesBefore);
    },
  };
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    // A folder by that name is a Python environment, not ours.
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EISDIR") return undefined;
    const problem = {
      code: "config_failed",
      path: [],
      what: "The .env file cannot be read",
      why: `The system says ${code === "" ? String(error) : code}.`,
      fix: `Let this user read it: chmod u+r ${file}`,
    };
    throw new ConfigError([problem], { file, cause: error });
  }
}
