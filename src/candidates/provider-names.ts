/** Provider ids that a policy was given, checked against the providers there are. */
import { nearest } from "../config/nearest.ts";
import { ConfigError } from "../config/problem.ts";
import type { Provider } from "../plugin/provider.ts";
import { normalizeId } from "./keys.ts";

/**
 * The provider a name in a plugin's options stands for. Throws a `ConfigError` with the nearest known name; `path` is
 * the place in the options, beginning with the plugin: `["tiers", 0, 1]`.
 */
export function providerNamed(
  name: string,
  providers: readonly Provider[],
  path: readonly (string | number)[],
): Provider {
  const found = providers.find((provider) => normalizeId(provider.name) === normalizeId(name));
  if (found !== undefined) return found;
  const known = providers.map((provider) => provider.name);
  const near = nearest(name, known);
  throw new ConfigError([
    {
      code: "config_invalid",
      path: ["plugins", ...path],
      what: `${String(path[0])}: there is no provider "${name}"`,
      why: known.length === 0 ? "no provider plugin is listed" : `the providers listed are ${known.join(", ")}`,
      fix: near === undefined ? "list its plugin, or take the name out" : `write "${near}"`,
      value: name,
      needle: name,
    },
  ]);
}
