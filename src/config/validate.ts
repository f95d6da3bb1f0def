/** Finds everything wrong with a config at once, and what is allowed but will disappoint. */
import { bringsDatabase, checkDatabase } from "./check-database.ts";
import { checkErrors, errorWarnings } from "./check-errors.ts";
import { checkModels } from "./check-models.ts";
import { checkPlugins } from "./check-plugins.ts";
import { checkState, statePlugin } from "./check-state.ts";
import { checkValues, describe, invalid } from "./check-values.ts";
import type { ConfigProblem } from "./problem.ts";
import { shippedProtocols } from "../protocols/shipped.ts";
import { isObject } from "./rules.ts";
import type { ResolvedConfig } from "./types.ts";

export interface ValidateOptions {
  /** Ids of the protocols that need no plugin. Default: those that ship. */
  readonly protocols?: readonly string[];
}

/** What keeps a config from being used. Takes anything, because JavaScript users have no compiler. */
export function findProblems(config: unknown, options: ValidateOptions = {}): ConfigProblem[] {
  if (!isObject(config) || config instanceof Promise) {
    const fix = config instanceof Promise ? "Write await before it." : "Write defineConfig({ plugins: [ … ] }).";
    return [invalid([], "The config is not an object", `It is ${describe(config)}.`, fix)];
  }
  const own = Object.fromEntries(Object.entries(config));
  const protocols = options.protocols ?? shippedProtocols.map(({ id }) => id);
  const plugins = checkPlugins(own["plugins"], protocols);
  const stored = checkState(own["state"], own["plugins"]);
  // Only as plugins of their own: those that are listed too have been checked there.
  const { database, ...values } = own;
  const source = bringsDatabase(database) ? database : undefined;
  const extra = stored.length > 0 ? undefined : statePlugin(own["state"]);
  const providers = providerNames(own["plugins"]);
  return [
    ...plugins,
    ...stored,
    ...checkDatabase(database, own["plugins"]),
    ...(extra === undefined ? [] : checkPlugins([extra], protocols).map((problem) => within("state", problem))),
    ...(source === undefined ? [] : checkPlugins([source], protocols).map((problem) => within("database", problem))),
    ...checkModels(own["models"], providers),
    ...checkErrors(own["errors"], providers),
    ...checkValues(source === undefined ? own : values),
  ];
}

/** `plugins[0]` of a list with that one plugin is the key that names it. */
function within(key: string, problem: ConfigProblem): ConfigProblem {
  return { ...problem, path: [key, ...problem.path.slice(2)] };
}

/** The names of providers in a list that may be nested and may be wrong. */
function providerNames(plugins: unknown): string[] {
  if (!Array.isArray(plugins)) return [];
  return plugins.flatMap((plugin: unknown): string[] => {
    if (Array.isArray(plugin)) return providerNames(plugin);
    const providers: unknown = isObject(plugin) ? plugin["providers"] : undefined;
    if (!Array.isArray(providers)) return [];
    return providers.flatMap((provider: unknown) =>
      isObject(provider) && typeof provider["name"] === "string" ? [provider["name"]] : [],
    );
  });
}

/** Settings that contradict each other's purpose. */
export function findWarnings(config: ResolvedConfig): ConfigProblem[] {
  return [...errorWarnings(config), ...lateDeadlines(config)];
}

function lateDeadlines(config: ResolvedConfig): ConfigProblem[] {
  const { deadline, attempts } = config.retry;
  if (attempts <= 1) return [];
  const warnings: ConfigProblem[] = [];
  const core = silence(config.timeouts);
  if (core !== undefined && deadline <= core) warnings.push(late(deadline, core, ["retry", "deadline"], "an upstream"));
  for (const provider of config.plugins.flatMap((plugin) => plugin.providers ?? [])) {
    const { connect, headers } = provider.timeouts ?? {};
    if (connect === undefined && headers === undefined) continue;
    const own = silence({ ...config.timeouts, ...provider.timeouts });
    if (own === undefined || deadline > own) continue;
    warnings.push(late(deadline, own, ["retry", "deadline"], `the provider ${JSON.stringify(provider.name)}`));
  }
  return warnings;
}

/** Milliseconds until a silent upstream of a streamed answer is given up; `undefined` = never by itself. */
function silence(timeouts: { readonly connect: number; readonly headers: number }): number | undefined {
  return timeouts.headers === 0 ? undefined : timeouts.connect + timeouts.headers;
}

function late(deadline: number, limit: number, path: readonly string[], who: string): ConfigProblem {
  return invalid(
    path,
    "The deadline leaves no time for falling over",
    `No attempt starts after ${deadline} ms, but ${who} that is silent is given up only after ${limit} ms.`,
    `Set retry.deadline above ${limit}, or lower timeouts.headers.`,
    { value: deadline },
  );
}
