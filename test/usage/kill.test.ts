/** What `kill -9` may take along of the ledger. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { compileCache, register } from "../_built.ts";
import { folder, query } from "../database/_folder.ts";

const recorder = fileURLToPath(new URL("_recorder.ts", import.meta.url));

it(
  "E7 H5 kill -9 loses at most the requests of the last second, and no sum counts one that is lost or counts one twice",
  { timeout: 30_000 },
  async () => {
    const path = join(folder(), "waygate.db");
    const child = spawn(process.execPath, ["--import", register, recorder], {
      env: { PATH: process.env["PATH"], ...compileCache, DATABASE: path },
      stdio: ["ignore", "pipe", "inherit"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    while (text.split("\n").length < 500) await once(child.stdout, "data");
    const at = Date.now();
    child.kill("SIGKILL");
    await once(child, "close");

    const told = text.split("\n").slice(0, -1);
    const requests = told.map((line) => ({ id: line.split(" ")[0]!, time: Number(line.split(" ")[1]) }));
    const saved = query(path, "SELECT request_id FROM usage ORDER BY id").map((row) => String(row["request_id"]));
    expect(new Set(saved).size).toBe(saved.length);
    // Where other work has the processor, nothing is recorded, and nothing is saved.
    const standstill = requests.reduce(
      (most, { time }, index) => Math.max(most, time - (requests[index - 1]?.time ?? time)),
      0,
    );
    const old = requests.filter(({ time }) => time < at - 1000 - standstill).map(({ id }) => id);
    expect(old.length).toBeGreaterThan(0);
    expect(saved).toEqual(expect.arrayContaining(old));

    const sums = "sum(input) AS input, sum(duration) AS duration";
    const rows = query(path, `SELECT count(*) AS requests, ${sums} FROM usage`);
    const summed = (table: string): unknown => query(path, `SELECT sum(requests) AS requests, ${sums} FROM ${table}`);
    const tables = ["usage_hours", "usage_users", "usage_user_models", "usage_keys"];
    expect(tables.map(summed)).toEqual(tables.map(() => rows));
    const counted = (table: string): unknown => query(path, `SELECT sum(requests) AS requests FROM ${table}`);
    const count = [{ requests: saved.length }];
    expect([counted("usage_latency"), counted("usage_model_latency")]).toEqual([count, count]);
    expect(query(path, "PRAGMA integrity_check")).toEqual([{ integrity_check: "ok" }]);
  },
);
