import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it } from "vitest";
import type { Fault } from "../../src/database/fault.ts";
import { DatabaseError } from "../../src/database/fault.ts";
import { APPLICATION, migrationsOf } from "../../src/database/migrations/index.ts";
import { openFile } from "../../src/database/file.ts";
import { version } from "../../src/version.ts";
import { folder, query } from "./_folder.ts";

const now = Date.UTC(2026, 0, 2, 3, 4, 5);
const stamp = "20260102T030405Z";

/** A file with one row in it. */
function made(path: string): string {
  const { connection } = openFile(path, now);
  connection.exec("INSERT INTO snapshot VALUES ('test', 'k', 1, '1', NULL)");
  connection.close();
  return path;
}

function faultOf(path: string): Fault {
  try {
    openFile(path, now);
  } catch (error) {
    if (error instanceof DatabaseError) return error.fault;
    throw error;
  }
  return expect.fail("it opened");
}

describe("the file of the database", () => {
  it("H6 is made for this user alone, in a folder that is kept out of version control", () => {
    const path = join(folder(), "data", "waygate.db");
    const { connection } = openFile(path, now);
    connection.exec("INSERT INTO snapshot VALUES ('test', 'k', 1, '1', NULL)");
    const modes = readdirSync(join(path, "..")).map((name) => [
      name,
      (statSync(join(path, "..", name)).mode & 0o777).toString(8),
    ]);
    expect(modes).toEqual([
      [".gitignore", expect.any(String)],
      ["waygate.db", "600"],
      ["waygate.db-shm", "600"],
      ["waygate.db-wal", "600"],
    ]);
    expect(statSync(join(path, "..")).mode & 0o777).toBe(0o700);
    connection.close();
  });

  it("has the schema of this version, and is opened again with what is in it", () => {
    const path = made(join(folder(), "waygate.db"));
    const { connection, setAside } = openFile(path, now);
    expect(setAside).toBeUndefined();
    expect(connection.prepare("SELECT key FROM snapshot").all()).toEqual([{ key: "k" }]);
    expect(connection.prepare("PRAGMA user_version").get()).toEqual({ user_version: 2 });
    expect(connection.prepare("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
    expect(connection.prepare("PRAGMA synchronous").get()).toEqual({ synchronous: 2 });
    expect(connection.prepare("SELECT value FROM meta WHERE name = 'writer'").get()).toEqual({ value: version });
    connection.close();
  });

  it.each(
    migrationsOf("sqlite")
      .slice(1)
      .map((_, index) => index + 1),
  )("of schema %i is brought up to this version with what is in it", (from) => {
    const path = join(folder(), "waygate.db");
    const old = new DatabaseSync(path);
    for (const step of migrationsOf("sqlite").slice(0, from)) old.exec(step);
    old.exec(`INSERT INTO snapshot (section, key, version, value) VALUES ('rests', 'a', 1, '{}');
        PRAGMA application_id = ${APPLICATION}; PRAGMA user_version = ${from}`);
    old.close();
    openFile(path, 0).connection.close();
    expect(query(path, "SELECT section, key FROM snapshot")).toEqual([{ section: "rests", key: "a" }]);
    expect(query(path, "SELECT count(*) AS users FROM users")).toEqual([{ users: 0 }]);
    expect(query(path, "PRAGMA user_version")).toEqual([{ user_version: migrationsOf("sqlite").length }]);
  });

  it("is migrated by two that start at once, once", () => {
    const path = join(folder(), "waygate.db");
    const one = openFile(path, now);
    const two = openFile(path, now);
    two.connection.exec("INSERT INTO snapshot VALUES ('test', 'k', 1, '1', NULL)");
    expect(one.connection.prepare("SELECT count(*) AS count FROM snapshot").get()).toEqual({ count: 1 });
    one.connection.close();
    two.connection.close();
  });

  const damages: [string, (path: string) => void][] = [
    ["garbage", (path) => writeFileSync(path, "this is no database, whatever its name says. ".repeat(100))],
    ["cut in the middle", (path) => truncateSync(path, 6000)],
    ["cut in the header", (path) => truncateSync(path, 50)],
    [
      "overwritten in the middle",
      (path) => {
        const bytes = readFileSync(path);
        bytes.fill(0xff, 4096, 9000);
        writeFileSync(path, bytes);
      },
    ],
  ];
  it.each(damages)("that is %s is set aside under a name with the time, and a new one is made", (_, damage) => {
    const home = folder();
    const path = made(join(home, "waygate.db"));
    damage(path);
    const damaged = readFileSync(path);
    const { connection, setAside } = openFile(path, now);
    connection.exec("INSERT INTO snapshot VALUES ('test', 'new', 1, '1', NULL)");
    connection.close();
    expect(setAside).toBe(`${path}.corrupt-${stamp}`);
    expect(readFileSync(setAside!)).toEqual(damaged);
    expect(query(path, "SELECT key FROM snapshot")).toEqual([{ key: "new" }]);
    // A second one of the same second does not take the first one's place.
    writeFileSync(path, "again");
    const again = openFile(path, now);
    again.connection.close();
    expect(again.setAside).toBe(`${path}.corrupt-${stamp}-2`);
  });

  it("takes an empty file for a new one", () => {
    const path = join(folder(), "waygate.db");
    writeFileSync(path, "");
    const { connection, setAside } = openFile(path, now);
    expect(setAside).toBeUndefined();
    connection.close();
  });

  it("survives garbage in the log that belongs to it, with what was committed before", () => {
    const path = made(join(folder(), "waygate.db"));
    writeFileSync(`${path}-wal`, "no frames here".repeat(1000));
    const { connection, setAside } = openFile(path, now);
    expect(setAside).toBeUndefined();
    expect(connection.prepare("SELECT key FROM snapshot").all()).toEqual([{ key: "k" }]);
    connection.close();
  });

  it("of a later version is refused with the version that made it, and stays as it is", () => {
    const path = made(join(folder(), "waygate.db"));
    const connection = new DatabaseSync(path);
    connection.exec("PRAGMA user_version = 7; UPDATE meta SET value = '9.8.7' WHERE name = 'writer'");
    connection.close();
    const before = readFileSync(path);
    expect(faultOf(path)).toMatchObject({ kind: "newer", schema: 7, writer: "9.8.7" });
    expect(readFileSync(path)).toEqual(before);
    expect(readdirSync(join(path, "..")).filter((name) => name.includes("corrupt"))).toEqual([]);
  });

  it("of a later version that has no place for its name is refused with the number alone", () => {
    const path = made(join(folder(), "waygate.db"));
    const connection = new DatabaseSync(path);
    connection.exec("PRAGMA user_version = 7; DROP TABLE meta");
    connection.close();
    expect(faultOf(path)).toEqual({ kind: "newer", why: "", schema: 7 });
  });

  it("of another program is refused, and stays as it is", () => {
    const path = join(folder(), "waygate.db");
    const connection = new DatabaseSync(path);
    connection.exec("CREATE TABLE recipes (name TEXT)");
    connection.close();
    expect(faultOf(path).kind).toBe("foreign");
    expect(query(path, "SELECT name FROM sqlite_schema")).toEqual([{ name: "recipes" }]);
  });

  it("cannot be where there is no folder and none can be made", () => {
    const home = folder();
    writeFileSync(join(home, "taken"), "");
    expect(faultOf(join(home, "taken", "here", "waygate.db")).kind).toBe("read_only");
    expect(existsSync(join(home, "taken", "here"))).toBe(false);
  });
});
