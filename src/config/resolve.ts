/** From what the user wrote to a config with nothing left to guess. */
import { defu } from "defu";
import { flattenPlugins } from "../plugin/flatten.ts";
import { resolveErrorRule } from "../failure/own-rules.ts";
import { resolveDatabase } from "./check-database.ts";
import { resolveState } from "./check-state.ts";
import { defaults } from "./defaults.ts";
import { expandConfig } from "./expand.ts";
import { ConfigError, type ConfigProblem } from "./problem.ts";
import type { AnyConfig, ResolvedConfig } from "./types.ts";
import { type ValidateOptions, findProblems, findWarnings } from "./validate.ts";

export interface Resolution {
  readonly config: ResolvedConfig;
  /** Allowed, but not what anybody wants. Same shape as problems. */
  readonly warnings: readonly ConfigProblem[];
}

export interface ResolveOptions extends ValidateOptions {
  /** Folder that relative paths of the config start from. Default: the working folder. */
  readonly root?: string;
}

/** Fills in defaults. Throws a `ConfigError` with every problem found; nothing is done in part. */
export function resolveConfig(given: AnyConfig, { root, ...options }: ResolveOptions = {}): Resolution {
  const config = expandConfig(given, root);
  const problems = findProblems(config, options);
  if (problems.length > 0) throw new ConfigError(problems);
  const { plugins, models = {}, base = defaults.base, strict, dataDir } = config;
  const { state, plugins: stored } = resolveState(config.state, flattenPlugins(plugins));
  const { database, plugins: active } = resolveDatabase(config.database, stored);
  const resolved: ResolvedConfig = {
    plugins: active,
    models: Object.fromEntries(
      Object.entries(models).map(([alias, targets]) => [alias, typeof targets === "string" ? [targets] : [...targets]]),
    ),
    server: fill(config.server, defaults.server),
    retry: fill(config.retry, defaults.retry),
    timeouts: fill(config.timeouts, defaults.timeouts),
    errors: (config.errors ?? []).map(resolveErrorRule),
    ...(state !== undefined && { state }),
    base: base.replace(/\/+$/, ""),
    strict: strict ?? defaults.strict,
    dataDir: dataDir ?? defaults.dataDir,
    ...(database !== undefined && { database }),
    log: fill(config.log, defaults.log),
  };
  return { config: resolved, warnings: findWarnings(resolved) };
}

/** The types of `defu` do not see that defaults make every key of `Partial<T>` present. */
function fill<T extends object>(given: Partial<T> | undefined, standard: T): T {
  const filled: object = defu(given ?? {}, standard);
  return filled as T;
}
