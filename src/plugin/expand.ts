/** What a list of plugins comes to: those that bring others have brought them, and those that yield have stepped back. */
import type { PluginInput } from "../config/types.ts";
import type { ExpandHost, Plugin } from "./app.ts";
import { listPlugins } from "./flatten.ts";

/**
 * The list with the same places: what a plugin brings stands as a list where it stood, and `false` where one has yielded.
 * May be called again with its own result. Entries that are no plugins stay, for whoever checks them.
 */
export function expandPlugins(input: readonly PluginInput[], host: Omit<ExpandHost, "listed">): readonly PluginInput[] {
  const listed = pluginsIn(input);
  if (!listed.some((plugin) => plugin.expand ?? plugin.yields)) return input;
  const others = listed.filter((plugin) => !plugin.expand);
  const expanded = each(input, (plugin) => plugin.expand?.({ ...host, listed: others }) ?? plugin);
  const stated = new Set(pluginsIn(expanded).flatMap(({ name, yields }) => (yields ? [] : [name])));
  return each(expanded, (plugin) => (plugin.yields && stated.has(plugin.name) ? false : plugin));
}

function each(input: readonly PluginInput[], change: (plugin: Plugin) => PluginInput): readonly PluginInput[] {
  return input.map((entry) => {
    if (isList(entry)) return each(entry, change);
    return isPlugin(entry) ? change(entry) : entry;
  });
}

function pluginsIn(input: readonly PluginInput[]): readonly Plugin[] {
  return listPlugins(input).flatMap(({ plugin }) => (isPlugin(plugin) ? [plugin] : []));
}

function isPlugin(entry: unknown): entry is Plugin {
  return typeof entry === "object" && entry !== null && !(entry instanceof Promise);
}

/** `Array.isArray` does not narrow readonly arrays. */
function isList(entry: PluginInput): entry is readonly PluginInput[] {
  return Array.isArray(entry);
}
