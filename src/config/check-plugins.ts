/** Checks plugins for JavaScript users as the compiler does for others, and what it cannot see: names that collide. */
import type { PluginInput } from "./types.ts";
import { listPlugins } from "../plugin/flatten.ts";
import { providerKey } from "./aliases.ts";
import { type Path, describe, invalid, setKeys, unknownKey } from "./check-values.ts";
import { nearest } from "./nearest.ts";
import type { ConfigProblem } from "./problem.ts";
import { checkHooks } from "./check-hooks.ts";
import { checkProviders } from "./check-providers.ts";
import { isObject } from "./rules.ts";

const pluginKeys = [
  "name",
  "apiVersion",
  "providers",
  "protocols",
  "hooks",
  "routes",
  "publicRoutes",
  "adminRoutes",
  "admit",
  "commands",
  "accounts",
  "state",
  "database",
  "usesDatabase",
  "expand",
  "yields",
  "settings",
  "setup",
  "ready",
  "close",
];

interface Found {
  readonly what: string;
  readonly key: string;
  readonly shown: string;
  readonly owner: string;
  readonly path: Path;
}

/** Everything wrong with `plugins`. `protocols` are the ids the core brings. */
export function checkPlugins(plugins: unknown, protocols: readonly string[]): ConfigProblem[] {
  if (!Array.isArray(plugins)) {
    const why = plugins === undefined ? "Only what is listed is active." : `It is ${describe(plugins)}.`;
    return [invalid(["plugins"], "plugins must be a list", why, "Write plugins: [ … ].")];
  }
  const listed = listPlugins(plugins as readonly PluginInput[]).map(({ plugin, path }) => ({
    plugin: plugin as unknown,
    path: ["plugins", ...path],
  }));
  const known = [...protocols];
  for (const { plugin } of listed) {
    if (isObject(plugin)) for (const protocol of listOf(plugin["protocols"])) known.push(String(protocol["id"]));
  }
  const found: Found[] = [];
  const problems = listed.flatMap(({ plugin, path }) => checkPlugin(plugin, path, known, found));
  return [...problems, ...duplicates(found)];
}

function checkPlugin(plugin: unknown, path: Path, protocols: readonly string[], found: Found[]): ConfigProblem[] {
  if (!isObject(plugin) || plugin instanceof Promise) return [notAPlugin(plugin, path)];
  const { name } = plugin;
  if (typeof name !== "string" || name.trim() === "") {
    return [invalid(path, "A plugin has no name", `Its name is ${describe(name)}.`, "Give the plugin a name.")];
  }
  const owner = `the plugin ${JSON.stringify(name)}`;
  if (plugin["apiVersion"] !== undefined && plugin["apiVersion"] !== 1) {
    const why = `Its apiVersion is ${describe(plugin["apiVersion"])}, this waygate speaks 1.`;
    return [
      invalid(
        path,
        `The plugin ${JSON.stringify(name)} was written for another waygate`,
        why,
        "Install the version of it for this waygate.",
      ),
    ];
  }
  found.push({ what: "plugin", key: name, shown: name, owner: name, path });
  const problems: ConfigProblem[] = [];
  for (const key of setKeys(plugin)) {
    // A plugin may keep things of its own on itself; only what looks like a slip is refused.
    if (!pluginKeys.includes(key) && nearest(key, pluginKeys)) problems.push(unknownKey(key, path, pluginKeys, owner));
  }
  problems.push(...checkHooks(plugin["hooks"], [...path, "hooks"], owner));
  problems.push(...checkProviders(plugin["providers"], [...path, "providers"], owner, protocols));
  problems.push(...checkRoutes(plugin["routes"], [...path, "routes"], owner));
  for (const provider of listOf(plugin["providers"])) {
    const id = provider["name"];
    if (typeof id === "string") found.push({ what: "provider", key: providerKey(id), shown: id, owner: name, path });
  }
  const routes = [plugin["routes"], ...listOf(plugin["protocols"]).map((protocol) => protocol["routes"])];
  for (const route of routes.flatMap((map) => (isObject(map) ? setKeys(map) : []))) {
    found.push({ what: "route", key: route, shown: route, owner: name, path });
  }
  for (const key of ["setup", "ready", "close"] as const) {
    if (plugin[key] === undefined || typeof plugin[key] === "function") continue;
    problems.push(
      invalid(
        [...path, key],
        `${key} of ${owner} must be a function`,
        `It is ${describe(plugin[key])}.`,
        "Write a function.",
      ),
    );
  }
  return problems;
}

function notAPlugin(plugin: unknown, path: Path): ConfigProblem {
  const what = "An entry of plugins is not a plugin";
  const why = `It is ${describe(plugin)}.`;
  if (typeof plugin === "function") {
    const name = plugin.name === "" ? "the function" : `${plugin.name}()`;
    return invalid(path, what, why, `Call it: write ${name}.`, plugin.name === "" ? {} : { needle: plugin.name });
  }
  if (plugin instanceof Promise) return invalid(path, what, why, "Write await before it.");
  return invalid(path, what, why, "Write a call like proxyKey(), or remove it.");
}

function checkRoutes(routes: unknown, path: Path, owner: string): ConfigProblem[] {
  if (routes === undefined) return [];
  if (!isObject(routes))
    return [
      invalid(
        path,
        `routes of ${owner} must be an object`,
        `It is ${describe(routes)}.`,
        'Write { "GET /path": handler }.',
      ),
    ];
  return setKeys(routes)
    .filter((route) => !/^[A-Z]+ \/\S*$/.test(route))
    .map((route) =>
      invalid(
        [...path, route],
        `The route ${JSON.stringify(route)} of ${owner} cannot be read`,
        "A route is a method in capitals, a space and a path.",
        'Write it like "GET /path".',
        { needle: route },
      ),
    );
}

/** A second use of a name is the problem; the first is named in it. */
function duplicates(found: readonly Found[]): ConfigProblem[] {
  const first = new Map<string, Found>();
  return found.flatMap((one): ConfigProblem[] => {
    const key = `${one.what} ${one.key}`;
    const before = first.get(key);
    if (before === undefined) {
      first.set(key, one);
      return [];
    }
    const what = `The ${one.what} ${JSON.stringify(one.shown)} is there twice`;
    if (one.what === "plugin")
      return [invalid(one.path, what, "Two plugins have that name.", "Remove one, or give one another name.")];
    const same = before.shown === one.shown ? "" : `, as ${JSON.stringify(before.shown)}: - and _ are the same in it`;
    const why = `The plugins "${before.owner}" and "${one.owner}" both bring it${same}.`;
    return before.owner === one.owner && before.path === one.path
      ? [invalid(one.path, what, `The plugin "${one.owner}" brings it twice${same}.`, "Remove one of the two.")]
      : [
          invalid(
            one.path,
            what,
            why,
            one.what === "provider" ? "Give one of them another name." : "Remove one of the plugins.",
          ),
        ];
  });
}

function listOf(value: unknown): readonly { readonly [key: string]: unknown }[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}
