/** Models that share one quota: what one of them uses up is used up for all. */
import { definePlugin, matchesGlob, type Plugin, providerNamed } from "waygate";

/** Globs over model names, by group, by provider. An empty list takes away the provider's own group of that name. */
export interface QuotaGroupsOptions {
  readonly [provider: string]: { readonly [group: string]: readonly string[] };
}

/**
 * Cooldowns and counts of one model of a group are those of all. The first group that fits counts; a model in no group
 * stands alone. A start throws a `ConfigError` for a name that is no provider.
 */
export function quotaGroups(options: QuotaGroupsOptions): Plugin<readonly []> {
  return definePlugin({
    name: "quota-groups",
    setup(app) {
      const groups = new Map<string, readonly { name: string; isGone: boolean; has: (model: string) => boolean }[]>();
      for (const [id, named] of Object.entries(options)) {
        const provider = providerNamed(id, app.providers, ["quotaGroups", id]);
        groups.set(
          provider.name,
          Object.entries(named).map(([name, globs]) => ({ name, isGone: globs.length === 0, has: matchesGlob(globs) })),
        );
      }
      const own = new Map(app.providers.map((provider) => [provider.name, provider]));
      app.credentials.setGroups((provider, model) => {
        const stated = groups.get(provider);
        const found = stated?.find((group) => group.has(model))?.name;
        if (found !== undefined || !stated?.some((group) => group.isGone)) return found;
        const usual = own.get(provider)?.groupOf?.(model);
        // Alone in a group of its own name, as a model without a group is.
        return stated.some(({ name, isGone }) => isGone && name === usual) ? model : undefined;
      });
    },
  });
}
