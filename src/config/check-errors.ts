/** What the table of rules cannot see of `errors`: unknown providers, patterns that cannot be read, rules in vain. */
import { patternOf } from "../failure/own-rules.ts";
import { providerKey } from "./aliases.ts";
import { invalid, type Path } from "./check-values.ts";
import { nearest } from "./nearest.ts";
import { type ConfigProblem, formatPath } from "./problem.ts";
import { isObject } from "./rules.ts";
import type { ResolvedConfig } from "./types.ts";

/** Everything wrong with `errors` that is more than the shape, given the ids of the configured providers. */
export function checkErrors(errors: unknown, providers: readonly string[]): ConfigProblem[] {
  if (!Array.isArray(errors)) return [];
  return errors.flatMap((rule: unknown, index) => {
    if (!isObject(rule)) return [];
    const path = ["errors", index];
    return [
      ...checkProvider(rule["provider"], [...path, "provider"], providers),
      ...checkMatch(rule["match"], [...path, "match"]),
    ];
  });
}

function checkProvider(provider: unknown, path: Path, providers: readonly string[]): ConfigProblem[] {
  if (typeof provider !== "string" || provider.trim() === "") return [];
  if (providers.some((id) => providerKey(id) === providerKey(provider))) return [];
  const near = nearest(provider, providers);
  return [
    invalid(
      path,
      `Unknown provider ${JSON.stringify(provider)} in ${formatPath(path)}`,
      providers.length === 0
        ? "No plugin brings a provider."
        : `No plugin registers that name. Known: ${providers.join(", ")}.`,
      near === undefined
        ? "Add the provider's plugin to plugins, or remove the rule."
        : `Write ${JSON.stringify(near)}.`,
      { needle: provider, value: provider },
    ),
  ];
}

function checkMatch(match: unknown, path: Path): ConfigProblem[] {
  if (typeof match !== "string" || match.trim() === "") return [];
  try {
    patternOf(match);
    return [];
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/\.?$/, ".") : String(error);
    const fix = "Correct the pattern between the slashes, or leave them out to look for the text as it stands.";
    return [
      invalid(path, `The pattern in ${formatPath(path)} cannot be read`, why, fix, { needle: match, value: match }),
    ];
  }
}

/** Rules that can never do what they say. */
export function errorWarnings({ errors, plugins }: ResolvedConfig): ConfigProblem[] {
  const warnings: ConfigProblem[] = [];
  const open = errors.findIndex(
    ({ statuses, match, provider, model }) => !statuses && !match && provider === undefined && model === undefined,
  );
  if (open !== -1 && open < errors.length - 1) {
    warnings.push(
      invalid(
        ["errors", open],
        `Rules after errors[${open}] are never reached`,
        "It has no condition, so it fits every failure.",
        "Give it a status, match, provider or model, or put it last.",
      ),
    );
  }
  const resting = errors.findIndex(({ cooldown = 0 }) => cooldown > 0);
  if (resting !== -1 && !plugins.some(({ name }) => name === "cooldown")) {
    warnings.push(
      invalid(
        ["errors", resting, "cooldown"],
        `The cooldown of errors[${resting}] does nothing`,
        "Without cooldown() nothing rests between requests.",
        "Add cooldown() or resilience() to plugins.",
      ),
    );
  }
  return warnings;
}
