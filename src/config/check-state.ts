/** Checks `state` and the plugins that bring a store: there is one store, or the process's own memory. */
import type { Plugin } from "../plugin/app.ts";
import { listPlugins } from "../plugin/flatten.ts";
import type { StateDriver } from "../state/store.ts";
import { type Path, describe, invalid } from "./check-values.ts";
import type { ConfigProblem } from "./problem.ts";
import { isObject } from "./rules.ts";
import type { PluginInput } from "./types.ts";

/** Everything wrong with `state` of the config and of its plugins. */
export function checkState(state: unknown, plugins: unknown): ConfigProblem[] {
  const own = state === undefined ? [] : checkOwn(state);
  if (own.length > 0) return own;
  const found: { readonly name: string; readonly path: Path }[] = [];
  const problems: ConfigProblem[] = [];
  const listed = Array.isArray(plugins) ? listPlugins(plugins as readonly PluginInput[]) : [];
  for (const { plugin, path } of listed) {
    const given: unknown = isObject(plugin) ? plugin.state : undefined;
    if (given === undefined || plugin === state || given === state) continue;
    const place: Path = ["plugins", ...path];
    if (isDriver(given)) found.push({ name: `${plugin.name} (in plugins)`, path: place });
    else problems.push(wrongDriver(given, [...place, "state"], `state of the plugin ${JSON.stringify(plugin.name)}`));
  }
  if (state !== undefined) found.unshift({ name: `${driverIn(state)?.name} (in state)`, path: ["state"] });
  if (found.length > 1)
    problems.push(
      twoStores(
        found.map(({ name }) => name),
        found.at(-1)!.path,
      ),
    );
  return problems;
}

/** The driver of a config without problems, and the plugins with the one that `state` names: it is set up first. */
export function resolveState(
  state: StateDriver | Plugin | undefined,
  plugins: readonly Plugin[],
): { readonly state: StateDriver | undefined; readonly plugins: readonly Plugin[] } {
  if (state === undefined) return { state: plugins.find((plugin) => plugin.state)?.state, plugins };
  if (isDriver(state)) return { state, plugins };
  return { state: state.state, plugins: plugins.includes(state) ? plugins : [state, ...plugins] };
}

/** The one plugin that `state` may be, to be checked like any other. */
export function statePlugin(state: unknown): unknown {
  return isObject(state) && !isDriver(state) && state["state"] !== undefined ? state : undefined;
}

function checkOwn(state: unknown): ConfigProblem[] {
  return driverIn(state) ? [] : [wrongDriver(state, ["state"], "state")];
}

function driverIn(state: unknown): StateDriver | undefined {
  if (isDriver(state)) return state;
  return isObject(state) && isDriver(state["state"]) ? state["state"] : undefined;
}

function isDriver(value: unknown): value is StateDriver {
  return isObject(value) && typeof value["name"] === "string" && typeof value["open"] === "function";
}

function wrongDriver(value: unknown, path: Path, name: string): ConfigProblem {
  // An address may hold a password.
  const seen = typeof value === "string" ? "a text" : describe(value);
  const fix =
    typeof value === "function"
      ? "Call it: write redis()."
      : 'List redis() from "waygate/plugins/redis" in plugins, or remove it.';
  return invalid(path, `${name} must bring a store`, `It is ${seen}, without a name and open().`, fix);
}

function twoStores(names: readonly string[], path: Path): ConfigProblem {
  return invalid(
    path,
    `${names.length} plugins bring a store for the state`,
    `They are ${names.join(", ")}; counters in two places would not hold a limit.`,
    "Keep one of them.",
  );
}
