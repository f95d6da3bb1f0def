import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { postgres } from "waygate/plugins/postgres";
import { db } from "../../src/cli/db.ts";
import { openDatabase, type OpenDatabase } from "../../src/database/database.ts";
import { exportLines, importLines } from "../../src/database/transfer.ts";
import { systemClock } from "../../src/runtime.ts";
import { folder, query } from "../database/_folder.ts";
import { hasPostgres, type PostgresServer, startPostgres } from "../database/_postgres.ts";
import { fakeTerminal } from "./fake-terminal.ts";

const problems: unknown[] = [];
const sqlite = (path: string): Promise<OpenDatabase> =>
  openDatabase({ path, clock: systemClock(), onProblem: (found) => problems.push(found), onRecovery: () => undefined });

/** Users with names of all kinds, and more requests than fit into one page. */
async function fill(database: OpenDatabase, requests = 2300): Promise<void> {
  const names = ["Mia", "'; DROP TABLE users; --", "日本 👩‍👩‍👧", 'quo"ted\nline'];
  names.forEach((name, index) =>
    database.write(
      "INSERT INTO users (id, kind, name, token_hash, token_hint, created_at) VALUES (?, 'normal', ?, ?, 'abcd', ?)",
      `u${index}`,
      name,
      `hash${index}`,
      1_900_000_000_000 + index,
    ),
  );
  for (let index = 0; index < requests; index++) {
    database.write(
      `INSERT INTO usage (request_id, at, user_id, protocol, operation, asked, status, ended, stream, fell_back, input, cost, duration, attempts)
       VALUES (?, ?, ?, 'openai-chat', 'generate', 'm', 200, 'complete', 0, 0, ?, ?, 5, '[]')`,
      `r${index}`,
      index,
      `u${index % 4}`,
      index,
      // Sums of these are exact in whatever order they are added.
      index % 7 === 0 ? null : index / 1024,
    );
  }
  await database.flush();
}

const totals = (database: OpenDatabase): Promise<unknown> =>
  database.read(
    `SELECT users.name, count(*) AS requests, sum(input) AS input, sum(cost) AS cost
     FROM usage JOIN users ON users.id = usage.user_id GROUP BY users.id, users.name ORDER BY users.id`,
  );

async function run(cwd: string, ...operands: string[]): Promise<{ code: number; stderr: string[]; stdout: string[] }> {
  const terminal = fakeTerminal({ cwd });
  const code = await db({ terminal, values: {}, operands });
  return { code, stderr: terminal.stderr, stdout: terminal.stdout };
}

function withConfig(database = "{ path: './here.db' }"): string {
  const cwd = folder();
  writeFileSync(join(cwd, "proxy.config.mjs"), `export default { plugins: [], database: ${database} };\n`);
  return cwd;
}

describe("proxy db", () => {
  it("exports everything to a file for this user alone, and imports it into another database with the same totals", async () => {
    const from = withConfig();
    const source = await sqlite(join(from, "here.db"));
    await fill(source);
    const expected = await totals(source);
    await source.close();
    const exported = await run(from, "export", "all.jsonl");
    expect(exported.stderr.join("\n")).toContain("2,304 rows to all.jsonl");
    expect(statSync(join(from, "all.jsonl")).mode & 0o777).toBe(0o600);

    const to = withConfig();
    expect((await run(to, "import", join(from, "all.jsonl"))).code).toBe(0);
    const target = await sqlite(join(to, "here.db"));
    expect(await totals(target)).toEqual(expected);
    await target.close();
  });

  it("copies the file while it is used", async () => {
    const cwd = withConfig();
    const source = await sqlite(join(cwd, "here.db"));
    await fill(source);
    await run(cwd, "backup", "copy.db");
    expect(query(join(cwd, "copy.db"), "SELECT count(*) AS count FROM usage")).toEqual([{ count: 2300 }]);
    await source.close();
  });

  it("does not write over a file, and does not import into a database that is not empty", async () => {
    const cwd = withConfig();
    const source = await sqlite(join(cwd, "here.db"));
    await fill(source, 20);
    await source.close();
    await run(cwd, "export", "all.jsonl");
    await expect(run(cwd, "export", "all.jsonl")).rejects.toThrow(/is there already/);
    await expect(run(cwd, "import", "all.jsonl")).rejects.toThrow(/users is not empty/);
  });

  it.each([
    ["breaks off", (lines: string[]) => lines.slice(0, -5), /breaks off after/],
    ["is of a later version", (lines: string[]) => ['{"waygate":"9.9.9","schema":99}', ...lines.slice(1)], /9\.9\.9/],
    ["is something else", () => ["hello"], /Line 1 is no JSON object/],
    [
      "names a table of its own",
      (lines: string[]) => [lines[0]!, '{"table":"sqlite_schema","row":{"a":1}}'],
      /no row of a table of ours/,
    ],
    [
      "names a column of its own",
      (lines: string[]) => [lines[0]!, '{"table":"users","row":{"id) VALUES (1); --":1}}'],
      /no place in users/,
    ],
  ])("says so when the export %s", async (_, spoil, why) => {
    const cwd = withConfig();
    const source = await sqlite(join(cwd, "here.db"));
    await fill(source, 20);
    await source.close();
    await run(cwd, "export", "all.jsonl");
    const lines = readFileSync(join(cwd, "all.jsonl"), "utf8").trimEnd().split("\n");
    writeFileSync(join(cwd, "spoilt.jsonl"), spoil(lines).join("\n"));
    const other = withConfig();
    await expect(run(other, "import", join(cwd, "spoilt.jsonl"))).rejects.toThrow(why);
  });

  it("is wrong use with another word", async () => {
    await expect(run(withConfig(), "exprot", "x")).rejects.toMatchObject({ problems: [{ code: "wrong_use" }] });
  });
});

describe.skipIf(!hasPostgres)("proxy db with PostgreSQL", () => {
  let server: PostgresServer;
  beforeAll(async () => void (server = await startPostgres()), 30_000);
  afterAll(() => server?.stop());

  it("moves from SQLite to PostgreSQL with the same totals, and new rows go on behind the old ones", async () => {
    const cwd = folder();
    const source = await sqlite(join(cwd, "here.db"));
    await fill(source);
    const expected = await totals(source);
    const lines: string[] = [];
    for await (const line of exportLines(source, 0)) lines.push(line);
    await source.close();

    const driver = postgres({ url: server.url }).database!;
    const target = await openDatabase({
      path: driver.place,
      dialect: "postgres",
      start: () => driver.start(),
      clock: systemClock(),
      onProblem: (found) => problems.push(found),
      onRecovery: () => undefined,
    });
    await importLines(target, Readable.from(lines));
    expect(await totals(target)).toEqual(expected);
    target.write(
      `INSERT INTO usage (request_id, at, protocol, operation, asked, status, ended, stream, fell_back, duration, attempts)
       VALUES ('new', 1, 'p', 'generate', 'm', 200, 'complete', 0, 0, 5, '[]')`,
    );
    expect(await target.read("SELECT max(id) AS id FROM usage")).toEqual([{ id: 2301 }]);
    await target.close();
    expect(problems).toEqual([]);
  });
});
