/** From arguments to a proxy that is set up: what every command that needs one does first. */
import { basename, dirname, relative } from "node:path";
import { expandConfig } from "../config/expand.ts";
import { ConfigError, type ConfigProblem } from "../config/problem.ts";
import type { Config } from "../config/types.ts";
import { type EnvFile, readEnvFile } from "../load/env-file.ts";
import { placed } from "../load/failure.ts";
import { loadConfig } from "../load/load.ts";
import { flattenPlugins } from "../plugin/flatten.ts";
import { createProxy, type Heritage } from "../proxy.ts";
import type { Proxy, ProxyOptions } from "../proxy-options.ts";
import { rootFolder } from "./run-file.ts";

/** A config, from a file or the one used where there is none. */
export interface Source {
  /** Absent for the default. */
  readonly file?: string;
  readonly text?: string;
  readonly config: Config;
  readonly warnings: readonly ConfigProblem[];
  readonly env: Pick<EnvFile, "file" | "names" | "count">;
  /** What to watch. */
  readonly files: readonly string[];
}

export interface LoadPlace {
  readonly cwd: string;
  /** From `--config`. */
  readonly file?: string;
  /** From `--enable-request-logging`: whole requests are written, also when the config does not say so. */
  readonly requestLog?: boolean;
}

/** Throws a `ConfigError`. Without a file: clients by `PROXY_API_KEY`, what the environment describes, and `echo`. */
export async function loadSource({ cwd, file, requestLog: wanted = false }: LoadPlace): Promise<Source> {
  const source = await load({ cwd, file });
  if (!wanted || flattenPlugins(source.config.plugins).some(({ name }) => name === "request-log")) return source;
  const { requestLog } = await import("waygate/plugins/request-log");
  return { ...source, config: { ...source.config, plugins: [...source.config.plugins, requestLog()] } };
}

async function load({ cwd, file }: LoadPlace): Promise<Source> {
  const loaded = await loadConfig({ cwd, file });
  if (loaded !== undefined) {
    const { warnings, env, files } = loaded;
    const config = expandConfig(loaded.config, rootFolder(loaded.file, cwd));
    return { file: loaded.file, text: loaded.source, config, warnings, env, files };
  }
  const env = await readEnvFile(cwd);
  const [{ proxyKey }, { fromEnv }, { resilience }, { echo }] = await Promise.all([
    import("waygate/plugins/proxy-key"),
    import("waygate/plugins/from-env"),
    import("waygate/plugins/resilience"),
    import("waygate/plugins/echo"),
  ]);
  const config = expandConfig({ plugins: [proxyKey(), fromEnv(), resilience(), echo()] }, cwd);
  return { config, warnings: [], env, files: [] };
}

/**
 * Sets the proxy up; the plugins' own complaints get their place in the file. What only looks opens no database: a
 * server may be writing to it.
 */
export async function boot(source: Source, options: ProxyOptions = {}, heritage?: Heritage): Promise<Proxy> {
  return withPlaces(source, async () => {
    const root = source.file === undefined ? undefined : dirname(source.file);
    const proxy = createProxy(source.config, { database: false, root, ...options }, heritage);
    await proxy.ready();
    return proxy;
  });
}

/** Runs `action`; a `ConfigError` from it that knows no file leaves with that of the source. */
export async function withPlaces<T>(source: Source, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    const { file, text } = source;
    if (!ConfigError.is(error) || error.file !== undefined || file === undefined || text === undefined) throw error;
    throw placed(error.problems, { file, source: text, files: source.files }, error.cause);
  }
}

/** The config's name for people: relative where it is below the working folder. */
export function nameOf(source: Source, cwd: string): string {
  if (source.file === undefined) return "no config file";
  const path = relative(cwd, source.file);
  return path.startsWith("..") ? basename(source.file) : path;
}
