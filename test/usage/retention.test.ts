import { join } from "node:path";
import { expect, it } from "vitest";
import { startRetention } from "../../plugins/usage/retention.ts";
import { openDatabase } from "../../src/database/database.ts";
import { systemClock } from "../../src/runtime.ts";
import { virtualClock } from "../../src/testing/virtual-clock.ts";
import { folder, query } from "../database/_folder.ts";

const DAY = 86_400_000;
const now = Date.UTC(2026, 10, 21);
const PUT = `INSERT INTO usage (request_id, at, protocol, operation, asked, status, ended, stream, fell_back, duration, attempts)
  VALUES (?, ?, 'p', 'generate', 'm', 200, 'complete', 0, 0, 1, '[]')`;

it("H1 the ledger keeps what is neither too old nor too much, and its questions have an index from the start", async () => {
  const path = join(folder(), "waygate.db");
  const database = await openDatabase({
    path,
    clock: systemClock(),
    onProblem: (problem) => expect(problem).toBeUndefined(),
    onRecovery: () => undefined,
  });
  for (let index = 0; index < 20; index++) database.write(PUT, `r${index}`, index < 5 ? now - 3 * DAY : now - index);
  await database.flush();
  const clock = virtualClock({ start: now });
  const retention = startRetention(database, clock, (...told) => expect(told).toEqual([]), {
    days: 2,
    rows: 10,
    summaryDays: 2,
  });
  await clock.advance(30_000);
  const left = async (): Promise<unknown> => (await database.read("SELECT request_id FROM usage ORDER BY id")).length;
  await expect.poll(left).toBe(10);
  retention.stop();
  expect(await database.read("SELECT min(id) AS first FROM usage")).toEqual([{ first: 11 }]);
  await database.close();
  const plan = (sql: string): string => JSON.stringify(query(path, `EXPLAIN QUERY PLAN ${sql}`));
  expect(plan("SELECT * FROM usage WHERE user_id = 'u' ORDER BY at DESC LIMIT 100")).toContain("usage_user");
  expect(plan("SELECT * FROM usage WHERE at < 5 ORDER BY at LIMIT 100")).toContain("usage_at");
});
