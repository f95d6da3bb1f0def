/**
 * One SQLite file: opened and migrated, or set aside. Synchronous; runs in the thread that `worker.ts` is. Its statements
 * are texts, because they are about the file, which may have no tables yet or those of another version.
 */
import { chmodSync, closeSync, existsSync, openSync, renameSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { version } from "../version.ts";
import { DatabaseError, faultOf } from "./fault.ts";
import { makeDataFolder } from "./folder.ts";
import { APPLICATION, migrationsOf } from "./migrations/index.ts";

export interface OpenedFile {
  readonly connection: DatabaseSync;
  /** Where a damaged file went; a new one has taken its place. */
  readonly setAside?: string;
}

const migrations = migrationsOf("sqlite");

/** Bytes up to which a file is read whole at the start to find damage; beyond, damage is found when it is met. */
const CHECKED = 32 * 1024 * 1024;
/** Milliseconds to wait for another process that writes. */
const BUSY = 5000;

/** Throws a `DatabaseError`. `now` in epoch milliseconds names a file set aside. */
export function openFile(path: string, now: number): OpenedFile {
  try {
    makeDataFolder(dirname(path));
    touch(path);
    return { connection: connect(path) };
  } catch (error) {
    const fault = faultOf(error);
    if (fault.kind !== "corrupt") throw new DatabaseError(fault, error);
  }
  try {
    const setAside = putAside(path, now);
    touch(path);
    return { connection: connect(path), setAside };
  } catch (error) {
    throw new DatabaseError(faultOf(error), error);
  }
}

/** Renames the file and what belongs to it, so that it can still be looked into. Returns its new name. */
export function putAside(path: string, now: number): string {
  const stamp = new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, "");
  let name = `${path}.corrupt-${stamp}`;
  for (let count = 2; existsSync(name); count++) name = `${path}.corrupt-${stamp}-${count}`;
  renameSync(path, name);
  // Under these names SQLite finds them again; beside a new file they would be taken for its own.
  for (const suffix of ["-wal", "-shm"]) if (existsSync(path + suffix)) renameSync(path + suffix, name + suffix);
  return name;
}

/** SQLite gives its own files the mode of the database, so that must be right before it opens one. */
function touch(path: string): void {
  closeSync(openSync(path, "a", 0o600));
  chmodSync(path, 0o600);
}

function connect(path: string): DatabaseSync {
  const connection = new DatabaseSync(path, { timeout: BUSY });
  try {
    const number = (pragma: string): number => Number(Object.values(connection.prepare(`PRAGMA ${pragma}`).get()!)[0]);
    const tables = connection.prepare("SELECT count(*) AS count FROM sqlite_schema").get()!["count"];
    if (number("application_id") !== APPLICATION && tables !== 0) {
      throw new DatabaseError({ kind: "foreign", why: "It holds tables of another program." });
    }
    if (statSync(path).size <= CHECKED) check(connection);
    const schema = number("user_version");
    if (schema > migrations.length) throw new DatabaseError(newer(connection, schema));
    // Two commits a second are all there is, so each may reach the disk: a power cut loses no more than a kill does.
    connection.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;");
    if (schema < migrations.length) migrate(connection, schema);
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

function check(connection: DatabaseSync): void {
  const [said] = Object.values(connection.prepare("PRAGMA quick_check(1)").get() ?? {});
  if (said !== "ok") throw new DatabaseError({ kind: "corrupt", why: String(said) });
}

/** All steps or none. Two processes that start at once do it one after the other. */
function migrate(connection: DatabaseSync, from: number): void {
  connection.exec("BEGIN IMMEDIATE");
  try {
    const now = Number(connection.prepare("PRAGMA user_version").get()!["user_version"]);
    for (const step of migrations.slice(Math.max(from, now))) connection.exec(step);
    connection.prepare("INSERT OR REPLACE INTO meta (name, value) VALUES ('writer', ?)").run(version);
    connection.exec(`PRAGMA application_id = ${APPLICATION}; PRAGMA user_version = ${migrations.length}; COMMIT`);
  } catch (error) {
    if (connection.isTransaction) connection.exec("ROLLBACK");
    throw error;
  }
}

function newer(connection: DatabaseSync, schema: number): DatabaseError["fault"] {
  let writer: unknown;
  try {
    writer = connection.prepare("SELECT value FROM meta WHERE name = 'writer'").get()?.["value"];
  } catch {
    // A later schema may keep it elsewhere; the number alone is said then.
  }
  return { kind: "newer", why: "", schema, ...(typeof writer === "string" && { writer }) };
}
