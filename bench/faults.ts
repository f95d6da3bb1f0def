/**
 * What each fault of an upstream costs: the same load on a proxy whose upstream is healthy and on proxies whose
 * upstreams fail in one way each, all up at once and measured in turn.
 */
import { fileURLToPath } from "node:url";
import { load } from "./load.ts";
import { quantile } from "./measure.ts";
import { freePort, run, type Running } from "./processes.ts";
import { type Measured, ratio, median } from "./report.ts";

/** Names as `upstream.ts` knows them, and what they are for people. */
export const faults: { readonly [name: string]: string } = {
  none: "no fault",
  limited: "10 % answer 429, retry after 1 s",
  failing: "5 % answer 500",
  reset: "5 % reset the connection",
  slow: "10 % take 300 ms longer to the first byte",
  cut: "5 % break off in the middle",
  dead: "the first of two providers is dead",
};

export interface FaultsOptions {
  readonly rounds: number;
  /** Milliseconds of each load. */
  readonly duration: number;
  readonly connections: number;
  readonly say: (text: string) => void;
  /** Names of faults. Default: all. */
  readonly only?: readonly string[];
}

interface Faulty extends Measured {
  readonly rounds: { [figure: string]: number }[];
  readonly server: Running;
}

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Runs them all and resolves with a table. */
export async function measureFaults({ rounds, duration, connections, say, only }: FaultsOptions): Promise<string> {
  const up: Running[] = [];
  try {
    const measured: Faulty[] = [];
    for (const name of only ?? Object.keys(faults)) {
      say(`starting with ${name}`);
      const server = await start(name, up);
      measured.push({ name, base: name === "none" ? undefined : "none", rounds: [], fixed: {}, server });
    }
    for (let turn = -1; turn < rounds; turn++) {
      say(turn < 0 ? "warming up" : `round ${turn + 1} of ${rounds}`);
      const order = turn % 2 === 0 ? measured : measured.toReversed();
      for (const target of order) {
        const figures = await measureOne(
          target.server.port,
          turn < 0 ? Math.min(1000, duration) : duration,
          connections,
        );
        if (turn >= 0) target.rounds.push(figures);
      }
    }
    return table(measured);
  } finally {
    await Promise.all(up.map((server) => server.stop()));
  }
}

async function start(name: string, up: Running[]): Promise<Running> {
  const [upstreamPort, deadPort, port] = [await freePort(), await freePort(), await freePort()];
  up.push(await run([here("upstream.ts"), String(upstreamPort), name], { port: upstreamPort, ready: "/" }));
  const args = [here("../bin/proxy.mjs"), "start", "--config", here("proxy-faults.config.ts"), "--port", String(port)];
  const env = { BENCH_UPSTREAM: String(upstreamPort), ...(name === "dead" && { BENCH_DEAD: String(deadPort) }) };
  const server = await run(args, { port, ready: "/health", env });
  up.push(server);
  return server;
}

async function measureOne(port: number, duration: number, connections: number): Promise<{ [figure: string]: number }> {
  const json = await load({ port, kind: "json", duration, connections, tolerant: true });
  const stream = await load({ port, kind: "stream", duration, connections, tolerant: true });
  return {
    "JSON answers/s": (json.requests * 1000) / json.elapsed,
    "JSON p50 (ms)": quantile(json.latencies, 0.5),
    "JSON p99 (ms)": quantile(json.latencies, 0.99),
    "JSON failed (%)": (100 * json.failed) / Math.max(1, json.requests + json.failed),
    "Stream first byte p50 (ms)": quantile(stream.latencies, 0.5),
    "Stream first byte p99 (ms)": quantile(stream.latencies, 0.99),
    "Streams refused (%)": (100 * stream.failed) / Math.max(1, stream.requests + stream.failed),
    "Streams ended by an error (%)": (100 * stream.broken) / Math.max(1, stream.requests),
  };
}

/** One row per fault; figures other than shares with their ratio to the run without a fault. */
function table(measured: readonly Faulty[]): string {
  const [healthy] = measured;
  if (!healthy) return "";
  const figures = Object.keys(healthy.rounds[0] ?? {});
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const cell = (target: Faulty, figure: string): string => {
    const value = median(target.rounds.map((round) => round[figure] ?? Number.NaN));
    const text = value >= 1000 ? String(Math.round(value)) : value.toPrecision(3);
    if (figure.endsWith("(%)")) return value.toFixed(2);
    return target === healthy ? text : `${text} (× ${ratio(target, healthy, figure).toFixed(2)})`;
  };
  const rows = measured.map((target) => [
    faults[target.name] ?? target.name,
    ...figures.map((each) => cell(target, each)),
  ]);
  return [line(["Upstream", ...figures]), line(["---", ...figures.map(() => "---:")]), ...rows.map(line)].join("\n");
}
