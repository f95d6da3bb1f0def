/** What `kill -9` may take along of what was handed to the database. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { compileCache, register } from "../_built.ts";
import { folder, query } from "./_folder.ts";

const writer = fileURLToPath(new URL("_writer.ts", import.meta.url));

interface Killed {
  /** When each record was handed over, in order. */
  readonly written: readonly number[];
  /** Epoch milliseconds. */
  readonly at: number;
}

/** Lets the writer work until it has written at least so many records. */
async function killAfter(path: string, records: number): Promise<Killed> {
  const child = spawn(process.execPath, ["--import", register, writer], {
    env: { PATH: process.env["PATH"], ...compileCache, DATABASE: path },
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let text = "";
  let count = 0;
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
    count += chunk.split("\n").length - 1;
  });
  while (count < records) await once(child.stdout, "data");
  const at = Date.now();
  child.kill("SIGKILL");
  await once(child, "close");
  const written = text
    .split("\n")
    .slice(0, -1)
    .map((line) => Number(line.split(" ")[1]));
  return { written, at };
}

// About 250 come in a second.
it.each([420, 610])(
  "E7 H5 kill -9 after %i records loses at most the records of the last second, and none before another (report 13)",
  { timeout: 30_000 },
  async (records) => {
    const path = join(folder(), "waygate.db");
    const { written, at } = await killAfter(path, records);
    const saved = query(path, "SELECT number FROM ledger ORDER BY rowid").map(({ number }) => Number(number));
    expect(saved).toEqual(Array.from({ length: saved.length }, (_, index) => index + 1));
    // Where other work has the processor, nothing is written, and nothing is saved.
    const standstill = written.reduce((most, time, index) => Math.max(most, time - (written[index - 1] ?? time)), 0);
    const old = written.filter((time) => time < at - 1000 - standstill);
    expect(saved.length).toBeGreaterThanOrEqual(old.length);
    expect(saved.length).toBeLessThanOrEqual(written.length + 1);
    expect(query(path, "PRAGMA integrity_check")).toEqual([{ integrity_check: "ok" }]);
  },
);
