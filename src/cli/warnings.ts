/** What is allowed and will disappoint, seen only once the plugins are set up. */
import type { ConfigProblem } from "../config/problem.ts";
import { withPlaces } from "../load/failure.ts";
import { internalsOf } from "../proxy.ts";
import type { Proxy } from "../proxy-options.ts";
import type { Source } from "./boot.ts";
import { countKeys, racksOf } from "./keys.ts";

/** The config's own warnings and those of the running proxy, with their places. */
export function warningsOf(source: Source, proxy: Proxy): readonly ConfigProblem[] {
  const late = [...withoutRotation(proxy), ...withoutLimits(proxy), ...unlisted(proxy)];
  const { file, text } = source;
  const found = file === undefined || text === undefined ? late : withPlaces(late, text, file);
  return [...(source.file === undefined ? proxy.warnings : source.warnings), ...found];
}

function withoutRotation(proxy: Proxy): ConfigProblem[] {
  const { app, hooks } = internalsOf(proxy).pipeline;
  if (hooks.selectKey.some((hook) => hook.precedence === "balance")) return [];
  const several = racksOf(app).filter((rack) => countKeys([rack]).all > 1);
  if (several.length === 0) return [];
  const names = several.map(({ provider, keys }) => `${provider.name} has ${keys.length} keys`).join(", ");
  return [
    {
      code: "no_rotation",
      path: ["plugins"],
      what: "Several keys, and nothing rotates them",
      why: `${names}. The first is used until it fails, the others never rest.`,
      fix: "Add resilience() or rotate() to plugins.",
    },
  ];
}

function withoutLimits(proxy: Proxy): ConfigProblem[] {
  const { app, pool } = internalsOf(proxy).pipeline;
  if (pool.gates.some(({ name }) => name === "limits")) return [];
  const stated = racksOf(app).filter(({ keys }) => keys.some(({ credential }) => credential.limits !== undefined));
  if (stated.length === 0) return [];
  return [
    {
      code: "no_limits",
      path: ["plugins"],
      what: "Limits are stated, and nothing keeps them",
      why: `Keys of ${stated.map(({ provider }) => provider.name).join(", ")} have limits, which are counted by a plugin.`,
      fix: "Add resilience() or limits() to plugins.",
      needle: "limits",
    },
  ];
}

/** Targets of aliases that a provider's own list, where the config states one, does not have. They are sent on anyway. */
function unlisted(proxy: Proxy): ConfigProblem[] {
  const { app } = internalsOf(proxy).pipeline;
  return Object.entries(app.config.models).flatMap(([alias, targets]) =>
    targets.flatMap((target, index): ConfigProblem[] => {
      const slash = target.indexOf("/");
      const model = target.slice(slash + 1);
      const id = target.slice(0, Math.max(0, slash)).replaceAll("-", "_");
      const provider = app.providers.find(({ name }) => name.replaceAll("-", "_") === id);
      if (!provider || provider.discover || provider.models.length === 0 || model.includes("*")) return [];
      if (provider.models.includes(model)) return [];
      return [
        {
          code: "model_unlisted",
          path: ["models", alias, index],
          what: `${target} is not in the list of ${provider.name}`,
          why: "Requests for it are sent all the same.",
          fix: `Check the name, or add it to the models of ${provider.name}.`,
          needle: target,
        },
      ];
    }),
  );
}
