/** Makes the function of a provider whose differences are data. */
import type { ApiKey, Plugin, Provider } from "waygate";
import { openaiCompatible } from "./compatible.ts";
import type { OpenAICompatibleOptions } from "./options.ts";

/** What a user may state about a provider that has a name and an address already. */
export type ProviderOptions<Name extends string = string, Model extends string = string> = Omit<
  OpenAICompatibleOptions<Name, Model>,
  "name" | "defaultBaseURL" | "usualModels"
> & {
  /** The part before the slash in a model's name, and of the variables in the environment. */
  readonly name?: Name;
};

/**
 * Throws a `ConfigError` for a name, an address or a key that cannot be one. Without `NoInfer` the list of plugins in a
 * config, which takes any name, would be what the names are inferred from.
 */
export type ProviderFunction<Name extends string, Model extends string> = <
  const Id extends string = Name,
  const More extends string = never,
>(
  options?: ProviderOptions<Id, More>,
) => Plugin<readonly [Provider<NoInfer<Id>, Model | NoInfer<More>, ApiKey>]>;

/**
 * `defaults.models` is what is listed until the upstream has listed its own, and what a config completes. Options replace
 * defaults one by one; headers are added, and `classify` is asked before the provider's own reading.
 */
export function providerFunction<const Name extends string, const Model extends string = never>(
  defaults: OpenAICompatibleOptions<Name, Model>,
): ProviderFunction<Name, Model> {
  const { models: usualModels, ...others } = defaults;
  return (options = {}) => {
    const stated = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
    type Merged = OpenAICompatibleOptions<
      NonNullable<typeof options.name>,
      Model | NonNullable<typeof options.models>[number]
    >;
    return openaiCompatible({
      ...({ ...others, usualModels } as unknown as Merged),
      ...(stated as Partial<Merged>),
      discover: options.discover ?? (options.models === undefined && defaults.discover !== false),
      headers: { ...defaults.headers, ...options.headers },
    });
  };
}
