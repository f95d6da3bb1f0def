/** Which models share a quota: as a policy says, else as their provider knows, else every model has its own. */
import type { Provider } from "../plugin/provider.ts";

export interface QuotaScopes {
  /** The group of a model, else the model itself. */
  of(provider: string, model: string): string;
  /** What a policy says goes before what providers know. The last call counts. */
  set(groupOf: (provider: string, model: string) => string | undefined): void;
}

/** `find` is asked once per provider. */
export function quotaScopes(find: (provider: string) => Pick<Provider, "groupOf"> | undefined): QuotaScopes {
  const known = new Map<string, Pick<Provider, "groupOf"> | undefined>();
  let stated: (provider: string, model: string) => string | undefined = () => undefined;
  const own = (name: string, model: string): string | undefined => {
    if (!known.has(name)) known.set(name, find(name));
    return known.get(name)?.groupOf?.(model);
  };
  return {
    of: (provider, model) => stated(provider, model) ?? own(provider, model) ?? model,
    set: (groupOf) => void (stated = groupOf),
  };
}
