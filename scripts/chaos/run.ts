/** A chaos run from its beginning to its report. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { createChance } from "../../src/simulation/chance.ts";
import { checkRates, watchCalls } from "./calls.ts";
import { checkDisabled, checkLines, checkServed } from "./checks.ts";
import type { Served } from "./client.ts";
import { type Crowd, startCrowd } from "./crowd.ts";
import { checkFree, checkGrowth, measure } from "./finish.ts";
import { createStalls, watchLag } from "./lag.ts";
import { type ActsInit, disturb } from "./disturb.ts";
import { type Act, createOperator } from "./operator.ts";
import { configText, MARK, planOf } from "./plan.ts";
import { createJournal, type Journal } from "./rules.ts";
import type { RequestLine } from "./server.ts";
import { freePort, startUpstreams } from "./upstreams.ts";

export interface ChaosOptions extends ActsInit {
  readonly clients: number;
  /** Of the package. */
  readonly root: string;
  /** Milliseconds after which everything must be usable again. */
  readonly recovery: number;
  readonly say: (line: string) => void;
}

export interface ChaosReport {
  readonly journal: Journal;
  readonly ends: ReadonlyMap<string, number>;
  readonly faults: ReadonlyMap<string, number>;
  readonly acts: ReadonlyMap<Act, number>;
  readonly requests: number;
  readonly calls: number;
  /** Facts for people, one per line. */
  readonly facts: readonly string[];
}

const FAULTY =
  /failed inside the proxy|uncaught|unhandled|TypeError|ReferenceError|RangeError|AssertionError|^ {4}at \S/i;

export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, clients, root, say } = options;
  const chance = createChance(seed);
  const plan = planOf(chance);
  const journal = createJournal(say);
  const { violate } = journal;
  const lag = watchLag();
  const stalls = createStalls(violate);
  const folder = mkdtempSync(join(tmpdir(), "waygate-chaos-"));
  const calls = watchCalls(plan.providers, { violate, lag: lag.since });
  const upstreams = await startUpstreams({ providers: plan.providers, chance: chance.fork("faults"), calls });
  const [port, nowhere] = [await freePort(), await freePort()];
  const editions = chance.fork("editions");
  const lines = new Map<string, RequestLine[]>();
  const others = new Map<string, number>();
  const all: Served[] = [];
  const ends = new Map<string, number>();
  const count = (counts: Map<string, number>, name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1);
  const facts: string[] = [];

  const operator = createOperator({
    root,
    folder,
    port,
    plan,
    chance: chance.fork("operator"),
    journal,
    edition: () =>
      configText(plan, { addresses: upstreams.addresses, nowhere: `http://127.0.0.1:${nowhere}/v1`, chance: editions }),
    onRequest(line) {
      const known = lines.get(line.id);
      if (known) known.push(line);
      else lines.set(line.id, [line]);
      if (JSON.stringify(line).includes(MARK)) violate("no-secret", `a line: ${JSON.stringify(line)}`);
    },
    onLine(line) {
      const stall = /^stood still for (\d+) ms, (\d+) of them busy/.exec(line);
      if (stall) return stalls.add(Number(stall[1]), Number(stall[2]));
      count(others, line.replaceAll(/\d[\d:.]*/g, "N").slice(0, 160));
      if (line.includes(MARK)) violate("no-secret", `a line: ${line}`);
      if (FAULTY.test(line)) violate("no-fault-logged", line);
    },
  });
  const late = (at: number): number => lag.since(at) + stalls.since(at);
  const checking = { lives: operator.lives, calls, violate, lag: late };
  let crowd: Crowd | undefined;
  try {
    await operator.start();
    const before = await measure(port, operator.lives.at(-1)!);
    crowd = startCrowd({
      clients,
      models: plan.models,
      chance: chance.fork("crowd"),
      port,
      saw(asked, text) {
        const at = text.indexOf(MARK);
        if (at !== -1)
          violate("no-secret", `#${asked.index} is answered ${text.slice(Math.max(0, at - 200), at + 100)}`);
      },
      onServed(served) {
        all.push(served);
        count(ends, served.end);
      },
    });
    const reloads = await disturb(options, operator);
    await crowd.stop();
    upstreams.trouble = 0;
    await operator.settled();
    await sleep(1500);
    for (const served of all) checkServed(served, checking);
    await checkFree({ ...options, plan, operator, calls, journal, port });
    facts.push(await checkGrowth({ before, port, server: operator.lives.at(-1)!, reloads, violate }));
    const { code } = await operator.lives.at(-1)!.stop("SIGTERM");
    if (code !== 0) violate("ends-in-order", `the last SIGTERM ends it with ${code}`);
    checkLines(all, lines, checking);
    checkDisabled(operator.disabled, checking);
    const kills = operator.lives.flatMap(({ stopping }) => (stopping?.how === "SIGKILL" ? [stopping.at] : []));
    checkRates(calls.all, plan.providers, kills, { violate, lag: late });
    checkState(folder, violate);
  } finally {
    void crowd?.stop();
    await operator.lives.at(-1)?.stop("SIGKILL");
    await upstreams.close();
    lag.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  for (const { name, keys, places } of plan.providers) {
    const most = Math.max(...keys.map((key) => calls.peaks.get(key) ?? 0));
    facts.push(`${name}: at most ${most} calls of a key seemed to be at once, ${places} may be`);
  }
  facts.push(
    ...[...others]
      .toSorted((a, b) => b[1] - a[1])
      .slice(0, 25)
      .map(([line, times]) => `${times} × ${line}`),
  );
  return {
    journal,
    ends,
    faults: upstreams.played,
    acts: operator.done,
    requests: all.length,
    calls: calls.all.length,
    facts,
  };
}

function checkState(folder: string, violate: Journal["violate"]): void {
  const names = readdirSync(join(folder, ".waygate"));
  const aside = names.filter((name) => name.includes("corrupt"));
  if (aside.length > 0) violate("state-whole", `set aside: ${aside.join(", ")}`);
  const connection = new DatabaseSync(join(folder, ".waygate", "waygate.db"));
  const rows = connection.prepare("PRAGMA integrity_check").all();
  connection.close();
  if (JSON.stringify(rows) !== '[{"integrity_check":"ok"}]') violate("state-whole", JSON.stringify(rows));
}
