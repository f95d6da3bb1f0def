/** Keys in the `.env` beside the config: added and removed, every other line as it was. */
import { readFile, realpath } from "node:fs/promises";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { envValue } from "../accounts/export.ts";
import { takeLock } from "../accounts/lock.ts";
import { accountError, isUnwritable, systemCode } from "../accounts/problem.ts";
import { writeWhole } from "../accounts/write-file.ts";
import { environmentPrefix, readKeys, splitKeys } from "../candidates/keys.ts";

type Variables = { readonly [name: string]: string | undefined };

export interface AddedKey {
  readonly variable: string;
  /** Absent when everything was there already. */
  readonly file?: string;
  readonly isNew: boolean;
}

export interface KeyToAdd {
  readonly provider: string;
  readonly key: string;
  /** Of an OpenAI-compatible provider. */
  readonly base?: string;
  /** What is in force now; wins over `.env`. Gets what is added. */
  readonly env: { [name: string]: string | undefined };
}

/** Never twice the same key. Chosen under the lock: two processes must not take one variable for two keys. */
export async function addToEnvFile(root: string, { provider, key, base, env }: KeyToAdd): Promise<AddedKey> {
  const prefix = environmentPrefix(provider);
  let variable = "";
  let isNew = false;
  let isChanged = false;
  const file = await edit(root, (before) => {
    const known: Variables = { ...parseEnv(before), ...env };
    const there = variableOfKey(provider, key, known);
    variable = there ?? nextKeyVariable(provider, known);
    isNew = there === undefined;
    const values: { [name: string]: string } = {};
    if (base !== undefined) values[`${prefix}_API_BASE`] = base;
    if (there === undefined) values[variable] = key;
    let text = before;
    for (const [name, value] of Object.entries(values)) text = withLine(text, name, `${name}=${envValue(value)}`);
    Object.assign(env, values);
    isChanged = text !== before;
    return text;
  });
  return { variable, isNew, ...(isChanged ? { file } : {}) };
}

/** The variable a further key of this provider goes to: without a number, then `_2` and so on. */
function nextKeyVariable(provider: string, env: Variables): string {
  const stem = `${environmentPrefix(provider)}_API_KEY`;
  if (!env[stem]?.trim() && !env[`${stem}_1`]?.trim()) return stem;
  const numbers = Object.keys(env).map((name) => Number(name.startsWith(`${stem}_`) ? name.slice(stem.length + 1) : 0));
  return `${stem}_${Math.max(1, ...numbers.filter(Number.isSafeInteger)) + 1}`;
}

/** The variable that holds this key. */
export function variableOfKey(provider: string, key: string, env: Variables): string | undefined {
  if (!readKeys(provider, env).includes(key)) return undefined;
  const stem = `${environmentPrefix(provider)}_API_KEY`;
  return Object.keys(env).find((name) => name.startsWith(stem) && splitKeys(env[name] ?? "").includes(key));
}

/** Takes a key away from a variable: the line, or of several keys on it the one. False when no line sets it. */
export async function removeKey(root: string, name: string, key: string): Promise<boolean> {
  let isThere = false;
  const lines = new RegExp(`${assignment(name).source}(?:\\r?\\n|$)`, "gm");
  await edit(root, (before) =>
    before.replace(lines, (line) => {
      const keys = splitKeys(parseEnv(line)[name] ?? "").filter((each) => each !== "");
      if (!keys.includes(key)) return line;
      isThere = true;
      const left = keys.filter((each) => each !== key);
      return left.length === 0 ? "" : `${name}=${envValue(left.join(","))}${/\r?\n$/.exec(line)?.[0] ?? ""}`;
    }),
  );
  return isThere;
}

function withLine(text: string, name: string, line: string): string {
  const found = assignment(name).exec(text);
  if (found !== null) return text.replace(found[0], () => line);
  const end = text.includes("\r\n") ? "\r\n" : "\n";
  return `${text}${text === "" || text.endsWith("\n") ? "" : end}${line}${end}`;
}

/** The whole line; what is a note does not count. */
function assignment(name: string): RegExp {
  return new RegExp(`^[ \\t]*(?:export[ \\t]+)?${name}[ \\t]*=[^\\r\\n]*`, "m");
}

/** Resolves with the path. */
async function edit(root: string, change: (before: string) => string): Promise<string> {
  const path = join(root, ".env");
  try {
    // Some people link it to where their secrets are.
    const place = await realpath(path).catch(() => path);
    const lock = await takeLock(`${place}.lock`, { wait: 10_000 });
    try {
      const before = await textOf(place);
      const after = change(before);
      if (after !== before) await writeWhole(place, after);
    } finally {
      await lock.release();
    }
  } catch (error) {
    if (!isUnwritable(error)) throw error;
    const why = `The system says ${systemCode(error)}.`;
    const fault = { code: "account_unsaved", at: path, what: "The .env file cannot be written", why };
    throw accountError(
      { ...fault, fix: "Let this user write there, or set the variable where the host keeps its settings." },
      error,
    );
  }
  return path;
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return "";
    throw error;
  }
}
