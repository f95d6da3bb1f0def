import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it, onTestFinished } from "vitest";
import { virtualClock } from "../../src/testing/virtual-clock.ts";
import { systemClock } from "../../src/runtime.ts";
import type { ConfigProblem } from "../../src/config/problem.ts";
import { type DatabaseInit, openDatabase, type OpenDatabase } from "../../src/database/database.ts";
import type { Answer, Ask } from "../../src/database/messages.ts";
import { openFile } from "../../src/database/file.ts";
import { folder, query } from "./_folder.ts";

const PUT = "INSERT OR REPLACE INTO snapshot VALUES ('test', ?, 1, ?, NULL)";
const KEYS = "SELECT key FROM snapshot ORDER BY key";

interface Opened {
  readonly database: OpenDatabase;
  readonly problems: ConfigProblem[];
  readonly recovered: string[];
}

async function opened(path: string, init: Partial<DatabaseInit> = {}): Promise<Opened> {
  const problems: ConfigProblem[] = [];
  const recovered: string[] = [];
  const database = await openDatabase({
    path,
    clock: systemClock(),
    onProblem: (problem) => problems.push(problem),
    onRecovery: (file) => recovered.push(file),
    ...init,
  });
  let isClosed = false;
  const close = database.close.bind(database);
  onTestFinished(() => (isClosed ? undefined : close()));
  return { database: Object.assign(database, { close: () => ((isClosed = true), close()) }), problems, recovered };
}

/** A thread that does as told: what it was asked, and what it answers in turn to writes. */
function fakeThread(answers: Answer[]): { readonly asked: Ask[]; readonly start: DatabaseInit["start"] } {
  const asked: Ask[] = [];
  return {
    asked,
    start: () => ({
      async ask(ask) {
        asked.push(ask);
        return ask.type === "write" || ask.type === "open" ? (answers.shift() ?? {}) : {};
      },
      async end() {},
    }),
  };
}

