/** What must be so when nobody asks any more: nothing under way, nothing grown, everything usable. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Calls } from "./calls.ts";
import { ask } from "./client.ts";
import type { Operator } from "./operator.ts";
import type { Plan } from "./plan.ts";
import type { Journal, Violate } from "./rules.ts";
import type { Running } from "./server.ts";

export interface Measured {
  /** Bytes. */
  readonly heap: number;
  readonly rss: number;
  /** Sockets, files and the like that are open. */
  readonly files: number;
  readonly kinds: string;
  readonly timers: number;
}

export async function measure(port: number, server: Running): Promise<Measured> {
  const response = await fetch(`http://127.0.0.1:${port}/chaos/gauge`, { headers: { connection: "close" } });
  const { heapUsed, rss, handles } = (await response.json()) as { heapUsed: number; rss: number; handles: string[] };
  const timers = handles.filter((name) => name === "Timeout").length;
  const kinds = [...server.handles()].toSorted((a, b) => b[1] - a[1]);
  const files = kinds.reduce((sum, [, count]) => sum + count, 0);
  const shown = kinds
    .map(([kind, count]) => `${count} ${kind}`)
    .slice(0, 6)
    .join(", ");
  return { heap: heapUsed, rss, files, kinds: shown, timers };
}

export interface FreeInit {
  /** Milliseconds. */
  readonly recovery: number;
  readonly plan: Plan;
  readonly operator: Operator;
  readonly calls: Calls;
  readonly journal: Journal;
  readonly port: number;
}

export async function checkFree({ plan, operator, calls, journal, port, recovery }: FreeInit): Promise<void> {
  const { violate } = journal;
  for (const { key, fault } of calls.open()) violate("no-leak", `a call goes on when all is over: ${key} ${fault}`);
  const { providers } = await operator.keys();
  for (const { provider, keys } of providers) {
    for (const { label, inFlight } of keys) {
      if (inFlight > 0) violate("no-leak", `${provider} ${label}: ${inFlight} in flight and no request`);
    }
  }
  const left = new Set(plan.models.filter((model) => model !== "nobody"));
  const until = performance.now() + recovery;
  let index = 900_000_000;
  let last = "";
  while (left.size > 0 && performance.now() < until) {
    await operator.heal();
    for (const model of left) {
      const asked = { index: index++, dialect: "openai-chat", stream: false, model, size: 3 } as const;
      const served = await ask(
        { ...asked, leavesAfter: undefined, leavesUpload: false, slow: 0 },
        { port, agent: false, saw() {} },
      );
      if (served.end === "complete") left.delete(model);
      else last = `${model}: ${served.status} ${served.why}`;
    }
    await sleep(500);
  }
  if (left.size > 0)
    violate("free-again", `${[...left].join(", ")} cannot be asked ${recovery} ms after all is well: ${last}`);
}

/** Bytes that a proxy which has worked may be larger than one that has not: compiled code, pools, caches. */
const USUAL = 40 * 1024 * 1024;
/** The modules of a config that was read anew stay. */
const PER_RELOAD = 2 * 1024 * 1024;
const FILES = 15;
/** Seconds: connections to upstreams are kept for thirty when nobody uses them. */
const PATIENCE = 40;
const TIMERS = 10;

export interface GrowthInit {
  readonly before: Measured;
  readonly port: number;
  readonly server: Running;
  /** Of this process. */
  readonly reloads: number;
  readonly violate: Violate;
}

export async function checkGrowth({ before, port, server, reloads, violate }: GrowthInit): Promise<string> {
  const shown = ({ heap, rss, files, kinds, timers }: Measured): string =>
    `heap ${Math.round(heap / 1e6)} MB, rss ${Math.round(rss / 1e6)} MB, ${files} files (${kinds}), ${timers} timers`;
  const isNear = ({ heap, files, timers }: Measured): boolean =>
    heap < before.heap + USUAL + reloads * PER_RELOAD &&
    files <= before.files + FILES &&
    timers <= before.timers + TIMERS;
  let after = await measure(port, server);
  for (let tries = 0; tries < PATIENCE && !isNear(after); tries++) {
    await sleep(1000);
    after = await measure(port, server);
  }
  if (!isNear(after)) violate("no-growth", `before ${shown(before)}; after ${shown(after)}, ${reloads} reloads`);
  return `before: ${shown(before)}; after: ${shown(after)}, ${reloads} reloads of the last process`;
}
