/** Lists of plugins may be nested and hold falsy entries, so that presets and `condition && plugin()` compose. */
import type { PluginInput } from "../config/types.ts";
import type { Plugin } from "./app.ts";

/** A listed entry and where it stands: `[4, 1]` is the second of a list that is the fifth. */
export interface ListedPlugin {
  readonly plugin: Plugin;
  readonly path: readonly number[];
}

/** The plugins in order, without falsy entries. */
export function flattenPlugins(input: readonly PluginInput[]): Plugin[] {
  return listPlugins(input).map((listed) => listed.plugin);
}

/** Like `flattenPlugins`, with the places. Does not check that entries are plugins. */
export function listPlugins(input: readonly PluginInput[], path: readonly number[] = []): ListedPlugin[] {
  return input.flatMap((entry, index): ListedPlugin[] => {
    if (!entry) return [];
    const here = [...path, index];
    return isList(entry) ? listPlugins(entry, here) : [{ plugin: entry, path: here }];
  });
}

/** `Array.isArray` does not narrow readonly arrays. */
function isList(entry: Plugin | readonly PluginInput[]): entry is readonly PluginInput[] {
  return Array.isArray(entry);
}
