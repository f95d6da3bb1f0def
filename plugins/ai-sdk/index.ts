/** Any provider package of the Vercel AI SDK as an upstream. Nothing of the SDK is loaded but what a config imports. */
import type { ApiKey, Plugin, Provider } from "waygate";
import type { AiSdkModel, AiSdkProvider } from "./model.ts";
import { type AiSdkOptions, pluginOf } from "./provider.ts";

export type { AiSdkEmbeddingModel, AiSdkModel, AiSdkProvider } from "./model.ts";
export type { AiSdkOptions } from "./provider.ts";

/**
 * Adapts one model, or a provider with all its models. Keys, addresses and retries are the package's affair, so there is
 * one credential without a key. Throws a `ConfigError` for what is neither, and for a name that cannot be one.
 */
export function aiSdk<const Name extends string = string, const Model extends string = string>(
  source: AiSdkModel | AiSdkProvider,
  options: AiSdkOptions<Name, Model> = {},
): Plugin<readonly [Provider<Name, Model, ApiKey>]> {
  return pluginOf(source, options);
}
