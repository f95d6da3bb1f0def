import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { usage } from "../../src/cli/usage.ts";
import { sharesLine, type UsageDocument, type UsageSums, usageNotes, usageTable } from "../../src/cli/usage-table.ts";
import { openDatabase } from "../../src/database/database.ts";
import { systemClock } from "../../src/runtime.ts";
import { folder } from "../database/_folder.ts";
import { fakeTerminal } from "./fake-terminal.ts";

const sums = (requests: number, more: Partial<UsageSums> = {}): UsageSums => ({
  requests,
  failed: 0,
  refused: 0,
  input_tokens: requests * 1283,
  output_tokens: requests * 64,
  cost: requests * 0.0003,
  unpriced: 0,
  first_byte_ms: { p50: 390, p95: 1600 },
  ...more,
});
const report: UsageDocument = {
  from: "2026-11-14T00:00:00.000Z",
  to: "2026-11-21T00:00:00.000Z",
  totals: sums(55_890, { failed: 56, unpriced: 12 }),
  data: [
    { name: "2026-11-14", ...sums(31_020, { failed: 56, unpriced: 12 }) },
    { name: "2026-11-15", ...sums(24_870) },
  ],
};

describe("the table of proxy usage", () => {
  it("has a row per day, a rule and the sum, and says where cost is a lower bound", () => {
    const { out } = fakeTerminal({ columns: 80 });
    const lines = usageTable(report, { by: "day", last: "7d" }, out);
    expect(lines[0]).toMatch(/REQUESTS +IN +OUT +COST +FAILED +FIRST p50\/p95/);
    expect(lines[1]).toMatch(/^Sat 14 Nov +31,020 +39\.8 M +2\.0 M +≥ \$9\.31 +0\.2% +390 ms\/1\.6 s$/);
    expect(lines[3]).toMatch(/^─+$/);
    expect(lines[4]).toMatch(/^7d +55,890 +71\.7 M +3\.6 M +≥ \$16\.77 +0\.1% /);
    expect(usageNotes(report, "Europe/Berlin")).toEqual([
      "12 requests have no price, so cost is a lower bound. Days: Europe/Berlin",
    ]);
  });

  it("is names and plain numbers with tabs for programs", () => {
    const { out } = fakeTerminal();
    expect(usageTable(report, { by: "day", last: "7d" }, out)[1]).toBe(
      ["2026-11-15", 24_870, 31_908_210, 1_591_680, 24_870 * 0.0003, 0, 0, 390, 1600].join("\t"),
    );
  });

  it("shows names of others without what could steer a terminal", () => {
    const { out } = fakeTerminal({ columns: 80 });
    const evil = { ...report, data: [{ name: "lab/\u001B[2Jm", ...sums(1) }] };
    expect(usageTable(evil, { by: "model", last: "7d" }, out).join("\n")).not.toContain("\u001B");
  });

  it("shows the shares of the first three providers", () => {
    const { out } = fakeTerminal({ columns: 80 });
    const named = ["gemini_cli", "groq", "openai", "lab"].map((name, at) => ({ name, ...sums(400 - at * 100) }));
    const shares = { ...report, totals: sums(1000), data: named };
    expect(sharesLine(shares, out)).toBe("gemini_cli ▇▇▇▇▇▇▇▇ 40%  groq ▇▇▇▇▇▇ 30%  openai ▇▇▇▇ 20%  1 more 10%");
  });
});

async function ledgerIn(cwd: string): Promise<void> {
  writeFileSync(join(cwd, "proxy.config.mjs"), "export default { plugins: [], database: { path: './own.db' } };\n");
  const database = await openDatabase({
    path: join(cwd, "own.db"),
    clock: systemClock(),
    onProblem: () => undefined,
    onRecovery: () => undefined,
  });
  const hour = Math.floor(Date.now() / 3_600_000) * 3_600_000;
  database.write(
    "INSERT INTO usage_hours (hour, provider, model, requests, failed, refused, fell_back, input, output, cached, cache_write, reasoning, cost, unpriced, duration) VALUES (?, 'lab', 'm', 3, 0, 0, 0, 30, 6, 0, 0, 0, 0.5, 0, 30)",
    hour,
  );
  database.write(
    `INSERT INTO usage (request_id, at, user_id, protocol, operation, asked, provider, model, status, ended, stream, fell_back, input, output, duration, attempts)
     VALUES ('r1', ?, 'mia', 'openai-chat', 'generate', 'smart', 'lab', 'm', 200, 'complete', 1, 0, 10, 2, 5, '[]')`,
    Date.now() - 1000,
  );
  await database.close();
}

async function run(
  cwd: string,
  values: Record<string, string | boolean> = {},
): Promise<ReturnType<typeof fakeTerminal>> {
  const terminal = fakeTerminal({ cwd });
  await usage({ terminal, values, operands: [] });
  return terminal;
}

describe("proxy usage", () => {
  it("reads the database where no server runs, and says so", async () => {
    const cwd = folder();
    await ledgerIn(cwd);
    const { stdout, stderr } = await run(cwd, { json: true });
    expect(JSON.parse(stdout.join("\n"))).toMatchObject({ server: null, totals: { requests: 3, cost: 0.5 } });
    expect(stderr).toEqual([]);
    expect((await run(cwd)).stderr.join("\n")).toContain("Read from the database: no server runs");
  });

  it("writes the ledger into a file for this user alone", async () => {
    const cwd = folder();
    await ledgerIn(cwd);
    await run(cwd, { export: "usage.jsonl" });
    expect(JSON.parse(readFileSync(join(cwd, "usage.jsonl"), "utf8"))).toMatchObject({
      user: "mia",
      asked: "smart",
      stream: true,
      input: 10,
    });
    expect(statSync(join(cwd, "usage.jsonl")).mode & 0o777).toBe(0o600);
  });

  it("makes no database where there is none", async () => {
    await expect(run(folder())).rejects.toThrow(/Nothing has been written down yet/);
  });

  it.each([
    [{ by: "colour" }, /--by colour groups nothing/],
    [{ last: "soon" }, /--last soon is no span/],
    [{ export: "usage.xls" }, /ends in neither/],
    [{ by: "key", user: "mia" }, /--by key cannot be answered/],
  ])("is wrong use with %o", async (values, why) => {
    await expect(run(folder(), values)).rejects.toThrow(why);
  });
});
