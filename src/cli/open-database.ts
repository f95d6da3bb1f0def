/** The database of a config, for commands that read or change it themselves. */
import { existsSync } from "node:fs";
import { ConfigError, type ConfigProblem } from "../config/problem.ts";
import { resolveConfig } from "../config/resolve.ts";
import type { OpenDatabase } from "../database/database.ts";
import { databasePlace } from "../database/place.ts";
import { systemClock } from "../runtime.ts";
import type { Source } from "./boot.ts";
import { rootFolder } from "./run-file.ts";

/**
 * `undefined` when there is no file yet and none is to be made. Throws a `ConfigError` for a database that cannot be
 * used. A server may be using it at the same time. Close it.
 */
export async function openDatabaseOf(
  source: Source,
  cwd: string,
  { make = true }: { readonly make?: boolean } = {},
): Promise<OpenDatabase | undefined> {
  const { config } = resolveConfig(source.config);
  const place = databasePlace(config, rootFolder(source.file, cwd));
  if (!make && place.start === undefined && !existsSync(place.path)) return undefined;
  const problems: ConfigProblem[] = [];
  const { openDatabase } = await import("../database/database.ts");
  const database = await openDatabase({
    ...place,
    clock: systemClock(),
    onProblem: (found) => problems.push(found),
    onRecovery: () => undefined,
  });
  if (database.trouble === undefined) return database;
  await database.close();
  throw new ConfigError(problems);
}
