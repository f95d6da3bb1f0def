/** Which function of a module is the plugin, from the name of the module. */
import { basename, dirname } from "node:path";

/** `proxyKey` for `waygate/plugins/proxy-key`, `myGuard` for `./my-guard.ts` and for `waygate-plugin-my-guard`. */
export function functionName(specifier: string): string {
  const file = basename(specifier).replace(/\.[cm]?[jt]s$/, "");
  const name = (file === "index" ? basename(dirname(specifier)) : file).replace(/^waygate-plugin-/, "");
  return name.replace(/[-_.]+(\w)/g, (_match, letter: string) => letter.toUpperCase());
}

type PluginFunction = (...options: readonly unknown[]) => unknown;

/** The export by that name, else the only function there is; the functions' names when it cannot be told. */
export function pluginFunction(
  exports: { readonly [name: string]: unknown },
  specifier: string,
): PluginFunction | readonly string[] {
  const named = exports[functionName(specifier)];
  if (typeof named === "function") return named as PluginFunction;
  const functions = Object.entries(exports).filter(([, value]) => typeof value === "function");
  const [only, ...others] = new Set(functions.map(([, value]) => value));
  return only !== undefined && others.length === 0 ? (only as PluginFunction) : functions.map(([name]) => name);
}
