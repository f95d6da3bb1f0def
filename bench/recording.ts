/**
 * What the ledger costs: the same load on a proxy with `usage()` and on one without, both up at once, each with a
 * database of its own, and measured in turn. `node bench/recording.ts [--rounds N] [--seconds N] [--connections N]`,
 * after `npm run build`. Processor time is that of all threads, the database's included. What else the machine does only
 * ever adds to it, so the best quarter of many short rounds tells more than their median where it is busy.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { prefersSource } from "../bin/launch.mjs";
import { load } from "./load.ts";
import { verify } from "./measure.ts";
import { freePort, processorTime, run, type Running } from "./processes.ts";
import { type Measured, table } from "./report.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "24" },
    seconds: { type: "string", default: "1.5" },
    connections: { type: "string", default: "16" },
  },
});
const rounds = Number(values.rounds);
const duration = Number(values.seconds) * 1000;
const connections = Number(values.connections);
/** Milliseconds until all that was recorded has been written. */
const written = 800;
const total = "CPU per request (µs)";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Target extends Measured {
  readonly rounds: { readonly [figure: string]: number }[];
  readonly fixed: { [figure: string]: number };
  readonly server: Running;
}

async function start(
  name: string,
  base: string | undefined,
  env: { readonly [name: string]: string },
): Promise<Target> {
  const port = await freePort();
  const config = here("proxy-recording.config.ts");
  const args = [here("../bin/proxy.mjs"), "start", "--config", config, "--port", String(port)];
  const server = await run(args, { port, ready: "/health", env });
  await verify(server);
  return { name, base, rounds: [], fixed: {}, server };
}

/** Microseconds of the threads but the first, as far as the kernel knows: the database's, the collector's. */
function beside(pid: number): number {
  const own = `/proc/${pid}/task`;
  const times = readdirSync(own).map((task) => (task === String(pid) ? 0 : runTime(`${own}/${task}/schedstat`)));
  return times.reduce((sum, each) => sum + each, 0);
}

/** Its first number is nanoseconds on a processor (kernel docs, "Scheduler Statistics"). */
function runTime(path: string): number {
  return Number(readFileSync(path, "latin1").split(" ")[0]) / 1000;
}

async function measure({ server: { port, pid } }: Target, milliseconds: number): Promise<Target["rounds"][number]> {
  const before = { all: processorTime(pid), others: beside(pid) };
  const { requests, elapsed } = await load({ port, kind: "json", duration: milliseconds, connections });
  await pause(written);
  return {
    "JSON requests/s": (requests * 1000) / elapsed,
    [total]: (processorTime(pid) - before.all) / requests,
    "of which beside the main thread (µs)": (beside(pid) - before.others) / requests,
  };
}

if (prefersSource(here(".."))) throw new Error("dist is missing or older than the sources; run `npm run build` first");
const folder = mkdtempSync(join(tmpdir(), "waygate-bench-"));
const up: Running[] = [];
try {
  const port = await freePort();
  const upstream = await run([here("upstream.ts"), String(port)], { port, ready: "/" });
  up.push(upstream);
  const env = { BENCH_UPSTREAM: String(port) };
  const without = await start("without", undefined, { ...env, BENCH_DATA: join(folder, "without") });
  up.push(without.server);
  const recorded = await start("usage()", "without", { ...env, BENCH_DATA: join(folder, "with"), BENCH_RECORD: "1" });
  up.push(recorded.server);
  const targets = [without, recorded];
  for (const target of targets) await measure(target, 3000);
  for (let turn = 0; turn < rounds; turn++) {
    // Every other round backwards, so that nobody always goes first.
    for (const target of turn % 2 === 0 ? targets : targets.toReversed()) {
      target.rounds.push(await measure(target, duration));
    }
  }
  for (const { rounds: all, fixed } of targets) {
    const sorted = all.map((round) => round[total] ?? Number.NaN).toSorted((a, b) => a - b);
    fixed["CPU per request, best quarter (µs)"] = sorted[sorted.length >> 2] ?? Number.NaN;
  }
  console.log(table(targets));
} finally {
  await Promise.all(up.map((server) => server.stop()));
  rmSync(folder, { recursive: true, force: true });
}
