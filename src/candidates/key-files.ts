/** Keys in files, as containers mount secrets: found by variables, read at the start and again when they change. */
import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { ConfigError } from "../config/problem.ts";
import type { App } from "../plugin/app.ts";
import type { Timer } from "../runtime.ts";
import { checkKey, environmentPrefix, readKeys, splitKeys } from "./keys.ts";

type Variables = { readonly [name: string]: string | undefined };

/** A file that holds keys, one per line or separated by commas. */
export interface KeyFile {
  /** The variable that names it. */
  readonly variable: string;
  readonly path: string;
}

export interface KeySource {
  readonly keys: readonly string[];
  readonly files: readonly KeyFile[];
}

/** The keys of a provider in the environment, as `readKeys` finds them, and the files that the `…_FILE` forms name. */
export function keySource(id: string, env: Variables): KeySource {
  const stem = `${environmentPrefix(id)}_API_KEY`;
  const found = Object.keys(env).flatMap((name) => {
    const tail = name.startsWith(stem) ? /^(S?)(?:_(\d+))?_FILE$/.exec(name.slice(stem.length)) : null;
    return tail ? [{ name, order: Number(tail[2] ?? -1), isPlural: tail[1] === "S" }] : [];
  });
  found.sort((a, b) => a.order - b.order || Number(a.isPlural) - Number(b.isPlural));
  return { keys: readKeys(id, env), files: found.flatMap(({ name }) => keyFile(name, env)) };
}

/** The file that a variable names, if it is set. */
export function keyFile(variable: string, env: Variables): readonly KeyFile[] {
  const path = env[variable]?.trim();
  return path ? [{ variable, path: resolve(path) }] : [];
}

export interface KeyFileWatch {
  /** Those in the files now, each once. */
  keys(): readonly string[];
  close(): void;
}

/** Milliseconds between two looks. */
const PAUSE = 1000;
/** Bytes a file of keys may have. */
const LARGEST = 1024 * 1024;

interface Watched extends KeyFile {
  /** Of the content that was read last. */
  read: string;
  /** At the last look. */
  seen: string;
  keys: readonly string[];
}

/**
 * Reads the files at once and looks at them every second, links followed, because mounted secrets are switched by a link
 * and watching folders does not work on every mount. A change is read when it is one second old, so that a file in the
 * middle of being written is left alone. A file that is not there holds no keys; from one that cannot be read any more
 * the keys stay. Either is told to the log once, without any of the content.
 */
export function watchKeyFiles(
  files: readonly KeyFile[],
  { runtime, log }: Pick<App, "runtime" | "log">,
  onChange: (keys: readonly string[]) => void,
): KeyFileWatch {
  const watched = files.map((file): Watched => ({ ...file, read: "", seen: "", keys: [] }));
  const warn = (file: KeyFile, text: string): void =>
    log.warn(`${file.variable}: ${file.path} ${text} It is looked at again every second.`);

  const read = (file: Watched): void => {
    const isAgain = file.read !== "";
    file.read = file.seen;
    if (file.seen.startsWith("!")) {
      if (file.seen === "!ENOENT" || file.seen === "!ENOTDIR") file.keys = [];
      warn(file, file.seen === "!ENOENT" ? "is not there." : `cannot be read (${file.seen.slice(1)}).`);
      return;
    }
    try {
      file.keys = keysIn(file, log);
      const count = file.keys.length;
      if (count === 0) warn(file, "holds no key.");
      else if (isAgain)
        log.info(`${file.variable}: ${file.path} was read again: ${count} ${count === 1 ? "key" : "keys"}.`);
    } catch (error) {
      warn(file, `cannot be read (${codeOf(error)}).`);
    }
  };
  const keys = (): readonly string[] => [...new Set(watched.flatMap((file) => file.keys))];

  for (const file of watched) {
    file.seen = stateOf(file.path);
    read(file);
  }
  let timer: Timer | undefined;
  const look = (): void => {
    let hasChanged = false;
    for (const file of watched) {
      const now = stateOf(file.path);
      if (now !== file.read && now === file.seen) {
        read(file);
        hasChanged = true;
      }
      file.seen = now;
    }
    if (hasChanged) onChange(keys());
    timer = runtime.clock.timer(look, PAUSE);
  };
  timer = runtime.clock.timer(look, PAUSE);
  return { keys, close: () => timer?.cancel() };
}

/** Changes when the content may have; with `!` and a reason where there is none to read. */
function stateOf(path: string): string {
  try {
    const info = statSync(path, { bigint: true });
    if (!info.isFile()) return "!it is no file";
    return info.size > LARGEST ? "!it is too large" : `${info.dev} ${info.ino} ${info.size} ${info.mtimeNs}`;
  } catch (error) {
    return `!${codeOf(error)}`;
  }
}

/** Lines that begin with # are notes. What cannot be a key is left out and told, by its place only. */
function keysIn({ variable, path }: KeyFile, log: App["log"]): readonly string[] {
  const text = readFileSync(path, "utf8").replace(/^\uFEFF/, "");
  return text.split(/\r?\n/).flatMap((line, index) => {
    if (line.trim().startsWith("#")) return [];
    const place = `${path}:${index + 1}`;
    return splitKeys(line).filter((key) => {
      if (key === "") return false;
      try {
        return checkKey(key, place) !== "";
      } catch (error) {
        if (!ConfigError.is(error)) throw error;
        const { what, why } = error.problems[0]!;
        log.warn(`${variable}: ${what}: ${why}. It is left out.`);
        return false;
      }
    });
  });
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown";
}
