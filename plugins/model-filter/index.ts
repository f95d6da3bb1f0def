/** Which models may be used at all, per provider. */
import { type App, ConfigError, definePlugin, matchesGlob, type Plugin, providerNamed } from "waygate";
import { editable } from "./setting.ts";

export interface ModelFilterRule {
  /** Globs that are always let through. Alone they forbid nothing else. */
  readonly allow?: string | readonly string[];
  /** Globs that are left out unless `allow` has them; `*` leaves only what `allow` has. */
  readonly ignore?: string | readonly string[];
}

export interface ModelFilterOptions {
  readonly [provider: string]: ModelFilterRule;
}

type Test = (model: string) => boolean;

/**
 * Globs are tried on the model's name with and without its provider. Holds for `/v1/models` and for requests: a name
 * with no target left is answered 403 `model_not_allowed`. Providers that the options do not name can be given rules at
 * run time, as the setting `model-filter`. A start throws a `ConfigError` for a name that is no provider.
 */
export function modelFilter(options: ModelFilterOptions = {}): Plugin<readonly []> {
  return definePlugin({
    name: "model-filter",
    // Listed without rules it is there for those of run time.
    usesDatabase: Object.keys(options).length === 0,
    setup(app) {
      const own = new Map<string, ModelFilterRule>();
      for (const [id, rule] of Object.entries(options)) own.set(nameOf(id, app), rule);
      let tests = new Map<string, Test>();
      const changed = app.models.addFilter((provider, model) => tests.get(provider)?.(model) ?? true);
      const use = (rules: ReadonlyMap<string, ModelFilterRule>): void => {
        tests = new Map([...rules].map(([name, rule]) => [name, testOf(name, rule)]));
        changed();
      };
      use(own);
      const named = (id: string): string | ConfigError => {
        try {
          return nameOf(id, app);
        } catch (error) {
          if (ConfigError.is(error)) return error;
          throw error;
        }
      };
      app.overlay?.define("model-filter", editable({ own, named, use }));
    },
  });
}

function nameOf(id: string, app: App): string {
  return providerNamed(id, app.providers, ["modelFilter", id]).name;
}

function testOf(name: string, { allow = [], ignore = [] }: ModelFilterRule): Test {
  const isAllowed = matchesGlob(allow);
  const isIgnored = matchesGlob(ignore);
  const either = (test: Test, model: string): boolean => test(model) || test(`${name}/${model}`);
  return (model) => either(isAllowed, model) || !either(isIgnored, model);
}
