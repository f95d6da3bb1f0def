/** The runs behind a report: the config as it is, then freshly loaded for every change. */
import { dirname } from "node:path";
import { loadCatalog } from "../catalog/load.ts";
import { ConfigError } from "../config/problem.ts";
import type { App } from "../plugin/app.ts";
import type { Ask } from "../simulation/user/asks.ts";
import { shutNetwork } from "../simulation/user/no-network.ts";
import { firstDry, type RunReport } from "../simulation/user/report.ts";
import { runIn, type Traffic } from "../simulation/user/run.ts";
import type { StandInOptions } from "../simulation/user/stand-ins.ts";
import type { WhatIf } from "../simulation/user/what-if.ts";
import { openWorld, type UserWorld } from "../simulation/user/world.ts";
import { loadSource, nameOf, type Source, withPlaces } from "./boot.ts";
import { keyName } from "./keys.ts";
import type { SimulateFlags } from "./simulate-flags.ts";
import { type Assumed, assumedOf, changeAsked, modelAsked, rulesAsked } from "./simulate-subject.ts";
import { checkSwap, probeTiers, swapTiers, type Tiers } from "./simulate-tiers.ts";
import { headOf } from "./simulate-words.ts";

export interface RunsInit {
  readonly cwd: string;
  /** From `--config`. */
  readonly file: string | undefined;
  readonly flags: SimulateFlags;
  /** Recorded requests; a name that is empty stands for the model asked for. */
  readonly asks: readonly Ask[] | undefined;
  /** Epoch milliseconds. */
  readonly start: number;
  readonly end: number;
  /** The hour of the day at `start`. */
  readonly hour: number;
  readonly progress: (column: string) => (done: number) => void;
}

export interface Runs {
  readonly source: Source;
  /** As it is, then changed. */
  readonly runs: readonly [RunReport, ...RunReport[]];
  readonly models: readonly string[];
  readonly assumptions: readonly Assumed[];
  /** Whom plugins wanted to reach by themselves, and how often. */
  readonly tried: ReadonlyMap<string, number>;
}

/** Names whose keys are looked at: a recording may hold any number. */
const NAMES = 100;

/** Throws a `ConfigError`, of wrong use where a flag names what is not there. */
export async function simulateRuns(init: RunsInit): Promise<Runs> {
  const { cwd, file, flags, asks, start, end, progress } = init;
  const { seed } = flags;
  const catalog = await loadCatalog();
  const source = await loadSource({ cwd, file });
  const rules = rulesAsked(source.config, flags.rules);
  const tried = new Map<string, number>();

  const inWorld = <T>(from: Source, options: StandInOptions, act: (world: UserWorld) => Promise<T>): Promise<T> =>
    withPlaces(from, async () => {
      const root = from.file === undefined ? cwd : dirname(from.file);
      const shut = shutNetwork(tried);
      const opening = { ...options, config: from.config, root, start, seed, rules, catalog };
      try {
        const world = await openWorld(opening).catch((error: unknown) => {
          throw tried.size > 0 ? needsNetwork(error, tried) : error;
        });
        try {
          return await act(world);
        } finally {
          await world.close();
        }
      } finally {
        shut.open();
      }
    });

  const probe = probeTiers();
  const first = await inWorld(source, { appFor: probe.appFor }, async (world) => {
    const { app } = world.pipeline;
    const subject = subjectOf(app, init, nameOf(source, cwd));
    const tiers = probe.tiersOf(app);
    const changes = flags.changes.map((change): WhatIf => {
      if (change.kind === "swap") checkSwap(tiers, change.tiers);
      return changeAsked(app, change);
    });
    const assumptions = assumedOf(app, subject.models, rules);
    const common = { ...subject, seed, start, end, nameOf: keyName };
    const run = await runIn(world, {
      ...common,
      change: undefined,
      onProgress: progress(headOf(undefined, asks !== undefined).toLowerCase()),
    });
    return { common, run, tiers, assumptions, changes: changes.length > 0 ? changes : obvious(run, assumptions) };
  });

  const others: RunReport[] = [];
  for (const change of first.changes) {
    const onProgress = progress(headOf(change, asks !== undefined).toLowerCase());
    const replace = await replacementFor(change, first.tiers);
    const fresh = await loadSource({ cwd, file });
    others.push(await inWorld(fresh, { replace }, (world) => runIn(world, { ...first.common, change, onProgress })));
  }
  const { common, assumptions } = first;
  return { source, runs: [first.run, ...others], models: common.models, assumptions, tried };
}

function needsNetwork(error: unknown, tried: ReadonlyMap<string, number>): unknown {
  if (ConfigError.is(error)) return error;
  const why = `It wanted to reach ${[...tried.keys()].join(", ")}, and nothing goes to the network in a simulation.`;
  const fix = "Simulate a config without the plugin: proxy simulate --config FILE";
  const what = "A plugin cannot start without the network";
  return new ConfigError([{ code: "config_failed", path: ["plugins"], what, why, fix }], { cause: error });
}

async function replacementFor(change: WhatIf, tiers: Tiers | undefined): Promise<StandInOptions["replace"]> {
  return change.kind === "swap" && tiers ? swapTiers(tiers, change.tiers) : undefined;
}

/** Somebody who asks for nothing and is refused wants to know about one more key of whoever was used up first. */
function obvious(run: RunReport, assumptions: readonly Assumed[]): WhatIf[] {
  const provider = firstDry(run)?.key.provider ?? assumptions[0]?.provider;
  return run.refused > 0 && provider !== undefined ? [{ kind: "add", provider, count: 1 }] : [];
}

function subjectOf(
  app: App,
  { flags, asks, start, hour }: RunsInit,
  configName: string,
): { readonly models: readonly string[]; readonly traffic: Traffic } {
  const isOpen = asks === undefined || asks.some(({ model }) => model === "");
  const model = isOpen ? modelAsked(app, flags.model, configName) : "";
  if (asks === undefined) return { models: [model], traffic: { shape: { ...flags, model, start, hour } } };
  const named = asks.map((ask) => (ask.model === "" ? { ...ask, model } : ask));
  return { models: [...new Set(named.map((ask) => ask.model))].slice(0, NAMES), traffic: { asks: named } };
}
