/**
 * How long the ledger's questions take over a million requests, and what keeping one costs a request.
 * `node bench/ledger.ts [ROWS]`; a file in the temporary folder, removed afterwards.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { createLedger } from "../plugins/usage/ledger.ts";
import type { Entry } from "../plugins/usage/entry.ts";
import { usageReport, type UsageQuery } from "../plugins/usage/report.ts";
import { statementsFor } from "../plugins/usage/statements.ts";
import { openDatabase } from "../src/database/database.ts";
import { systemClock } from "../src/runtime.ts";

const rows = Number(process.argv[2] ?? 1_000_000);
const DAYS = 30;
const DAY = 86_400_000;
const now = Date.now();

/** The same every time: a small generator of chances. */
let seed = 42;
const chance = (): number => (seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0) / 2 ** 32;
const pick = (count: number): number => Math.floor(chance() ** 2 * count);

function entry(index: number): Entry {
  const model = pick(20);
  const provider = `provider-${model % 8}`;
  const credential = `${provider}:${pick(5)}`;
  return {
    requestId: `request-${index}`,
    at: now - DAYS * DAY + Math.floor((index / rows) * DAYS * DAY),
    user: `user-${pick(200)}`,
    group: "",
    protocol: "openai-chat",
    operation: "generate",
    asked: "smart",
    provider,
    model: `model-${model}`,
    credential,
    status: 200,
    end: "complete",
    error: null,
    stream: true,
    fellBack: chance() < 0.03,
    usage: { input: 800 + pick(4000), output: 300, cacheRead: 100 },
    cost: chance() < 0.99 ? 0.001 : null,
    duration: 900 + pick(8000),
    firstByte: 200 + pick(2000),
    attempts: undefined,
    tags: undefined,
    ip: "x".repeat(22),
  };
}

const folder = mkdtempSync(join(tmpdir(), "waygate-bench-"));
const database = await openDatabase({
  path: join(folder, "waygate.db"),
  clock: systemClock(),
  onProblem: (problem) => console.error(problem),
  onRecovery: () => undefined,
});
try {
  const ledger = createLedger(await statementsFor(database));
  database.attach(ledger);
  const began = performance.now();
  let cpu = 0;
  for (let index = 0; index < rows;) {
    const batch = Array.from({ length: Math.min(20_000, rows - index) }, () => entry(index++));
    const start = process.cpuUsage();
    for (const each of batch) {
      ledger.add(each);
      database.wake();
    }
    const used = process.cpuUsage(start);
    cpu += used.user + used.system;
    await database.flush();
  }
  const seconds = (performance.now() - began) / 1000;
  console.log(
    `${rows} rows in ${seconds.toFixed(1)} s, ${(rows / seconds / 1000).toFixed(1)} k rows/s; adding ${(cpu / rows).toFixed(2)} µs`,
  );
  for (const table of ["usage_hours", "usage_users", "usage_user_models", "usage_keys"]) {
    const [row] = await database.read(`SELECT count(*) AS rows FROM ${table}`);
    console.log(`${table}: ${Number(row?.["rows"])} sums`);
  }

  const week: UsageQuery = { from: now - 7 * DAY, to: now };
  const month: UsageQuery = { from: now - DAYS * DAY, to: now };
  const questions: { readonly [name: string]: () => Promise<unknown> } = {
    "totals, 24 h": () => usageReport(database, { from: now - DAY, to: now }),
    "by day, 7 d": () => usageReport(database, { ...week, by: "day" }),
    "by model, 7 d": () => usageReport(database, { ...week, by: "model" }),
    "by key, 7 d": () => usageReport(database, { ...week, by: "key" }),
    "by user, 7 d": () => usageReport(database, { ...week, by: "user" }),
    "by day, 30 d": () => usageReport(database, { ...month, by: "day" }),
    "own by model, 30 d": () => usageReport(database, { ...month, by: "model", user: "user-3" }),
    "last 100 requests": () => database.read("SELECT * FROM usage ORDER BY at DESC LIMIT 100"),
    "last 100 of a user": () =>
      database.read("SELECT * FROM usage WHERE user_id = ? ORDER BY at DESC LIMIT 100", "user-150"),
  };
  for (const [name, ask] of Object.entries(questions)) {
    await ask();
    const times: number[] = [];
    for (let count = 0; count < 9; count++) {
      const start = performance.now();
      await ask();
      times.push(performance.now() - start);
    }
    times.sort((a, b) => a - b);
    console.log(`${name.padEnd(20)} median ${times[4]!.toFixed(1)} ms, worst ${times[8]!.toFixed(1)} ms`);
  }
} finally {
  await database.close();
  rmSync(folder, { recursive: true, force: true });
}
