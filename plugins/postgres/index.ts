/** Users, usage, settings and what a restart keeps in PostgreSQL, for several machines or for those who have one. */
import { ConfigError, definePlugin, type Plugin } from "waygate";
import { readAddress } from "./address.ts";
import { startEngine } from "./engine.ts";

export interface PostgresOptions {
  /** `postgres://user:password@host:5432/database`; `?sslmode=require` for TLS. Default: `DATABASE_URL`. */
  readonly url?: string;
  /** The schema the tables are in; made when it is missing. Default `waygate`. */
  readonly schema?: string;
}

/**
 * PostgreSQL 14 or newer, through the package `pg`. While it is away the proxy goes on in memory, keeps what is to be
 * written, and `/health` says so. Throws a `ConfigError` for options that make no sense.
 */
export function postgres(options: PostgresOptions = {}): Plugin<readonly []> {
  const { schema = "waygate" } = options;
  const address = readAddress(options.url ?? process.env["DATABASE_URL"]);
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) {
    throw new ConfigError([
      {
        code: "config_invalid",
        path: ["plugins", "postgres", "schema"],
        what: "postgres: wrong schema",
        why: "it is a name of small letters, digits and _, at most 63 of them",
        fix: 'write "waygate"',
      },
    ]);
  }
  return definePlugin({
    name: "postgres",
    usesDatabase: true,
    database: {
      name: "postgres",
      dialect: "postgres",
      place: `${address.shown} (schema ${schema})`,
      start: () => startEngine(address, schema),
    },
  });
}
