/**
 * What waygate costs, next to the least that any proxy in Node costs: `npm run bench`. Needs Linux (processor time is
 * read from /proc) and a fresh `npm run build`. All servers stay up for the whole run and are measured in turn, so
 * that a slow minute of the machine hits all of them.
 */
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { prefersSource } from "../bin/launch.mjs";
import { measureFaults } from "./faults.ts";
import { type Figures, measure, memoryPerStream, verify } from "./measure.ts";
import { freePort, residentMemory, run, type Running } from "./processes.ts";
import { median, medians, table } from "./report.ts";
import { selectionReport } from "./selection.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string" },
    seconds: { type: "string" },
    connections: { type: "string", default: "64" },
    only: { type: "string" },
    json: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    faults: { type: "boolean", default: false },
    sources: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});
const usage = `npm run bench -- [options]
  --rounds N       rounds after the warm-up (5; 2 with --quick)
  --seconds N      length of each of the three loads of a round (2; 0.7 with --quick)
  --connections N  sockets, one request in flight on each (64)
  --only NAMES     of floor, waygate, waygate-10k, translated; separated by commas; one twice shows the noise
  --faults         what failing upstreams cost, and choosing a key among 10,000, instead of the comparison;
                   --only is then of none, limited, failing, reset, slow, cut, dead
  --sources        measures the sources although dist is older
  --json           figures of every round as JSON, instead of the table`;

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const positive = (text: string | undefined, otherwise: number): number => {
  const number = Number(text ?? otherwise);
  if (!(number > 0)) throw new RangeError(`not a positive number: ${text}\n${usage}`);
  return number;
};
const rounds = positive(values.rounds, values.quick ? 2 : 5);
const duration = positive(values.seconds, values.quick ? 0.7 : 2) * 1000;
const connections = positive(values.connections, 64);
const starts = values.quick ? 2 : 5;
const say = (text: string): void => void process.stderr.write(`${text}\n`);

const targets: { readonly [name: string]: (upstream: number) => Promise<Running> } = {
  floor: async (upstream) => {
    const port = await freePort();
    return run([here("floor.ts"), String(port), String(upstream)], { port, ready: "/health" });
  },
  waygate: (upstream) => waygate("proxy.config.ts", upstream),
  "waygate-10k": (upstream) => waygate("proxy-10k.config.ts", upstream),
  translated: (upstream) => waygate("proxy-translated.config.ts", upstream),
};

/** What each is compared with. */
const bases: { readonly [name: string]: string } = {
  waygate: "floor",
  "waygate-10k": "waygate",
  translated: "waygate",
};

async function waygate(config: string, upstream: number): Promise<Running> {
  const port = await freePort();
  const args = [here("../bin/proxy.mjs"), "start", "--config", here(config), "--port", String(port)];
  return run(args, { port, ready: "/health", env: { BENCH_UPSTREAM: String(upstream) } });
}

/** Median start of several, one after the other; the last one stays up. */
async function startRepeatedly(start: () => Promise<Running>): Promise<{ server: Running; started: number }> {
  const times: number[] = [];
  for (;;) {
    const server = await start();
    times.push(server.started);
    if (times.length === starts) return { server, started: median(times) };
    await server.stop();
  }
}

interface Target {
  readonly name: string;
  readonly base: string | undefined;
  readonly server: Running;
  readonly rounds: Figures[];
  readonly fixed: { [figure: string]: number };
}

async function startTarget(name: string, start: () => Promise<Running>): Promise<Target> {
  const { server, started } = await startRepeatedly(start);
  up.push(server);
  await verify(server);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const fixed = {
    "Start to first 200 (ms)": started,
    "Memory when idle (MiB)": residentMemory(server.pid),
    // Before any load: afterwards the heap is large enough for many streams.
    "Memory per open stream (KiB)": await memoryPerStream(server),
  };
  return {
    name,
    base: bases[name] ?? (name.endsWith(again) ? name.slice(0, -again.length) : undefined),
    server,
    rounds: [],
    fixed,
  };
}

/** Every kind of load on every target, the targets right after one another. */
async function playRound(playing: readonly Target[], milliseconds: number): Promise<Figures[]> {
  const figures = new Map<Target, Figures>();
  for (const kind of ["json", "stream", "flood", "single"] as const) {
    for (const target of playing) {
      const more = await measure(target.server, kind, { duration: milliseconds, connections });
      figures.set(target, { ...figures.get(target), ...more });
    }
  }
  return playing.map((target) => figures.get(target) ?? {});
}

const again = " again";
const up: Running[] = [];

function checkBuilt(): void {
  if (values.sources || !prefersSource(here(".."))) return;
  throw new Error("dist is missing or older than the sources; run `npm run build` first, the benchmark measures dist");
}

async function main(): Promise<void> {
  const names = values.only?.split(",") ?? Object.keys(targets);
  for (const name of names) if (!targets[name]) throw new RangeError(`unknown target ${name}\n${usage}`);
  if (names.some((name) => name !== "floor")) checkBuilt();
  try {
    const port = await freePort();
    const upstream = await run([here("upstream.ts"), String(port)], { port, ready: "/" });
    up.push(upstream);
    const started: Target[] = [];
    for (const [index, name] of names.entries()) {
      // The same target twice tells how much of a difference is noise.
      const label = names.indexOf(name) === index ? name : name + again;
      say(`starting ${label} ${starts} times`);
      started.push(await startTarget(label, () => targets[name]!(upstream.port)));
    }
    say("warming up");
    await playRound(started, Math.min(1500, duration));
    for (let turn = 0; turn < rounds; turn++) {
      say(`round ${turn + 1} of ${rounds}`);
      // Every other round backwards, so that nobody always goes first.
      const order = turn % 2 === 0 ? started : started.toReversed();
      const figures = await playRound(order, duration);
      for (const [index, target] of order.entries()) target.rounds.push(figures[index] ?? {});
    }
    for (const { server, fixed } of started) fixed["Memory after load (MiB)"] = residentMemory(server.pid);
    print(started);
  } finally {
    await Promise.all(up.map((server) => server.stop()));
  }
}

function print(measured: readonly Target[]): void {
  const machine = { node: process.version, processors: cpus().length, connections };
  if (values.json) {
    const figures = measured.map(({ server: _, ...target }) => ({ ...target, medians: medians(target) }));
    console.log(JSON.stringify({ ...machine, targets: figures }, null, 2));
  } else {
    const { node, processors } = machine;
    console.log(`Node ${node}, ${processors} processors, ${connections} connections\n\n${table(measured)}`);
  }
}

if (values.help) console.log(usage);
else if (values.faults) {
  checkBuilt();
  console.log(`${await selectionReport()}\n`);
  console.log(await measureFaults({ rounds, duration, connections, say, only: values.only?.split(",") }));
} else await main();
