/**
 * Makes `waygate`, `waygate/plugins/x`, `waygate/protocols/x` and `waygate/testing` mean the running copy of this
 * package, whichever file imports them: a config beside which nothing is installed works, and there is never a second
 * copy whose classes and module state differ from ours.
 */
import { readdir } from "node:fs/promises";
import { registerHooks, type ResolveHookSync } from "node:module";

// This module lies two folders below the root of the sources, and of `dist` once built; the extension tells which.
const root = new URL("../../", import.meta.url);
const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";

// On globalThis, so that one registration per process holds also where this module is evaluated twice.
const kRegistered: unique symbol = Symbol.for("waygate.self");
const registry = globalThis as { [kRegistered]?: true };

/** The URL of the file a `waygate…` specifier names in the running copy; undefined for every other specifier. */
export function resolveSelf(specifier: string): string | undefined {
  const match = /^waygate(?:\/(testing|(?:plugins|protocols)\/[a-z0-9][a-z0-9-]*))?$/.exec(specifier);
  if (match === null) return undefined;
  const [, entry] = match;
  if (entry === undefined) return new URL(`src/index${extension}`, root).href;
  return new URL(`${entry.startsWith("plugins/") ? "" : "src/"}${entry}/index${extension}`, root).href;
}

/** What may be imported as a plugin of this package. */
export async function shippedPlugins(): Promise<string[]> {
  const folders = await readdir(new URL("plugins/", root));
  return folders.map((folder) => `waygate/plugins/${folder}`);
}

const resolve: ResolveHookSync = (specifier, context, nextResolve) => {
  const url = resolveSelf(specifier);
  if (url === undefined) return nextResolve(specifier, context);
  // `require` takes paths, not URLs, so there is nothing left for the next resolver to do.
  if (context.conditions.includes("require")) return { url, format: "module", shortCircuit: true };
  return nextResolve(url, context);
};

/** Holds for the rest of the process, for `import` and `require`. Calling it again does nothing. */
export function registerSelf(): void {
  if (registry[kRegistered]) return;
  registry[kRegistered] = true;
  registerHooks({ resolve });
}
