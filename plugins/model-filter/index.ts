/** Which models may be used at all, per provider. */
import { definePlugin, matchesGlob, type Plugin, providerNamed } from "waygate";

export interface ModelFilterRule {
  /** Globs that are always let through. Alone they forbid nothing else. */
  readonly allow?: string | readonly string[];
  /** Globs that are left out unless `allow` has them; `*` leaves only what `allow` has. */
  readonly ignore?: string | readonly string[];
}

export interface ModelFilterOptions {
  readonly [provider: string]: ModelFilterRule;
}

/**
 * Globs are tried on the model's name with and without its provider. Holds for `/v1/models` and for requests: a name
 * with no target left is answered 403 `model_not_allowed`. A start throws a `ConfigError` for a name that is no provider.
 */
export function modelFilter(options: ModelFilterOptions): Plugin<readonly []> {
  return definePlugin({
    name: "model-filter",
    setup(app) {
      const rules = new Map<string, (model: string) => boolean>();
      for (const [id, { allow = [], ignore = [] }] of Object.entries(options)) {
        const { name } = providerNamed(id, app.providers, ["modelFilter", id]);
        const isAllowed = matchesGlob(allow);
        const isIgnored = matchesGlob(ignore);
        const either = (test: (text: string) => boolean, model: string): boolean =>
          test(model) || test(`${name}/${model}`);
        rules.set(name, (model) => either(isAllowed, model) || !either(isIgnored, model));
      }
      app.models.addFilter((provider, model) => rules.get(provider)?.(model) ?? true);
    },
  });
}
