/** Providers with accounts that somebody signs in to: whether there are any, and the plugins where these are there. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { ExpandHost, Plugin } from "waygate";
import type { Reader } from "./reader.ts";

/** As much as the plugins of such providers have in common. */
export interface AccountOptions {
  readonly tier?: number | undefined;
  readonly models?: readonly string[] | undefined;
  readonly startCheck?: boolean | undefined;
  /** Seconds. */
  readonly refreshInterval?: number | undefined;
  readonly [option: string]: unknown;
}

export interface AccountProvider {
  readonly id: string;
  readonly prefix: string;
  /** API keys are taken beside accounts. */
  readonly takesKeys: boolean;
  /** Throws where the plugin is not there or cannot be loaded. */
  make(options: AccountOptions): Plugin;
}

interface Row {
  readonly id: string;
  readonly prefix: string;
  readonly folder: string;
  readonly function: string;
  readonly takesKeys: boolean;
}

const rows: readonly Row[] = [
  { id: "antigravity", prefix: "ANTIGRAVITY", folder: "antigravity", function: "antigravity", takesKeys: false },
  { id: "gemini_cli", prefix: "GEMINI_CLI", folder: "gemini-cli", function: "geminiCli", takesKeys: false },
  { id: "qwen_code", prefix: "QWEN_CODE", folder: "qwen-code", function: "qwenCode", takesKeys: true },
  { id: "iflow", prefix: "IFLOW", folder: "iflow", function: "iflow", takesKeys: true },
];

/**
 * Each of these plugins may be deleted, so no import names one that must be there; and a config is made without waiting,
 * so they are loaded before (decision 19).
 */
const modules = await Promise.all(rows.map(({ folder }) => load(`waygate/plugins/${folder}`)));

export const accountProviders: readonly AccountProvider[] = rows.map((row, index) => ({
  ...row,
  make(options) {
    const { exports, error } = modules[index]!;
    const make = exports?.[row.function];
    if (typeof make === "function") return (make as (given: AccountOptions) => Plugin)(options);
    throw error ?? new Error(`plugins/${row.folder} has no ${row.function}().`);
  },
}));

interface Loaded {
  readonly exports?: { readonly [name: string]: unknown };
  readonly error?: unknown;
}

async function load(specifier: string): Promise<Loaded> {
  try {
    return { exports: (await import(specifier)) as { readonly [name: string]: unknown } };
  } catch (error) {
    // Said when somebody has accounts of it; to everybody else it is nothing.
    return { error };
  }
}

/** Where accounts of a provider are, for people; `undefined` when there are none. */
export function accountPlace(
  { id, prefix }: AccountProvider,
  { env, text }: Reader,
  { root, dataDir }: Pick<ExpandHost, "root" | "dataDir">,
): string | undefined {
  const form = new RegExp(`^${prefix}(?:_\\d+)?_(?:ACCESS|REFRESH)_TOKEN$|^${prefix}_OAUTH_\\d+$`);
  const variable = Object.keys(env).find((name) => form.test(name) && text(name) !== undefined);
  if (variable !== undefined) return variable;
  const own = join(dataDir, "credentials", id);
  if (namesIn(own).some((name) => /^[^.].*\.json$/.test(name))) return own;
  const seed = join(root, "oauth_creds");
  return namesIn(seed).some((name) => name.startsWith(`${id}_oauth_`) && /_oauth_\d+\.json$/.test(name))
    ? seed
    : undefined;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Not there, or not for this user: no place where this user keeps accounts.
    return [];
  }
}
