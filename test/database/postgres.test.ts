import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { databaseMigrations } from "waygate";
import { postgres } from "waygate/plugins/postgres";
import { type OpenDatabase, openDatabase } from "../../src/database/database.ts";
import type { ConfigProblem } from "../../src/config/problem.ts";
import { systemClock } from "../../src/runtime.ts";
import { hasPostgres, type PostgresServer, startPostgres } from "./_postgres.ts";

const PUT = "INSERT INTO settings (name, value, changed_by, changed_at) VALUES (?, ?, ?, ?)";

describe.skipIf(!hasPostgres)("PostgreSQL as the database", () => {
  let server: PostgresServer;
  beforeAll(async () => void (server = await startPostgres()), 30_000);
  afterAll(() => server?.stop());

  async function opened(
    schema: string,
    url = server.url,
  ): Promise<{ database: OpenDatabase; problems: ConfigProblem[]; recovered: string[] }> {
    const problems: ConfigProblem[] = [];
    const recovered: string[] = [];
    const driver = postgres({ url, schema }).database!;
    const database = await openDatabase({
      path: driver.place,
      dialect: driver.dialect,
      start: () => driver.start(),
      clock: systemClock(),
      onProblem: (problem) => problems.push(problem),
      onRecovery: (path) => recovered.push(path),
    });
    return { database, problems, recovered };
  }

  it("makes its schema, writes in batches and reads back numbers as numbers", async () => {
    const { database, problems } = await opened("basic");
    database.write(PUT, "a", '{"x":1}', "mia", 1_900_000_000_000);
    database.write(PUT, "b", "it's ?", "mia", 2);
    const rows = await database.read("SELECT name, value, changed_at, version FROM settings ORDER BY name");
    expect(rows).toEqual([
      { name: "a", value: '{"x":1}', changed_at: 1_900_000_000_000, version: 1 },
      { name: "b", value: "it's ?", changed_at: 2, version: 1 },
    ]);
    expect(await database.read("SELECT sum(changed_at) AS sum FROM settings WHERE name = ?", "b")).toEqual([
      { sum: 2 },
    ]);
    expect(problems).toEqual([]);
    await database.close();
  });

  it("opens a schema that is there with what is in it, also two at once", async () => {
    const [one, two] = await Promise.all([opened("twice"), opened("twice")]);
    one.database.write(PUT, "a", "1", "mia", 1);
    await one.database.flush();
    expect(await two.database.read("SELECT name FROM settings")).toEqual([{ name: "a" }]);
    await Promise.all([one.database.close(), two.database.close()]);
  });

  it("brings a schema of an earlier version up to this one with what is in it", async () => {
    const [first] = databaseMigrations("postgres");
    const raw = await opened("helper");
    await raw.database.change([
      { sql: "CREATE SCHEMA early", values: [] },
      ...`SET LOCAL search_path TO early; ${first}`
        .split(";")
        .filter((part) => part.trim() !== "")
        .map((sql) => ({ sql, values: [] })),
      { sql: "INSERT INTO meta (name, value) VALUES ('schema', '1')", values: [] },
      { sql: "INSERT INTO snapshot (section, key, version, value) VALUES ('rests', 'a', 1, '{}')", values: [] },
    ]);
    await raw.database.close();
    const { database } = await opened("early");
    expect(await database.read("SELECT key FROM snapshot")).toEqual([{ key: "a" }]);
    expect(await database.read("SELECT count(*) AS users FROM users")).toEqual([{ users: 0 }]);
    await database.close();
  });

  it("saves the others of a batch when one row is refused, and says how many were", async () => {
    const { database, problems } = await opened("refused");
    database.write(PUT, "a", "1", "mia", 1);
    database.write(PUT, "a", "2", "mia", 2);
    database.write(PUT, "b", "3", "mia", 3);
    expect(await database.read("SELECT name, value FROM settings ORDER BY name")).toEqual([
      { name: "a", value: "1" },
      { name: "b", value: "3" },
    ]);
    expect(problems.map(({ what }) => what)).toEqual(["1 writes were refused by the database"]);
    await database.close();
  });

  it("keeps texts that PostgreSQL has no way to write", async () => {
    const { database, problems } = await opened("texts");
    const texts = ["zero\0inside", "\uE000", "\uE0000", "\0\uE000\0"];
    texts.forEach((text, at) => database.write(PUT, text, String(at), "mia", at));
    expect(await database.read("SELECT name FROM settings ORDER BY changed_at")).toEqual(
      texts.map((name) => ({ name })),
    );
    const named = await database.read("SELECT value FROM settings WHERE name = ?", texts[3]!);
    expect([named, problems]).toEqual([[{ value: "3" }], []]);
    await database.close();
  });

  it("makes a change whole or not at all", async () => {
    const { database } = await opened("changes");
    const edit = "UPDATE settings SET value = ?, version = version + 1 WHERE name = ? AND version = ?";
    expect(await database.change([{ sql: PUT, values: ["a", "1", "mia", 1] }])).toEqual({ changed: [1] });
    expect(await database.change([{ sql: edit, values: ["2", "a", 1], expect: 1 }])).toEqual({ changed: [1] });
    const conflict = await database.change([
      { sql: PUT, values: ["b", "1", "mia", 1] },
      { sql: edit, values: ["3", "a", 1], expect: 1 },
    ]);
    expect(conflict).toEqual({ conflict: 1 });
    expect(await database.read("SELECT name, value FROM settings")).toEqual([{ name: "a", value: "2" }]);
    await database.close();
  });

  it("leaves a schema of another program alone", async () => {
    const { database } = await opened("mine");
    await database.change([{ sql: "CREATE SCHEMA theirs", values: [] }]);
    await database.change([{ sql: "CREATE TABLE theirs.users (id INT)", values: [] }]);
    await database.close();
    await expect(opened("theirs")).rejects.toThrow(/belongs to another program/);
  });

  it("refuses a database of a later version, naming it", async () => {
    const { database } = await opened("later");
    await database.change([{ sql: "UPDATE meta SET value = '99' WHERE name = 'schema'", values: [] }]);
    await database.change([{ sql: "UPDATE meta SET value = '9.9.9' WHERE name = 'writer'", values: [] }]);
    await database.close();
    await expect(opened("later")).rejects.toThrow(/waygate 9\.9\.9/);
  });

  it("goes on in memory while the server is away and saves everything afterwards", async () => {
    const { database, problems, recovered } = await opened("away");
    database.write(PUT, "before", "1", "mia", 1);
    await database.flush();
    await server.kill();
    database.write(PUT, "meanwhile", "2", "mia", 2);
    await database.flush();
    expect(database.trouble?.kind).toBe("away");
    await expect(database.read("SELECT 1")).rejects.toThrow(/not open/);
    await server.start();
    await database.flush();
    expect(database.trouble).toBeUndefined();
    expect(await database.read("SELECT name FROM settings ORDER BY changed_at")).toEqual([
      { name: "before" },
      { name: "meanwhile" },
    ]);
    expect(problems.map(({ what }) => what)).toEqual(["The database cannot be reached"]);
    expect(recovered).toHaveLength(1);
    await database.close();
  });

  it("starts in memory when the server is not there, and never shows the password", async () => {
    const url = "postgres://waygate:s3cret-pass@127.0.0.1:1/waygate";
    const { database, problems } = await opened("nobody", url);
    expect(database.trouble?.kind).toBe("away");
    expect(JSON.stringify(problems)).not.toContain("s3cret-pass");
    expect(database.path).toBe("postgres://127.0.0.1:1/waygate (schema nobody)");
    await database.close();
  });

  it("does not start when the server does not know the database", async () => {
    await expect(opened("x", server.url.replace(/waygate$/, "nowhere"))).rejects.toThrow(/does not let us in/);
  });
});

describe("postgres()", () => {
  it.each([
    ["no address", undefined],
    ["another protocol", "mysql://localhost/x"],
    ["no URL", "not an address"],
  ])("says what is wrong with %s without repeating it", (_, url) => {
    const before = process.env["DATABASE_URL"];
    delete process.env["DATABASE_URL"];
    expect(() => postgres({ ...(url !== undefined && { url }) })).toThrow(/postgres: /);
    if (before !== undefined) process.env["DATABASE_URL"] = before;
  });
});
