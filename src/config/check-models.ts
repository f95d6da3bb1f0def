/** Checks aliases: their names, their targets, the `*` on both sides, loops. */
import { providerKey, providerOf } from "./aliases.ts";
import { type Path, describe, invalid } from "./check-values.ts";
import { nearest } from "./nearest.ts";
import { type ConfigProblem, formatPath } from "./problem.ts";
import { isObject } from "./rules.ts";

/** Everything wrong with `models`, given the ids of the configured providers. */
export function checkModels(models: unknown, providers: readonly string[]): ConfigProblem[] {
  if (models === undefined) return [];
  if (!isObject(models)) {
    return [
      invalid(
        ["models"],
        "models must be an object",
        `It is ${describe(models)}.`,
        'Write { "name": "provider/model" }.',
      ),
    ];
  }
  const names = Object.keys(models);
  const problems = names.flatMap((alias) => [
    ...checkName(alias, providers),
    ...checkTargets(alias, models[alias], providers, names),
  ]);
  return [...problems, ...checkLoops(models, providers)];
}

function checkName(alias: string, providers: readonly string[]): ConfigProblem[] {
  const path = ["models", alias];
  const more = { needle: alias };
  if (alias.trim() === "") {
    return [invalid(path, "An alias has an empty name", "A request could never ask for it.", "Give it a name.")];
  }
  if (stars(alias) > 1) {
    const why = "Only one * can be told apart in a requested name.";
    return [invalid(path, `The alias ${quote(alias)} has more than one *`, why, "Keep one *.", more)];
  }
  const provider = providers.find((id) => providerKey(id) === providerKey(alias));
  if (provider === undefined) return [];
  const why = `A provider has that id, so ${quote(`${provider}/…`)} would have two meanings.`;
  return [
    invalid(path, `The alias ${quote(alias)} is the id of a provider`, why, "Give the alias another name.", more),
  ];
}

function checkTargets(
  alias: string,
  value: unknown,
  providers: readonly string[],
  aliases: readonly string[],
): ConfigProblem[] {
  const path = ["models", alias];
  const name = formatPath(path);
  if (typeof value === "string") return checkTarget(alias, value, path, providers, aliases);
  if (!Array.isArray(value)) {
    const what = `${name} must be a target or a list of targets`;
    return [invalid(path, what, `It is ${describe(value)}.`, 'Write "provider/model".', { value })];
  }
  if (value.length === 0) {
    return [
      invalid(path, `${name} has no targets`, "The list is empty.", 'Write ["provider/model"], or remove the alias.'),
    ];
  }
  return value.flatMap((target: unknown, index) => {
    const here = [...path, index];
    if (typeof target === "string") return checkTarget(alias, target, here, providers, aliases);
    const what = `${formatPath(here)} must be a text like "provider/model"`;
    return [invalid(here, what, `It is ${describe(target)}.`, "Write the target, or remove the entry.")];
  });
}

function checkTarget(
  alias: string,
  target: string,
  path: Path,
  providers: readonly string[],
  aliases: readonly string[],
): ConfigProblem[] {
  const more = { needle: target, value: target };
  const provider = providerOf(target);
  const known = provider !== undefined && providers.some((id) => providerKey(id) === providerKey(provider));
  const model = target.slice((provider ?? "").length + 1);
  if (!known) {
    if (aliases.includes(target) && !target.includes("*")) return [];
    return [unknownTarget(target, provider, path, providers, aliases)];
  }
  if (model === "") {
    const why = `${quote(target)} names a provider and no model.`;
    return [
      invalid(
        path,
        `${formatPath(path)} has no model`,
        why,
        `Write ${quote(`${provider}/*`)} for all its models.`,
        more,
      ),
    ];
  }
  if (stars(target) > 1) {
    return [
      invalid(
        path,
        `The target ${quote(target)} has more than one *`,
        "Only one can be filled in.",
        "Keep one *.",
        more,
      ),
    ];
  }
  if (model.includes("*") && model !== "*" && !alias.includes("*")) {
    const why = `The alias ${quote(alias)} has no *, so nothing says what it stands for.`;
    const fix = `Write ${quote(`${provider}/*`)} for all its models, or add a * to the alias.`;
    return [invalid(path, `The target ${quote(target)} has a * and its alias has none`, why, fix, more)];
  }
  return [];
}

function unknownTarget(
  target: string,
  provider: string | undefined,
  path: Path,
  providers: readonly string[],
  aliases: readonly string[],
): ConfigProblem {
  const more = { needle: target, value: target };
  const list = providers.length === 0 ? "No plugin brings a provider." : `Known: ${providers.join(", ")}.`;
  if (provider === undefined) {
    const asProvider = nearest(target, providers);
    const asAlias = nearest(
      target,
      aliases.filter((alias) => !alias.includes("*") && alias !== path[1]),
    );
    const fix = asAlias !== undefined ? quote(asAlias) : quote(`${asProvider ?? "provider"}/…`);
    const what = `The target ${quote(target)} names no provider`;
    return invalid(path, what, `A target is provider/model, or another alias. ${list}`, `Write ${fix}.`, more);
  }
  const near = nearest(provider, providers);
  return invalid(
    path,
    `Unknown provider ${quote(provider)} in ${formatPath(path.slice(0, 2))}`,
    `No plugin registers that name. ${list}`,
    near === undefined
      ? "Add the provider's plugin to plugins, or remove the target."
      : `Write ${quote(near + target.slice(provider.length))}.`,
    more,
  );
}

/** Aliases that lead back to themselves, each loop once. */
function checkLoops(models: { readonly [alias: string]: unknown }, providers: readonly string[]): ConfigProblem[] {
  const keys = new Set(providers.map(providerKey));
  const next = new Map<string, string[]>();
  for (const [alias, value] of Object.entries(models)) {
    const targets: readonly unknown[] = Array.isArray(value) ? value : [value];
    next.set(
      alias,
      targets.filter((target): target is string => isAlias(target)),
    );
  }
  function isAlias(target: unknown): target is string {
    if (typeof target !== "string" || target.includes("*") || !Object.hasOwn(models, target)) return false;
    const provider = providerOf(target);
    return provider === undefined || !keys.has(providerKey(provider));
  }

  const problems: ConfigProblem[] = [];
  const done = new Set<string>();
  function visit(alias: string, trail: readonly string[]): void {
    const start = trail.indexOf(alias);
    if (start !== -1) {
      const loop = [...trail.slice(start), alias];
      const path = ["models", trail.at(-1) ?? alias];
      const what = "Aliases lead back to themselves";
      problems.push(
        invalid(path, what, `${loop.join(" → ")}.`, `Remove ${quote(alias)} from ${formatPath(path)}.`, {
          needle: alias,
        }),
      );
      return;
    }
    if (done.has(alias)) return;
    for (const target of next.get(alias) ?? []) visit(target, [...trail, alias]);
    done.add(alias);
  }
  for (const alias of next.keys()) visit(alias, []);
  return problems;
}

function stars(text: string): number {
  return text.split("*").length - 1;
}

function quote(text: string): string {
  return JSON.stringify(text);
}
