import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DatabaseDriver, systemClock } from "waygate";
import { postgres } from "waygate/plugins/postgres";
import { usage } from "waygate/plugins/usage";
import { type OpenDatabase, openDatabase } from "../../src/database/database.ts";
import { exportLines, importLines } from "../../src/database/transfer.ts";
import { hasPostgres, type PostgresServer, startPostgres } from "../database/_postgres.ts";
import { folder, people } from "./_people.ts";

const open = (path: string, driver?: DatabaseDriver): Promise<OpenDatabase> =>
  openDatabase({
    path,
    ...(driver && { dialect: driver.dialect, start: () => driver.start() }),
    clock: systemClock(),
    onProblem: (problem) => expect(problem).toBeUndefined(),
    onRecovery: () => undefined,
  });

describe.skipIf(!hasPostgres)("people who move from SQLite to PostgreSQL", () => {
  let server: PostgresServer;
  beforeAll(async () => void (server = await startPostgres()), 30_000);
  afterAll(() => server?.stop());

  it("keep their tokens, their groups, what they have used of their budgets, and their ledger", async () => {
    const path = join(folder(), "waygate.db");
    const before = await people({ database: { path }, plugins: [usage()] });
    await before.group({ id: "team", name: "Team", quotas: [{ unit: "requests", period: "total", amount: 4 }] });
    const budget = [{ unit: "requests", period: "total", amount: 3 }];
    const mia = await before.add({ name: "Mia", group: "team", quotas: budget });
    const uli = await before.add({ name: "Uli", group: "team" });
    const eva = await before.add({ name: "Eva", kind: "special" });
    for (const { token } of [mia, mia, uli, eva]) expect((await before.as(token)).status).toBe(200);
    await before.proxy.close();

    const source = await open(path);
    const lines: string[] = [];
    for await (const line of exportLines(source, 0)) lines.push(line);
    await source.close();
    const { database: driver } = postgres({ url: server.url });
    const target = await open(driver!.place, driver);
    await importLines(target, Readable.from(lines));
    await target.close();

    const after = await people({ plugins: [postgres({ url: server.url }), usage()] });
    expect([await after.used(mia.id), await after.used("team", "groups")]).toEqual([[2], [3]]);
    const { body } = await after.api<{ data: { name: string; requests: number }[] }>("GET /api/usage?by=user&last=9w");
    expect(Object.fromEntries(body.data.map(({ name, requests }) => [name, requests]))).toEqual({
      [mia.id]: 2,
      [uli.id]: 1,
      [eva.id]: 1,
    });
    expect((await after.as(mia.token)).status).toBe(200);
    const over = await after.as(uli.token);
    expect([over.status, JSON.stringify(over)]).toEqual([429, expect.stringContaining("quota_exceeded")]);
    expect((await after.as(eva.token)).status).toBe(200);
    await after.proxy.close();
  });
});
