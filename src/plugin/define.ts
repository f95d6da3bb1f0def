/** Typed constructors for plugins and providers. They carry literal names to `defineConfig`, which completes them. */
import type { Plugin } from "./app.ts";
import type { Provider } from "./provider.ts";

/**
 * Makes a plugin. Only the tuple of providers is inferred; everything else is checked as a plain `Plugin`, because
 * inferring the whole object would accept a misspelt hook beside a good one.
 */
export function definePlugin<const Providers extends readonly Provider[] = readonly []>(
  plugin: Plugin<Providers>,
): Plugin<Providers> {
  return { ...plugin, apiVersion: plugin.apiVersion ?? 1 };
}

/**
 * States a provider. Needed even inside `definePlugin`: without it the compiler does not keep the literal names of an
 * object that also holds functions.
 */
export function defineProvider<const Name extends string, const Model extends string, Data = unknown>(
  provider: Provider<Name, Model, Data>,
): Provider<Name, Model, Data> {
  return provider;
}
