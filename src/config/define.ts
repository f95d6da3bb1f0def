/** The function a `proxy.config.ts` exports the result of. */
import type { Config, PluginInput } from "./types.ts";

/**
 * Returns the config unchanged. Its use is the types: providers and models of the plugins listed are completed in
 * `models`, an unknown provider or a misspelt key does not compile.
 */
export function defineConfig<const P extends readonly PluginInput[]>(config: Config<P>): Config<P> {
  return config;
}
