/** A world made up from one number: how many providers and keys, their limits, the policies, the traffic, what goes wrong. */
import { defineConfig, type Limits, type Plugin, type PluginInput, type Provider, ProxyError } from "waygate";
import { concurrency } from "waygate/plugins/concurrency";
import { cooldown } from "waygate/plugins/cooldown";
import { healthCheck } from "waygate/plugins/health-check";
import { hedge } from "waygate/plugins/hedge";
import { limits } from "waygate/plugins/limits";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { rotate, type RotateMode } from "waygate/plugins/rotate";
import { sticky } from "waygate/plugins/sticky";
import { tiers } from "waygate/plugins/tiers";
import { wholeAnswer } from "waygate/plugins/whole-answer";
import { type Chance, createChance } from "../../src/simulation/chance.ts";
import { drive, type DriveInit } from "../../src/simulation/drive.ts";
import { faults } from "../../src/simulation/faults.ts";
import type { Rule } from "../../src/simulation/invariants.ts";
import type { TrafficShape } from "../../src/simulation/traffic.ts";
import { createUpstream, type Upstream } from "../../src/simulation/upstream.ts";
import { createWorld, type World } from "../../src/simulation/world.ts";

export interface CityOptions {
  readonly seed: number;
  readonly days: number;
  /** Further plugins, and other ones: for tests that break a rule on purpose. */
  readonly extra?: () => readonly PluginInput[];
  readonly without?: readonly string[];
  /** Much traffic, of which much fails, on two providers with three keys and one place each. */
  readonly rough?: boolean;
  /** The rule that is expected to break: then that is the end. */
  readonly finds?: Rule;
  /** Looks at the world before anything happens in it. */
  readonly before?: (world: World, upstreams: readonly Upstream[]) => void;
}

