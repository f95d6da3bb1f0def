/** Loads a config: `.env`, find, import, check. Every failure is a `ConfigError` that names the file and a fix. */
import { readFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { ConfigError, type ConfigProblem } from "../config/problem.ts";
import { type Resolution, resolveConfig } from "../config/resolve.ts";
import type { AnyConfig, ResolvedConfig } from "../config/types.ts";
import type { ValidateOptions } from "../config/validate.ts";
import { type EnvFile, type Environment, readEnvFile } from "./env-file.ts";
import { type FailureContext, placed, toConfigError, withPlaces } from "./failure.ts";
import { type FindOptions, findConfig } from "./find.ts";
import { isDataFile } from "./data/parse.ts";
import { importFresh } from "./fresh.ts";

export interface LoadOptions extends FindOptions, ValidateOptions {
  /** Where the variables of `.env` go. Default `process.env`, which is what a config reads. */
  readonly env?: Environment;
}

export interface LoadedConfig {
  readonly file: string;
  /** As exported. */
  readonly config: AnyConfig;
  readonly resolved: ResolvedConfig;
  /** Text of the file. May hold secrets. */
  readonly source: string;
  /** With their places in the file. */
  readonly warnings: readonly ConfigProblem[];
  readonly env: Pick<EnvFile, "file" | "names" | "count">;
  /** The config and the local files it imports: what to watch. */
  readonly files: readonly string[];
}

/**
 * `undefined` when no file was named and none is there. May be called again to reload: changed files are read anew, and
 * a load that fails leaves the environment as the last good one made it.
 */
export async function loadConfig(options: LoadOptions = {}): Promise<LoadedConfig | undefined> {
  const file = await findConfig(options);
  if (file === undefined) return undefined;
  const { restore, ...env } = await readEnvFile(dirname(file), options.env);
  try {
    const source = await readSource(file);
    const { config, resolution, files } = await evaluate(file, source, options);
    const warnings = withPlaces(resolution.warnings, source, file);
    return { file, config, resolved: resolution.config, source, warnings, env, files };
  } catch (error) {
    restore();
    throw error;
  }
}

interface Evaluated {
  readonly config: AnyConfig;
  readonly resolution: Resolution;
  readonly files: readonly string[];
}

async function evaluate(file: string, source: string, options: LoadOptions): Promise<Evaluated> {
  let context: FailureContext = { file, source, files: [file] };
  if (isDataFile(file)) {
    const { readData } = await import("./data/config.ts");
    const { config, files } = await readData(context, options.env ?? process.env);
    return { ...check(config, { ...context, files }, options), files };
  }
  let exported: { readonly [name: string]: unknown };
  try {
    const { module, files } = await importFresh(file);
    try {
      exported = await module;
    } finally {
      context = { ...context, files: files() };
    }
  } catch (error) {
    throw await toConfigError(error, context);
  }
  return { ...check(defaultExport(exported, context), context, options), files: context.files };
}

function check(config: AnyConfig, context: FailureContext, options: ValidateOptions): Omit<Evaluated, "files"> {
  try {
    return { config, resolution: resolveConfig(config, { ...options, root: dirname(context.file) }) };
  } catch (error) {
    throw ConfigError.is(error) ? placed(error.problems, context) : error;
  }
}

/** Checked in full by `resolveConfig`; here only what would make its messages odd. */
function defaultExport(exported: { readonly [name: string]: unknown }, { file, source }: FailureContext): AnyConfig {
  const config = exported["default"];
  if (typeof config === "object" && config !== null && !(config instanceof Promise)) return config as AnyConfig;
  const others = Object.keys(exported).filter((name) => name !== "default" && name !== "module.exports");
  const isMissing = !("default" in exported) || config === undefined;
  const what = isMissing
    ? `${basename(file)} exports no config`
    : `The default export of ${basename(file)} is no config`;
  const why = !isMissing
    ? `It is ${config === null ? "null" : `a ${config instanceof Promise ? "promise" : typeof config}`}.`
    : source.trim() === ""
      ? "The file is empty."
      : `It has no default export${others.length === 0 ? "" : `, only ${others.join(", ")}`}.`;
  const fix =
    config instanceof Promise || typeof config === "function"
      ? `Export the object itself: export default ${config instanceof Promise ? "await …" : "defineConfig({ … })"}`
      : "Write: export default defineConfig({ plugins: [ … ] })";
  throw new ConfigError([{ code: "config_invalid", path: [], what, why, fix }], { file, source });
}

async function readSource(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const why = `The system says: ${error instanceof Error ? error.message : String(error)}`;
    const problem = {
      code: "config_not_found",
      path: [],
      what: "The config file cannot be read",
      why,
      fix: `Let this user read it: chmod u+r ${file}`,
    };
    throw new ConfigError([problem], { file, cause: error });
  }
}
