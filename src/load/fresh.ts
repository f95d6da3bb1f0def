/**
 * Imports a config so that every load sees the files as they are now: the config and the local files it imports get the
 * load's number as a query, packages and waygate itself keep their one identity.
 */
import { readFileSync } from "node:fs";
import { type LoadHookSync, registerHooks, type ResolveHookSync } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isDataFile } from "./data/parse.ts";
import { registerSelf } from "./self.ts";
import { hasModuleSyntax, registerTypeScript } from "./typescript.ts";

const parameter = "waygate-load";
/** The sources or, once built, the `dist` this runs from. */
const own = new URL("../", import.meta.url).href;

/** Files seen by each load, the config first. */
const filesOf = new Map<string, Set<string>>();
/** The URLs of configs that are data. Other data files are what a program imports them as. */
const dataFiles = new Set<string>();
let loads = 0;
let hooks: { deregister(): void } | undefined;
let knowsTypeScript = false;

export interface FreshImport {
  /** Settles with the module's exports. */
  readonly module: Promise<{ readonly [name: string]: unknown }>;
  /** The config and the local files it imports, found so far. Complete for a load that succeeded. */
  files(): readonly string[];
}

/**
 * Evaluates a config file. tsx is registered only for TypeScript, for the rest of the process. A local CommonJS file
 * (`.cjs`, or without `import` and `export`) is evaluated once per process. The module of a data file has one export,
 * `load`, which imports what the file names as seen from there; `names` are those.
 */
export async function importFresh(file: string, names: readonly string[] = []): Promise<FreshImport> {
  if (!knowsTypeScript && [file, ...names].some((name) => /\.[cm]?ts$/.test(name))) {
    await registerTypeScript();
    knowsTypeScript = true;
    // Hooks registered later run first, and tsx must not see the query while it looks for a file.
    hooks?.deregister();
    hooks = undefined;
  }
  registerSelf();
  hooks ??= registerHooks({ resolve, load: loadData });

  const load = String(++loads);
  const files = new Set([file]);
  filesOf.set(load, files);
  const url = pathToFileURL(file);
  url.searchParams.set(parameter, load);
  if (isDataFile(file)) dataFiles.add(url.href);
  return { module: import(url.href), files: () => [...files] };
}

/** The path of a file of this process's configs, without what `importFresh` added. */
export function plainPath(url: string): string {
  const path = url.replace(new RegExp(`[?&]${parameter}=\\d+`), "");
  return path.startsWith("file:") ? fileURLToPath(path) : path;
}

const resolve: ResolveHookSync = (specifier, context, nextResolve) => {
  const entry = loadOf(specifier);
  const load = entry ?? loadOf(context.parentURL);
  const isLocal = /^(?:\.{1,2}\/|\/|file:)/.test(specifier);
  if (dataFiles.has(specifier)) return { url: specifier, format: "module", shortCircuit: true };
  if (load === undefined || !isLocal || !context.conditions.includes("import")) return nextResolve(specifier, context);

  const found = nextResolve(entry === undefined ? specifier : withoutLoad(specifier), context);
  if (!found.url.startsWith("file:") || found.url.includes("/node_modules/") || found.url.startsWith(own)) return found;
  const path = fileURLToPath(found.url);
  filesOf.get(load)?.add(path);
  const isUndecided = found.format === undefined || found.format === null || found.format.startsWith("commonjs");
  if (!isUndecided) return { ...found, url: withLoad(found.url, load) };
  // Without a package.json that says so a file counts as CommonJS, whatever is in it.
  if (/\.c[jt]s$/.test(path) || !hasModuleSyntax(readFileSync(path, "utf8"))) return found;
  return { ...found, url: withLoad(found.url, load), format: "module" };
};

/** Gives what a data file names a place to be imported from, so that it is part of the one module graph. */
const loadData: LoadHookSync = (url, context, nextLoad) => {
  if (!dataFiles.has(url)) return nextLoad(url, context);
  return { format: "module", source: "export const load = (name) => import(name);", shortCircuit: true };
};

function loadOf(url: string | undefined): string | undefined {
  if (url === undefined || !url.startsWith("file:") || !url.includes(parameter)) return undefined;
  return new URL(url).searchParams.get(parameter) ?? undefined;
}

function withLoad(url: string, load: string): string {
  const changed = new URL(url);
  changed.searchParams.set(parameter, load);
  return changed.href;
}

function withoutLoad(url: string): string {
  const changed = new URL(url);
  changed.searchParams.delete(parameter);
  return changed.href;
}
