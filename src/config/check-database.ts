/** Checks `database` and the plugins that bring one: there is one database, or the file, or none. */
import type { DatabaseDriver } from "../database/types.ts";
import type { Plugin } from "../plugin/app.ts";
import { listPlugins } from "../plugin/flatten.ts";
import { invalid } from "./check-values.ts";
import type { ConfigProblem } from "./problem.ts";
import { isObject } from "./rules.ts";
import type { DatabaseConfig, PluginInput } from "./types.ts";

type Given = false | DatabaseConfig | Plugin;

/** Two databases are one too many: nobody would know what is where. */
export function checkDatabase(database: unknown, plugins: unknown): ConfigProblem[] {
  const listed = Array.isArray(plugins) ? listPlugins(plugins as readonly PluginInput[]) : [];
  const found = listed.flatMap(({ plugin }) =>
    isObject(plugin) && isDriver(plugin.database) && plugin !== database ? [`${plugin.name} (in plugins)`] : [],
  );
  if (bringsDatabase(database)) found.unshift(`${String(database["name"])} (in database)`);
  else if (isObject(database) && found.length > 0) found.unshift("the file in database.path");
  if (found.length < 2) return [];
  const why = `They are ${found.join(", ")}; users and usage would be in one or the other.`;
  return [invalid(["database"], `There are ${found.length} databases`, why, "Keep one of them.")];
}

/** True for the plugin that `database` may be. */
export function bringsDatabase(value: unknown): value is Record<string, unknown> {
  return isObject(value) && isDriver(value["database"]);
}

/** Of a config without problems: where the database is, and the plugins with the one that `database` names. */
export function resolveDatabase(
  database: Given | undefined,
  plugins: readonly Plugin[],
): { readonly database: false | DatabaseConfig | DatabaseDriver | undefined; readonly plugins: readonly Plugin[] } {
  if (database === false) return { database, plugins };
  if (database !== undefined && "name" in database) {
    return { database: database.database, plugins: plugins.includes(database) ? plugins : [database, ...plugins] };
  }
  return { database: database ?? plugins.find((plugin) => plugin.database)?.database, plugins };
}

function isDriver(value: unknown): value is DatabaseDriver {
  return isObject(value) && typeof value["start"] === "function" && typeof value["place"] === "string";
}
