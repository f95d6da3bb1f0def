/** From arguments to a proxy that is set up: what every command that needs one does first. */
import { basename, relative } from "node:path";
import { ConfigError, type ConfigProblem } from "../config/problem.ts";
import type { Config } from "../config/types.ts";
import { type EnvFile, readEnvFile } from "../load/env-file.ts";
import { placed } from "../load/failure.ts";
import { loadConfig } from "../load/load.ts";
import { createProxy, type Heritage, type Proxy, type ProxyOptions } from "../proxy.ts";

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
}

/** Throws a `ConfigError`. Without a file: clients by `PROXY_API_KEY`, and `echo` answers. */
export async function loadSource({ cwd, file }: LoadPlace): Promise<Source> {
  const loaded = await loadConfig({ cwd, file });
  if (loaded !== undefined) {
    const { config, warnings, env, files } = loaded;
    return { file: loaded.file, text: loaded.source, config, warnings, env, files };
  }
  const env = await readEnvFile(cwd);
  const [{ proxyKey }, { resilience }, { echo }] = await Promise.all([
    import("waygate/plugins/proxy-key"),
    import("waygate/plugins/resilience"),
    import("waygate/plugins/echo"),
  ]);
  return { config: { plugins: [proxyKey(), resilience(), echo()] }, warnings: [], env, files: [] };
}

/**
 * Sets the proxy up; the plugins' own complaints get their place in the file. What only looks opens no database: a
 * server may be writing to it.
 */
export async function boot(source: Source, options: ProxyOptions = {}, heritage?: Heritage): Promise<Proxy> {
  return withPlaces(source, async () => {
    const proxy = createProxy(source.config, { database: false, ...options }, heritage);
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
