/** Which file is the config: the nearest `proxy.config.*` upwards, or the one named. */
import { readdir, stat } from "node:fs/promises";
import { dirname, extname, join, resolve } from "node:path";
import { cosmiconfig } from "cosmiconfig";
import { nearest } from "../config/nearest.ts";
import { ConfigError } from "../config/problem.ts";

/** In the order in which they win inside one folder. */
export const configNames: readonly string[] = ["ts", "mts", "js", "mjs", "json", "yaml", "yml"].map(
  (extension) => `proxy.config.${extension}`,
);

export interface FindOptions {
  /** Default: the working folder of the process. */
  readonly cwd?: string;
  /** A file named by the user, absolute or relative to `cwd`; then nothing is searched. A folder is searched alone. */
  readonly file?: string;
}

/** The absolute path, or `undefined` when nothing was named and nothing is there. Throws a `ConfigError`. */
export async function findConfig(options: FindOptions = {}): Promise<string | undefined> {
  const cwd = resolve(options.cwd ?? process.cwd());
  if (options.file !== undefined) return named(resolve(cwd, options.file));
  for (let folder = cwd; ; folder = dirname(folder)) {
    const found = await searchIn(folder);
    if (found !== undefined || dirname(folder) === folder) return found;
  }
}

/** One folder at a time: cosmiconfig's own way upwards ends at a `package.json` or goes on to the user's settings. */
async function searchIn(folder: string): Promise<string | undefined> {
  const found = await explorer().search(folder);
  return found?.filepath;
}

function explorer(): ReturnType<typeof cosmiconfig> {
  // Found here, loaded elsewhere: the file must be part of the one module graph.
  const noLoader = (): object => ({});
  return cosmiconfig("proxy", {
    searchPlaces: [...configNames],
    searchStrategy: "none",
    ignoreEmptySearchPlaces: false,
    mergeSearchPlaces: false,
    cache: false,
    loaders: Object.fromEntries(configNames.map((name) => [extname(name), noLoader])),
  });
}

async function named(file: string): Promise<string> {
  const info = await stat(file).catch(() => undefined); // Whatever keeps it from being seen: the message below says so.
  if (info?.isDirectory()) {
    const found = await searchIn(file);
    if (found === undefined) throw notFound(file, `The folder has none of ${configNames.join(", ")}.`, "Name a file.");
    return found;
  }
  if (info === undefined) {
    const near = await nearestFile(file);
    const fix = near === undefined ? "Check the path, or run: proxy init" : `Write ${near}`;
    throw notFound(file, "There is no such file, or it may not be read.", fix);
  }
  return file;
}

/** A file the user may have meant: a near name in that folder, else a config that is there. */
export async function nearestFile(file: string): Promise<string | undefined> {
  const folder = dirname(file);
  const names = await readdir(folder).catch((): string[] => []); // A folder that is not there has no near file.
  const wanted = file.slice(folder.length).replace(/^[\\/]/, "");
  const name = nearest(wanted, names) ?? configNames.find((known) => names.includes(known));
  return name === undefined ? undefined : join(folder, name);
}

function notFound(file: string, why: string, fix: string): ConfigError {
  const problem = { code: "config_not_found", path: [], what: "The config file is not there", why, fix };
  return new ConfigError([problem], { file });
}
