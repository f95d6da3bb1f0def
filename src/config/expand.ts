/** A config with the plugins that its plugins bring, and with the settings that they would have. */
import { resolve } from "node:path";
import { expandPlugins } from "../plugin/expand.ts";
import { listPlugins } from "../plugin/flatten.ts";
import { defaults } from "./defaults.ts";
import { isObject } from "./rules.ts";
import type { AnyConfig } from "./types.ts";

/**
 * Done again, it changes nothing. What is no config, or has no list of plugins, comes back as it is: others check that.
 * `root` is the folder that relative paths start from. Throws what a plugin throws that cannot tell what it brings.
 */
export function expandConfig<C extends AnyConfig>(config: C, root: string = process.cwd()): C {
  if (!isObject(config) || !Array.isArray(config.plugins)) return config;
  const dataDir = resolve(root, typeof config.dataDir === "string" ? config.dataDir : defaults.dataDir);
  const plugins = expandPlugins(config.plugins, { root: resolve(root), dataDir });
  const settings = listPlugins(plugins).flatMap(({ plugin }) => (isObject(plugin) ? (plugin.settings ?? []) : []));
  if (plugins === config.plugins && settings.length === 0) return config;
  const { retry, timeouts, server } = config;
  return {
    ...config,
    plugins,
    ...(settings.length > 0 && {
      retry: filled(
        retry,
        settings.map((each) => each.retry),
      ),
      timeouts: filled(
        timeouts,
        settings.map((each) => each.timeouts),
      ),
      server: filled(
        server,
        settings.map((each) => each.server),
      ),
    }),
  };
}

/** What is wrong stays, for whoever checks it. */
function filled<T extends object>(own: T | undefined, others: readonly (T | undefined)[]): T {
  if (own !== undefined && !isObject(own)) return own;
  const layers = [own, ...others].map((layer) =>
    Object.fromEntries(Object.entries(layer ?? {}).filter(([, value]) => value !== undefined)),
  );
  return Object.assign({}, ...layers.toReversed()) as T;
}