export interface City {
  readonly world: World;
  readonly requests: number;
  /** Milliseconds of this machine's time. */
  readonly took: number;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const modes: readonly RotateMode[] = [
  "balanced",
  "sequential",
  "round-robin",
  "least-used",
  "weighted",
  "random",
  "usage-gap",
];

export async function runCity(options: CityOptions): Promise<City> {
  const began = performance.now();
  const plan = planOf(options);
  const world = await createWorld(plan.world);
  options.before?.(world, plan.world.upstreams);
  const enough = (): boolean => world.violations.some(({ rule }) => rule === options.finds);
  await drive({ world, ...plan.drive, enough });
  return { world, requests: world.counts.requests, took: performance.now() - began };
}

interface Plan {
  readonly world: Parameters<typeof createWorld>[0];
  readonly drive: Omit<DriveInit, "world">;
}

function planOf({ seed, days, extra, without = [], rough = false }: CityOptions): Plan {
  const chance = createChance(seed);
  const draw = chance.fork("city");
  const start = Date.UTC(2026, 0, 1) + draw.below(DAY);
  const names = ["alpha", "beta", "gamma"].slice(0, rough ? 2 : 1 + draw.below(3));
  const keys = new Map(
    names.map((name) => [name, Array.from({ length: rough ? 3 : 1 + draw.below(4) }, (_, at) => `${name}-${at}`)]),
  );
  const upstreams = names.map((provider) => upstreamOf(provider, keys.get(provider)!, draw, chance));

  const places = rough ? 1 : draw.pick([undefined, 1, 2, 4]);
  const mode = draw.pick(modes);
  const hasTiers = draw.happens(0.5);
  const operator = draw.happens(0.5);
  const order = draw.fork("order");
  const retry = {
    attempts: rough ? 6 : draw.pick([1, 2, 6, 10]),
    sameCredential: draw.pick([0, 1, 1, 2]),
    shortWait: draw.pick([0, 3000]),
    deadline: draw.pick([20_000, 60_000, 300_000]),
    queueWait: draw.pick([1000, 5000, 30_000]),
  };
  const timeouts = draw.pick([{}, { firstToken: 20_000, idle: 15_000, headers: 10_000, whole: 60_000 }]);
  const models = ["smart", `${names[0]}/m`, `${names.at(-1)}/n`];

  const others = chance.fork("others");
  const kept: Limits | undefined = others.happens(0.4)
    ? others.pick([{ rpm: 3 + others.below(20) }, { rpd: 40 + others.below(300) }, { rpm: 10, rpd: 200 }])
    : undefined;
  const hasSticky = others.happens(0.4);
  const hasHedge = others.happens(0.3);
  const hasWhole = others.happens(0.3);

  const config = (): ReturnType<typeof defineConfig> => {
    const policies: readonly (PluginInput & object)[] = [
      rotate({ mode }),
      cooldown(),
      concurrency({ perCredential: places }),
      ...(hasTiers ? [tiers([[names.at(-1)!]])] : []),
      ...(operator ? [] : [healthCheck({ every: HOUR / 2 })]),
      ...(kept ? [limits({ keys: kept })] : []),
      ...(hasSticky ? [sticky()] : []),
      ...(hasHedge ? [hedge({ share: 1, max: 3000 })] : []),
      ...(hasWhole ? [wholeAnswer()] : []),
    ];
    const listed = policies.filter((policy) => !("name" in policy) || !without.includes(policy.name));
    return defineConfig({
      plugins: [
        ...names.map((name, place) => simulated(name, keys.get(name)!, upstreams[place]!)),
        ...shuffled(listed, order),
        ...(extra?.() ?? []),
      ],
      models: { smart: names.map((name) => `${name}/m`) },
      retry,
      timeouts,
    });
  };

  const shape: TrafficShape = {
    rate: (rough ? 400 : draw.pick([20, 60, 200])) / HOUR,
    duration: days * DAY,
    models: models.map((name, place) => ({ name, weight: 1 / (place + 1) })),
    clients: 1 + draw.below(6),
    stream: draw.pick([0, 0.5, 0.8, 1]),
    input: 800,
    output: 300,
    daily: draw.pick([0, 0.6, 1]),
    bursts: { perDay: 3, length: 60_000, factor: draw.pick([20, 200]) },
    impatient: rough ? 0.3 : draw.pick([0, 0.05, 0.3]),
  };
  return {
    world: {
      start,
      chance: chance.fork("world"),
      upstreams,
      models: ["m", "n"],
      config,
      promises: retry,
      concurrency: () => places ?? Number.POSITIVE_INFINITY,
      limits: kept,
    },
    drive: {
      chance: chance.fork("drive"),
      upstreams,
      shape,
      events: {
        reload: draw.pick([undefined, DAY]),
        restart: draw.pick([undefined, 2 * DAY]),
        kill: draw.pick([undefined, 3 * DAY]),
        storm: draw.pick([4 * HOUR, 12 * HOUR]),
        fate: rough ? 2 * HOUR : draw.pick([undefined, DAY / 2]),
      },
      usual: { share: rough ? 0.4 : draw.pick([0, 0.01, 0.1]), kinds: Object.keys(faults) },
      kinds: Object.keys(faults),
      operator,
      models,
    },
  };
}

/** A provider whose list of models comes from the simulated upstream: that question does not go over the transport. */
function simulated(name: string, keys: readonly string[], upstream: Upstream): Plugin {
  const plugin = openaiCompatible({
    name,
    baseURL: `http://${name}.invalid/v1`,
    keys: keys.map((value) => ({ value, label: value })),
    models: ["m", "n"],
  });
  const discover: Provider["discover"] = ({ label = "" }) =>
    upstream.keys.get(label)?.health === "good"
      ? Promise.resolve(["m", "n"])
      : Promise.reject(new ProxyError({ kind: "credential_invalid", message: "Incorrect API key provided." }));
  return { ...plugin, providers: (plugin.providers ?? []).map((provider) => ({ ...provider, discover })) };
}

function upstreamOf(provider: string, keys: readonly string[], draw: Chance, chance: Chance): Upstream {
  const own = draw.pick([{}, { rpm: 5 + draw.below(60) }, { rpm: 30, rpd: 100 + draw.below(900) }, { tpm: 20_000 }]);
  return createUpstream({
    provider,
    keys: keys.map((name) => ({ name, limits: own })),
    pace: { first: draw.pick([200, 800, 3000]), token: draw.pick([2, 10, 40]) },
    chance: chance.fork(provider),
    reset: draw.below(24) * HOUR,
    saysWhen: draw.happens(0.7),
  });
}

function shuffled<T>(list: readonly T[], chance: Chance): T[] {
  return list
    .map((value) => ({ value, place: chance.next() }))
    .toSorted((one, other) => one.place - other.place)
    .map(({ value }) => value);
}

/** What a failing seed is reported with: which rules broke, the last steps, and how to see it again. */
export function reportOf({ world }: City, { seed, days }: CityOptions): string {
  const [first] = world.violations;
  if (!first) return "";
  return [
    `seed ${seed}: ${world.violations.length} violations, the first of ${first.rule}: ${first.what}`,
    "",
    ...first.trace,
    "",
    `again: WAYGATE_SIMULATION_SEED=${seed} WAYGATE_SIMULATION_DAYS=${days} npx vitest run test/simulation`,
  ].join("\n");
}
