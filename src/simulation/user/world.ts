/** A user's proxy on stand-ins in virtual time: opened, changed if somebody asks what if, and given its requests. */
import { createConsola } from "consola";
import type { Catalog } from "../../catalog/catalog.ts";
import type { Pool } from "../../candidates/pool.ts";
import type { AnyConfig } from "../../config/types.ts";
import type { Pipeline } from "../../pipeline/pipeline.ts";
import { createProxy, internalsOf } from "../../proxy.ts";
import type { Proxy } from "../../proxy-options.ts";
import { virtualClock, type VirtualClock } from "../../testing/virtual-clock.ts";
import { createChance } from "../chance.ts";
import { simulatedNetwork } from "../network.ts";
import { wholeMilliseconds } from "../world.ts";
import { createAnswers, type Wanted } from "./answers.ts";
import { type Assumption, type AssumptionRule, assumptionOf } from "./assumption.ts";
import { createDrySpells, type DrySpells } from "./dry-spells.ts";
import { callOf, type StandInOptions, withStandIns } from "./stand-ins.ts";
import { createTallies, type Tallies } from "./tally.ts";

export interface UserWorldInit extends StandInOptions {
  /** Freshly loaded: plugins keep what they have seen. */
  readonly config: AnyConfig;
  readonly root?: string;
  /** Epoch milliseconds. */
  readonly start: number;
  readonly seed: number;
  readonly rules: readonly AssumptionRule[];
  readonly catalog: Catalog;
}

export interface UserWorld {
  readonly clock: VirtualClock;
  readonly pipeline: Pipeline;
  readonly pool: Pool;
  readonly tallies: Tallies;
  readonly spells: DrySpells;
  /** Requests under way, by id: what their answers are to be. */
  readonly wanted: Map<string, Wanted>;
  /** What the proxy logged as an error, a line each, and how often. */
  readonly faults: ReadonlyMap<string, number>;
  assume(provider: string, key: string): Assumption;
  close(): Promise<void>;
}

/** Of no request: somebody finds out whether a key works. */
const probe: Wanted = { stream: false, input: 1, output: 1 };

export async function openWorld(init: UserWorldInit): Promise<UserWorld> {
  const { config, root, start, seed, rules, catalog } = init;
  const clock = wholeMilliseconds(virtualClock({ start }));
  const chance = createChance(seed);
  const tallies = createTallies(start, catalog);
  const spells = createDrySpells();
  const wanted = new Map<string, Wanted>();
  const faults = new Map<string, number>();
  const assume = (provider: string, key: string): Assumption =>
    assumptionOf(rules, provider, internalsOf(proxy).pipeline.pool.get(key)).assumption;
  const answers = createAnswers({
    chance: chance.fork("upstreams"),
    assume,
    limited: (_, key, { until }) => spells.note(key, clock.now(), until),
  });
  const transport = simulatedNetwork({
    clock,
    play(wire) {
      const call = callOf(wire);
      return answers.play(call, { ...(wanted.get(call.request) ?? probe), stream: call.stream }, clock.now());
    },
  });
  const proxy: Proxy = createProxy(withStandIns(config, init), {
    runtime: { clock, random: chance.fork("proxy").next, transport },
    log: faultLog(faults),
    onRequest: tallies.add,
    discover: false,
    database: false,
    root,
  });
  await proxy.ready();
  const { pipeline } = internalsOf(proxy);
  return { clock, pipeline, pool: pipeline.pool, tallies, spells, wanted, faults, assume, close: () => proxy.close() };
}

/** Lines kept; a fault of every request differs in no more than an id. */
const KEPT = 20;

function faultLog(faults: Map<string, number>): ReturnType<typeof createConsola> {
  const log = ({ args }: { readonly args: readonly unknown[] }): void => {
    const text = args.map((each) => (each instanceof Error ? each.message : String(each))).join(" ");
    const line = text.split("\n", 1)[0]!.replace(/\bs\d+\b/g, "…");
    if (faults.has(line) || faults.size < KEPT) faults.set(line, (faults.get(line) ?? 0) + 1);
  };
  return createConsola({ level: 0, reporters: [{ log }] });
}
