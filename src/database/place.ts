/** Which database a config means. */
import { resolve } from "node:path";
import type { ResolvedConfig } from "../config/types.ts";
import type { DatabaseInit } from "./database.ts";

/** `root`: the folder that relative paths start from. `database: false` counts as the file it would be. */
export function databasePlace(
  { database, dataDir }: Pick<ResolvedConfig, "database" | "dataDir">,
  root: string,
): Pick<DatabaseInit, "path" | "dialect" | "start"> {
  const given = database === false ? undefined : database;
  if (given !== undefined && "start" in given) {
    return { path: given.place, dialect: given.dialect, start: () => given.start() };
  }
  return { path: resolve(root, given?.path ?? resolve(root, dataDir, "waygate.db")) };
}
