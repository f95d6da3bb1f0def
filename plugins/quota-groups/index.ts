/** Models that share one quota: what one of them uses up is used up for all. */
import { definePlugin, matchesGlob, type Plugin, providerNamed } from "waygate";

/** Globs over model names, by group, by provider. */
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
      const groups = new Map<string, readonly { name: string; has: (model: string) => boolean }[]>();
      for (const [id, named] of Object.entries(options)) {
        const provider = providerNamed(id, app.providers, ["quotaGroups", id]);
        groups.set(
          provider.name,
          Object.entries(named).map(([name, globs]) => ({ name, has: matchesGlob(globs) })),
        );
      }
      app.credentials.setGroups((provider, model) => groups.get(provider)?.find((group) => group.has(model))?.name);
    },
  });
}