describe("the database", () => {
  it("saves half a second after a change, all writes of that time in one transaction", async () => {
    const clock = virtualClock();
    const thread = fakeThread([]);
    const { database } = await opened("/nowhere", { clock, start: thread.start });
    database.write(PUT, "a", "1");
    database.write(PUT, "b", "2");
    await clock.advance(499);
    expect(thread.asked.map(({ type }) => type)).toEqual(["open"]);
    await clock.advance(1);
    database.write(PUT, "c", "3");
    await clock.advance(500);
    const writes = thread.asked.filter((ask) => ask.type === "write");
    expect(writes.map((ask) => ask.writes.map(({ rows }) => rows))).toEqual([
      [
        [
          ["a", "1"],
          ["b", "2"],
        ],
      ],
      [[["c", "3"]]],
    ]);
    await clock.advance(60_000);
    expect(thread.asked).toHaveLength(3);
  });

  it("reads what was written before, and keeps it after close", async () => {
    const path = join(folder(), "waygate.db");
    const { database } = await opened(path);
    database.write(PUT, "a", "1");
    expect(await database.read("SELECT value FROM snapshot WHERE key = ?", "a")).toEqual([{ value: "1" }]);
    database.write(PUT, "b", "1");
    await database.close();
    expect(query(path, KEYS)).toEqual([{ key: "a" }, { key: "b" }]);
    expect(existsSync(`${path}-wal`)).toBe(false);
  });

  it("ends only with its last user", async () => {
    const path = join(folder(), "waygate.db");
    const { database } = await opened(path);
    database.share();
    await database.close();
    database.write(PUT, "late", "1");
    await database.close();
    expect(query(path, KEYS)).toEqual([{ key: "late" }]);
  });

  it("H7 takes values as parameters only: what looks like SQL is a text", async () => {
    const { database } = await opened(join(folder(), "waygate.db"));
    const text = "x'); DROP TABLE snapshot; --";
    database.write(PUT, text, text);
    expect(await database.read(KEYS)).toEqual([{ key: text }]);
  });

  it("E7 a write that the database refuses costs the others nothing and is reported", async () => {
    const { database, problems } = await opened(join(folder(), "waygate.db"));
    database.write(PUT, "a", "1");
    database.write("INSERT INTO snapshot VALUES ('test', 'null', 1, NULL, NULL)");
    database.write("this is no SQL");
    database.write(PUT, "b", "1");
    expect(await database.read(KEYS)).toEqual([{ key: "a" }, { key: "b" }]);
    expect(problems.map(({ code, what }) => [code, what])).toEqual([
      ["database_failed", "2 writes were refused by the database"],
    ]);
  });

  it("E7 goes on in memory while the disk is full, warns once, keeps what waits, and saves it all when there is room", async () => {
    const clock = virtualClock();
    const full: Answer = { fault: { kind: "disk_full", why: "database or disk is full" } };
    const thread = fakeThread([{}, full, full, {}]);
    const { database, problems, recovered } = await opened("/nowhere", { clock, start: thread.start });
    database.write(PUT, "a", "1");
    await clock.advance(1000);
    expect(database.trouble).toMatchObject({ kind: "disk_full" });
    expect(problems.map(({ what }) => what)).toEqual(["The disk is full"]);
    database.write(PUT, "b", "1");
    await clock.advance(10_000);
    expect(database.trouble).toBeDefined();
    await clock.advance(10_000);
    expect(database.trouble).toBeUndefined();
    expect(problems).toHaveLength(1);
    expect(recovered).toEqual(["/nowhere"]);
    const last = thread.asked.findLast((ask) => ask.type === "write")!;
    expect(last.writes.flatMap(({ rows }) => rows.map(([key]) => key))).toEqual(["a", "b"]);
  });

  it("E7 keeps a bounded number of writes for a full disk and says how many were lost", async () => {
    const clock = virtualClock();
    const full: Answer = { fault: { kind: "disk_full", why: "full" } };
    const thread = fakeThread([{}, full]);
    const { database, problems } = await opened("/nowhere", { clock, start: thread.start });
    database.write(PUT, "first", "1");
    await clock.advance(1000);
    for (let index = 0; index < 50_010; index++) database.write(PUT, `${index}`, "1");
    await clock.advance(10_000);
    await database.flush();
    const saved = thread.asked
      .filter((ask) => ask.type === "write")
      .slice(1)
      .flatMap(({ writes }) => writes.flatMap(({ rows }) => rows.map(([key]) => key)));
    expect(saved).toHaveLength(50_000);
    expect(saved[0]).toBe("10");
    expect(saved.at(-1)).toBe("50009");
    expect(problems.map(({ what }) => what)).toEqual([
      "The disk is full",
      "11 writes were lost while the disk refused them",
    ]);
  });

  it("goes on in memory with one warning where the folder cannot be written", async () => {
    const home = folder();
    writeFileSync(join(home, "taken"), "");
    const { database, problems } = await opened(join(home, "taken", "waygate.db"));
    database.write(PUT, "a", "1");
    await database.flush();
    await expect(database.read(KEYS)).rejects.toThrow("not open");
    expect(database.trouble).toMatchObject({ kind: "read_only" });
    expect(problems).toMatchObject([{ code: "data_dir_readonly", file: join(home, "taken", "waygate.db") }]);
  });

  it("waits for another process that writes, and reports one that does not end", async () => {
    const path = join(folder(), "waygate.db");
    const clock = virtualClock();
    const thread = fakeThread([{}, { fault: { kind: "busy", why: "database is locked" } }]);
    const { database, problems } = await opened(path, { clock, start: thread.start });
    database.write(PUT, "a", "1");
    await clock.advance(1000);
    expect(problems.map(({ what }) => what)).toEqual(["Another process keeps the database locked"]);

    const real = await opened(path);
    const other = openFile(path, 0).connection;
    other.exec("BEGIN IMMEDIATE");
    real.database.write(PUT, "b", "1");
    const saved = real.database.flush();
    await new Promise((resolve) => setTimeout(resolve, 30));
    other.exec("COMMIT");
    other.close();
    await saved;
    expect(real.problems).toEqual([]);
  });

  it("sets a damaged file aside at the start, warns, and goes on with a new one", async () => {
    const home = folder();
    const path = join(home, "waygate.db");
    writeFileSync(path, "garbage".repeat(1000));
    const { database, problems } = await opened(path);
    database.write(PUT, "a", "1");
    expect(await database.read(KEYS)).toEqual([{ key: "a" }]);
    const aside = readdirSync(home).find((name) => name.startsWith("waygate.db.corrupt-"))!;
    expect(readFileSync(join(home, aside), "utf8")).toMatch(/^garbage/);
    expect(problems).toMatchObject([{ code: "database_set_aside", why: expect.stringContaining(aside) as string }]);
    expect(database.trouble).toBeUndefined();
  });

  it("H4 refuses a file of a later version with file, schema and what to do", async () => {
    const path = join(folder(), "waygate.db");
    openFile(path, 0).connection.close();
    const connection = new DatabaseSync(path);
    connection.exec("PRAGMA user_version = 9; UPDATE meta SET value = '4.5.6'");
    connection.close();
    const error = await opened(path).then(
      () => expect.fail("it opened"),
      (thrown: unknown) => thrown as Error & { problems: readonly ConfigProblem[] },
    );
    expect(error.problems).toMatchObject([{ code: "schema_newer", path: ["database"], file: path }]);
    expect(error.message).toContain("schema is 9, made by waygate 4.5.6");
    expect(error.message).toContain("Use waygate 4.5.6");
  });

  it("a thread that dies is trouble, and is replaced", async () => {
    const path = join(folder(), "waygate.db");
    const clock = virtualClock();
    const thread = fakeThread([{}, { fault: { kind: "failed", why: "The thread of the database has ended." } }]);
    const { database, problems, recovered } = await opened(path, { clock, start: thread.start });
    database.write(PUT, "a", "1");
    await clock.advance(1000);
    expect(problems.map(({ code }) => code)).toEqual(["database_failed"]);
    await clock.advance(10_000);
    expect(recovered).toEqual([path]);
    expect(thread.asked.map(({ type }) => type)).toEqual(["open", "write", "open", "write"]);
  });
});
