/** The same questions to the ledger in a file and in PostgreSQL. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { usageLines, unanswered, usageReport, type Grouping, type UsageQuery } from "waygate/plugins/usage";
import { virtualClock } from "waygate/testing";
import type { Entry } from "../../plugins/usage/entry.ts";
import { createLedger } from "../../plugins/usage/ledger.ts";
import { startRetention } from "../../plugins/usage/retention.ts";
import { statementsFor } from "../../plugins/usage/statements.ts";
import type { OpenDatabase } from "../../src/database/database.ts";
import { openedFile, openedServer } from "../database/_opened.ts";
import { hasPostgres, type PostgresServer, startPostgres } from "../database/_postgres.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const start = Date.UTC(2026, 10, 20, 12);
const REQUESTS = 60;

function entry(index: number): Entry {
  const provider = `provider-${index % 3}`;
  const credential = `${provider}:${index % 2}`;
  const model = index % 5 === 0 ? "vendor/it's ?" : `model-${index % 4}`;
  const wasRefused = index % 11 === 0;
  return {
    requestId: `request-${index}`,
    at: start + index * HOUR,
    user: index % 7 === 0 ? "" : `user-${index % 4}`,
    group: index % 2 === 0 ? "" : "team",
    ...{ protocol: "openai-chat", operation: "generate", asked: "smart", provider, model, credential },
    status: wasRefused ? 503 : 200,
    end: wasRefused ? "refused" : "complete",
    error: wasRefused ? "overloaded" : null,
    stream: index % 2 === 0,
    fellBack: index % 9 === 0,
    usage: wasRefused ? undefined : { input: 2 ** 40 + index, output: 30, cacheRead: 10 },
    cost: index % 8 === 0 ? null : 0.1,
    duration: 900 + index * 7,
    firstByte: wasRefused ? null : 100 * (index + 1),
    attempts: [{ provider, model, credential, status: 200, ms: 5 }],
    tags: index % 3 === 0 ? ["nightly", "üñí"] : [],
    ip: "x".repeat(22),
  };
}

async function filled(database: OpenDatabase): Promise<OpenDatabase> {
  const ledger = createLedger(await statementsFor(database));
  database.attach(ledger);
  for (let index = 0; index < REQUESTS; index++) ledger.add(entry(index));
  database.wake();
  await database.flush();
  return database;
}

const span = { from: start, to: start + REQUESTS * HOUR };
const groupings: readonly Grouping[] = ["hour", "day", "provider", "model", "user", "group", "key"];
const wanted: readonly UsageQuery[] = [
  span,
  ...groupings.map((by) => ({ ...span, by })),
  ...groupings.map((by) => ({ ...span, by, user: "user-1" })),
  ...groupings.map((by) => ({ ...span, by, provider: "provider-2" })),
  { ...span, by: "day", zone: "Asia/Tokyo" },
  { ...span, by: "model", user: "' OR 1=1 --" },
  { from: 0, to: 1, by: "model" },
  { from: 0, to: 1, by: "group", user: "user-1" },
];
const queries = wanted.filter((query) => unanswered(query) === undefined);

const shown = ({ from, to, ...asked }: UsageQuery): string => `${JSON.stringify(asked)} of ${(to - from) / HOUR} hours`;

describe.skipIf(!hasPostgres)("the ledger in PostgreSQL", () => {
  const folder = mkdtempSync(join(tmpdir(), "waygate-ledger-"));
  let server: PostgresServer;
  let file: OpenDatabase;
  let other: OpenDatabase;
  beforeAll(async () => {
    server = await startPostgres();
    file = await filled(await openedFile(join(folder, "waygate.db")));
    other = await filled(await openedServer(server.url, "ledger"));
  }, 30_000);
  afterAll(async () => {
    await Promise.all([file?.close(), other?.close()]);
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each(queries.map((query) => [shown(query), query] as const))("answers as the file does: %s", async (_, query) => {
    const [here, there] = await Promise.all([usageReport(file, query), usageReport(other, query)]);
    expect(there).toEqual(here);
    const isNothing = query.to === 1 || (query.user ?? "").includes("'");
    expect(here.totals.requests > 0).toBe(!isNothing);
    if (query.by !== undefined) expect(here.data.length > 0).toBe(!isNothing);
  });

  it("names what is summed, biggest first, and every sum is that of its requests", async () => {
    const { totals, data } = await usageReport(other, { ...span, by: "provider" });
    expect(data.map(({ name, requests }) => [name, requests])).toEqual([0, 1, 2].map((at) => [`provider-${at}`, 20]));
    const entries = Array.from({ length: REQUESTS }, (_, index) => entry(index));
    const input = entries.reduce((sum, { usage }) => sum + (usage?.input ?? 0), 0);
    expect(totals).toMatchObject({ requests: REQUESTS, input_tokens: input, cost: 5.2 });
    expect(totals.first_byte_ms).toEqual({ p50: expect.any(Number) as number, p95: expect.any(Number) as number });
    const byDay = await usageReport(other, { ...span, by: "day" });
    expect(byDay.data.map(({ name, requests }) => [name, requests])).toEqual([
      ["2026-11-20", 12],
      ["2026-11-21", 24],
      ["2026-11-22", 24],
    ]);
  });

  it.each(["csv", "jsonl"] as const)("gives the same rows as %s", async (format) => {
    const all = async (database: OpenDatabase): Promise<string> => {
      let text = "";
      for await (const lines of usageLines(database, { ...span, from: start + HOUR, format })) text += lines;
      return text;
    };
    const text = await all(other);
    expect(text).toBe(await all(file));
    expect(text.trimEnd().split("\n")).toHaveLength(REQUESTS - 1 + (format === "csv" ? 1 : 0));
  });

  it("H1 loses what is too old and too much", async () => {
    const clock = virtualClock({ start: span.to });
    const report = (...told: readonly unknown[]): void => expect(told).toEqual([]);
    const retention = startRetention(other, clock, report, { days: 1, rows: 10, summaryDays: 1 });
    await clock.advance(30_000);
    const left = (): Promise<unknown> => other.read("SELECT min(at) AS first, count(*) AS rows FROM usage");
    await expect.poll(left).toEqual([{ first: start + (REQUESTS - 10) * HOUR, rows: 10 }]);
    const hours = (): Promise<unknown> => other.read("SELECT min(hour) AS first FROM usage_hours");
    await expect.poll(hours).toEqual([{ first: span.to + HOUR - DAY }]);
    retention.stop();
  });
});
