/** docs/privacy.md says what is kept and where; here it is looked for. */
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { requestLog } from "waygate/plugins/request-log";
import { createTestProxy } from "waygate/testing";
import { folder } from "../database/_folder.ts";
import { readPage, rowsOf, sectionsOf } from "../docs/_pages.ts";
import { columnsIn, markers, type Marked, runMarked } from "./_marked.ts";

const sections = sectionsOf(readPage("docs/privacy.md"));
const promised = rowsOf(sections["What of a request is kept"] ?? "").map(([what = "", database = "", log, logged]) => ({
  marked: what as Marked,
  columns: database === "no" ? [] : database.split(" "),
  log: log === "yes",
  logged: logged === "yes",
}));

test("the page speaks of every mark and of nothing else", () => {
  expect(promised.map(({ marked }) => marked)).toEqual(Object.keys(markers));
});

test("the page names every table and every column of the database", async () => {
  const path = join(folder(), "waygate.db");
  const proxy = await createTestProxy({ plugins: [], database: { path } });
  await proxy.close();
  const told = rowsOf(sections["In the database"] ?? "").map(([table = "", columns = ""]) => [
    table,
    columns.split(" "),
  ]);
  expect(Object.fromEntries(told)).toEqual(columnsIn(path));
});

describe.each([
  ["without requestLog()", false],
  ["with requestLog()", true],
] as const)("after marked requests %s", (_, isLogged) => {
  let running: Awaited<ReturnType<typeof runMarked>>;
  beforeAll(async () => {
    running = await runMarked(isLogged ? [requestLog()] : []);
  });

  test("H6 there are no other files than the page names", () => {
    const { files } = running;
    const known = /^(?:\.gitignore|secret|waygate\.db(?:-wal|-shm)?|logs\/transactions\/.+)$/;
    expect(files.filter((file) => !known.test(file))).toEqual([]);
    expect(files.some((file) => file.startsWith("logs/"))).toBe(isLogged);
  });

  test.each(promised)("$marked is found where the page says, and nowhere else", ({ marked, columns, log, logged }) => {
    const found = running.found(marked);
    expect(found).toEqual({
      columns,
      database: columns.length > 0,
      log,
      files: isLogged && logged ? expect.arrayContaining([expect.stringMatching(/^logs\/transactions\//)]) : [],
    });
    expect(found.files.filter((file) => !file.startsWith("logs/transactions/"))).toEqual([]);
  });
});

test("where nobody has to say who they are, counters know an address by its hash only, as the page says", async () => {
  const { found } = await runMarked([], true);
  expect(found("address")).toEqual({ columns: [], database: false, log: false, files: [] });
  expect(sections["What of a request is kept"]?.replaceAll(/\s+/g, " ")).toContain("knows clients by the hash");
  for (const marked of ["prompt", "answer", "provider's key", "user's token"] as const) {
    expect(found(marked)).toEqual({ columns: [], database: false, log: false, files: [] });
  }
});
