import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compiled, type Dialect, prepared } from "waygate";
import type { OpenDatabase } from "../../src/database/database.ts";
import { queryBuilder } from "../../src/database/query-builder.ts";
import { compileCache, register } from "../_built.ts";
import { folder } from "./_folder.ts";
import { openedFile, openedServer } from "./_opened.ts";
import { hasPostgres, type PostgresServer, startPostgres } from "./_postgres.ts";

let server: PostgresServer | undefined;
beforeAll(async () => {
  if (hasPostgres) server = await startPostgres();
}, 30_000);
afterAll(() => server?.stop());

const dialects: readonly Dialect[] = hasPostgres ? ["sqlite", "postgres"] : ["sqlite"];
const opened = (dialect: Dialect, schema: string): Promise<OpenDatabase> =>
  dialect === "sqlite" ? openedFile(join(folder(), "waygate.db")) : openedServer(server!.url, schema);
const edited = { changed_by: "mia", changed_at: 1_900_000_000_000, version: 1 };

describe("a statement that was put together once", () => {
  const touch = (dialect: Dialect): ReturnType<typeof prepared<{ id: string; now: number }, unknown>> =>
    prepared(({ id, now }) =>
      queryBuilder(dialect)
        .updateTable("users")
        .set({ last_used_at: now, note: "fixed" })
        .where("id", "=", id)
        .where("last_used_at", "<", now),
    );

  it.each([
    ["sqlite", 'update "users" set "last_used_at" = ?, "note" = ? where "id" = ? and "last_used_at" < ?'],
    ["postgres", 'update "users" set "last_used_at" = $1, "note" = $2 where "id" = $3 and "last_used_at" < $4'],
  ] as const)("has its values where its places are, in the words of %s", (dialect, sql) => {
    const statement = touch(dialect);
    expect(statement.with({ id: "a", now: 5 })).toEqual({ sql, values: [5, "fixed", "a", 5] });
    expect(statement.valuesOf({ now: 6, id: "b" })).toEqual([6, "fixed", "b", 6]);
  });
});

describe.each(dialects)("statements of the builder on %s", (dialect) => {
  it("are written, read and changed like texts, with rows of their type", async () => {
    const database = await opened(dialect, "builder");
    const builder = await database.builder();
    const put = prepared(({ name, value }: { readonly name: string; readonly value: string }) =>
      builder.insertInto("settings").values({ name, value, ...edited }),
    );
    database.write(put.with({ name: "it's $1 ?", value: '"?"' }));
    database.write(builder.insertInto("settings").values({ name: "b", value: "2", ...edited }));
    const all = builder.selectFrom("settings").select(["name", "value", "changed_at"]).orderBy("name");
    const rows: readonly { readonly name: string; readonly value: string; readonly changed_at: number }[] =
      await database.read(all);
    expect(rows).toEqual([
      { name: "b", value: "2", changed_at: 1_900_000_000_000 },
      { name: "it's $1 ?", value: '"?"', changed_at: 1_900_000_000_000 },
    ]);
    const edit = builder.updateTable("settings").set({ value: "3" }).where("version", "=", 2);
    const remove = builder.deleteFrom("settings");
    expect(await database.change([remove, { ...compiled(edit), expect: 1 }])).toEqual({ conflict: 1 });
    expect(await database.change([edit, remove])).toEqual({ changed: [0, 2] });
    expect(await database.read(compiled(all))).toEqual([]);
    await database.close();
  });

  it("bring numbers for whole numbers, fractions, sums, counts and the largest, and nothing for none", async () => {
    const database = await opened(dialect, "numbers");
    const builder = await database.builder();
    const row = { user_id: "mia", provider: "p", model: "m", failed: 0, refused: 0, fell_back: 0, output: 0 };
    const sums = { ...row, cached: 0, cache_write: 0, reasoning: 0, unpriced: 0, duration: 0 };
    const inputs = [2 ** 52, 7];
    for (const [hour, input] of inputs.entries()) {
      database.write(builder.insertInto("usage_user_models").values({ ...sums, hour, requests: 1, input, cost: 0.25 }));
    }
    const from = builder.selectFrom("usage_user_models");
    const asked = from.select(({ fn }) => [
      fn.sum<number | null>("input").as("input"),
      fn.sum<number | null>("cost").as("cost"),
      fn.countAll<number>().as("rows"),
      fn.max("hour").as("last"),
    ]);
    expect(await database.read(asked)).toEqual([{ input: 2 ** 52 + 7, cost: 0.5, rows: 2, last: 1 }]);
    expect(await database.read(asked.where("hour", ">", 5))).toEqual([
      { input: null, cost: null, rows: 0, last: null },
    ]);
    expect(await database.read(from.select(["hour", "input", "cost"]).where("hour", "=", 0))).toEqual([
      { hour: 0, input: 2 ** 52, cost: 0.25 },
    ]);
    await database.close();
  });
});

describe("the query builder", () => {
  const proxy = fileURLToPath(new URL("_loaded.ts", import.meta.url));

  it.each([
    ["filters", false],
    ["users", true],
    ["usage", true],
  ])("is loaded for a proxy with %s: %s", { timeout: 30_000 }, async (plugins, isLoaded) => {
    const { stdout } = await promisify(execFile)(process.execPath, ["--import", register, proxy], {
      env: { PATH: process.env["PATH"], ...compileCache, DATABASE: join(folder(), "waygate.db"), PLUGINS: plugins },
    });
    expect(JSON.parse(stdout)).toEqual({ status: 200, isLoaded });
  });
});
