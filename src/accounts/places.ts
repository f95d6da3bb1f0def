/** Where account files are looked for. */
import { readdir } from "node:fs/promises";
import { basename, isAbsolute, join, resolve } from "node:path";
import type { Variables } from "./environment.ts";
import { systemCode } from "./problem.ts";
import type { AccountKind } from "./types.ts";

export interface Places {
  /** Absolute. */
  readonly dataDir: string;
  readonly env: Variables;
  /** Of the user. */
  readonly home: string;
  /** Beside the config; relative paths start here. */
  readonly cwd: string;
}

/** What the tool that this project follows calls the folder of its credentials. */
const seedFolder = "oauth_creds";

export function ownFolder({ dataDir }: Places, kind: AccountKind): string {
  return join(dataDir, "credentials", kind.provider);
}

/** In alphabetical order. */
export async function ownFiles(places: Places, kind: AccountKind): Promise<readonly string[]> {
  const folder = ownFolder(places, kind);
  const names = await namesIn(folder);
  return names.filter((name) => /^[^.].*\.json$/.test(name)).map((name) => join(folder, name));
}

/** `oauth_creds/gemini_cli_oauth_1.json` and so on, by number. */
export async function seedFiles({ cwd }: Places, kind: AccountKind): Promise<readonly string[]> {
  const folder = join(cwd, seedFolder);
  const numbered = (await namesIn(folder)).flatMap((name) => {
    const [, provider, number] = seedName(name) ?? [];
    return provider === kind.provider ? [{ name, number: Number(number) }] : [];
  });
  return numbered.sort((a, b) => a.number - b.number).map(({ name }) => join(folder, name));
}

/** The files that `GEMINI_CLI_OAUTH_1=path` and so on name, by number. */
export function variableFiles({ env, home, cwd }: Places, kind: AccountKind): readonly string[] {
  const stem = `${kind.prefix}_OAUTH_`;
  return Object.keys(env)
    .flatMap((name) => {
      const number = name.startsWith(stem) ? /^\d{1,9}$/.exec(name.slice(stem.length))?.[0] : undefined;
      const path = env[name]?.trim();
      return number === undefined || !path ? [] : [{ number: Number(number), path }];
    })
    .sort((a, b) => a.number - b.number)
    .map(({ path }) => absolute(path, home, cwd));
}

/** Where a change may mean other accounts: folders, and files that are named one by one. */
export function watchedPlaces(places: Places, kind: AccountKind): readonly string[] {
  return [ownFolder(places, kind), join(places.cwd, seedFolder), ...variableFiles(places, kind)];
}

/** Exports of this and the other tool, in the working folder and beside the accounts of that tool. */
export async function exportedFiles({ cwd }: Places, kind: AccountKind): Promise<readonly string[]> {
  const found: string[] = [];
  for (const folder of [cwd, join(cwd, seedFolder)]) {
    for (const name of await namesIn(folder)) {
      if (name.endsWith(".env") && providerInName(name, kind) === kind.provider) found.push(join(folder, name));
    }
  }
  return found;
}

/** Everything in the folder where CLIProxyAPI keeps its accounts; of which providers, the files tell. */
export async function proxyApiFiles({ home }: Places): Promise<readonly string[]> {
  const folder = join(home, ".cli-proxy-api");
  return (await namesIn(folder)).filter((name) => name.endsWith(".json")).map((name) => join(folder, name));
}

export function absolute(path: string, home: string, cwd: string): string {
  if (path === "~" || path.startsWith("~/")) return join(home, path.slice(1));
  return isAbsolute(path) ? path : resolve(cwd, path);
}

/** The provider in names that this or another tool gives to accounts of one; `undefined` in other names. */
export function providerInPath(path: string, kind: AccountKind): string | undefined {
  const owner = /[\\/]credentials[\\/]([^\\/]+)[\\/][^\\/]+\.json$/.exec(path)?.[1];
  return owner ?? providerInName(basename(path), kind);
}

function providerInName(name: string, kind: AccountKind): string | undefined {
  const seed = seedName(name)?.[1];
  if (seed !== undefined) return seed;
  const exported = /^(.+?)_(?:credential_\d+|\d+_.*|all|\d+)\.env$/.exec(name)?.[1];
  // `all_…` and names of people's own say nothing.
  return exported !== undefined && /^[a-z][a-z\d]*(?:_[a-z\d]+)*$/.test(exported) && exported !== "all"
    ? exported
    : name.startsWith(`${kind.provider}.`)
      ? kind.provider
      : undefined;
}

function seedName(name: string): RegExpExecArray | null {
  return /^(.+)_oauth_(\d+)\.json$/.exec(name);
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    const code = systemCode(error);
    // Nothing there, or not for this user: neither is a place where this user keeps accounts.
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EACCES" || code === "EPERM") return [];
    throw error;
  }
}
