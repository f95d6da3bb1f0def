/** A world made up from one number: how many providers and keys, their limits, the policies, the traffic, what goes wrong. */
import { defineConfig, type Plugin, type PluginInput, type Provider, ProxyError } from "waygate";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { type Chance, createChance } from "../../src/simulation/chance.ts";
import { drive, type DriveInit } from "../../src/simulation/drive.ts";
import { faults } from "../../src/simulation/faults.ts";
import type { Rule } from "../../src/simulation/invariants.ts";
import type { TrafficShape } from "../../src/simulation/traffic.ts";
import { createUpstream, type Upstream } from "../../src/simulation/upstream.ts";
import { createWorld, type World } from "../../src/simulation/world.ts";
import { drawPolicies, type PolicyPlan } from "./_policies.ts";

export interface CityOptions {
  readonly seed: number;
  readonly days: number;
  /** Much traffic, of which much fails, on two providers with three keys and one place each. Default: a third of all seeds. */
  readonly rough?: boolean;
  /** Further plugins, and other ones: for tests that break a rule on purpose. */
  readonly extra?: () => readonly PluginInput[];
  readonly without?: readonly string[];
  /** Promises that differ from what the config says, for the same. */
  readonly promised?: Partial<PolicyPlan>;
  /** The rule that is expected to break: then that is the end. */
  readonly finds?: Rule;
  /** Looks at the world before anything happens in it. */
  readonly before?: (world: World, upstreams: readonly Upstream[]) => void;
}

export interface City {
  readonly world: World;
  readonly requests: number;
  /** How often what has happened, and which faults upstreams have had. */
  readonly happened: ReadonlyMap<string, number>;
  /** What kind of world it was. */
  readonly said: string;
  /** Milliseconds of this machine's time. */
  readonly took: number;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

export async function runCity(options: CityOptions): Promise<City> {
  const began = performance.now();
  const plan = planOf(options);
  const world = await createWorld(plan.world);
  options.before?.(world, plan.world.upstreams);
  const enough = (): boolean => world.violations.some(({ rule }) => rule === options.finds);
  await drive({ world, ...plan.drive, enough });
  const happened = new Map(world.trace.happened);
  for (const { given } of plan.world.upstreams) for (const [kind, count] of given) happened.set(`fault ${kind}`, count);
  return { world, happened, requests: world.counts.requests, said: plan.said, took: performance.now() - began };
}

interface Plan {
  readonly world: Parameters<typeof createWorld>[0];
  readonly drive: Omit<DriveInit, "world">;
  readonly said: string;
}

function planOf({ seed, days, extra, without = [], promised, ...more }: CityOptions): Plan {
  const chance = createChance(seed);
  const rough = more.rough ?? chance.fork("rough").happens(1 / 3);
  const draw = chance.fork("city");
  const start = Date.UTC(2026, 0, 1) + draw.below(DAY);
  const names = ["alpha", "beta", "gamma"].slice(0, rough ? 2 : 1 + draw.below(3));
  const priorities = draw.happens(0.3);
  const keys = new Map(
    names.map((name) => [
      name,
      Array.from({ length: rough ? 3 : 1 + draw.below(4) }, (_, at): Key => {
        const value = `${name}-${at}`;
        return { value, label: value, ...(priorities && { priority: 1 + draw.below(3) }), weight: 1 + draw.below(3) };
      }),
    ]),
  );
  const upstreams = names.map((provider) => upstreamOf(provider, keys.get(provider)!, draw, chance));

  const policies: PolicyPlan = {
    ...drawPolicies(chance.fork("policies"), { providers: names, rough, priorities }),
    ...promised,
  };
  const { places, perModel, operator, hasDays } = policies;
  const order = draw.fork("order");
  const retry = {
    attempts: rough ? 6 : draw.pick([1, 2, 6, 10]),
    sameCredential: draw.pick([0, 1, 1, 2]),
    shortWait: draw.pick([0, 3000]),
    deadline: draw.pick([20_000, 60_000, 300_000]),
    queueWait: draw.pick([1000, 5000, 30_000]),
    queueSize: draw.pick([1000, 1000, 3]),
  };
  const timeouts = draw.pick([{}, { firstToken: 20_000, idle: 15_000, headers: 10_000, whole: 60_000 }]);
  const keepAlive = draw.pick([15_000, 2000, 0]);
  const models = ["smart", `${names[0]}/m`, `${names.at(-1)}/n`];
  const away = new Set<string>();

  const config = (): ReturnType<typeof defineConfig> => {
    const listed = policies.plugins().filter((policy) => !("name" in policy) || !without.includes(policy.name));
    const present = (name: string): readonly Key[] =>
      keys.get(name)!.filter(({ value }) => !away.has(`${name}/${value}`));
    return defineConfig({
      plugins: [
        ...names.map((name, place) => simulated(name, present(name), upstreams[place]!)),
        ...shuffled(listed, order),
        ...(extra?.() ?? []),
      ],
      models: { smart: names.map((name) => `${name}/m`) },
      retry,
      timeouts,
      server: { keepAlive },
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
    conversations: draw.pick([0, 0.5, 0.9]),
  };
  const saved = draw.happens(0.5);
  const jump = hasDays ? undefined : draw.pick([undefined, undefined, DAY / 2, HOUR]);
  const said = `${rough ? "rough" : "usual"} ${JSON.stringify({ saved, jump, retry, timeouts, keepAlive })} ${policies.said}`;
  return {
    said,
    world: {
      start,
      chance: chance.fork("world"),
      upstreams,
      models: ["m", "n"],
      config,
      promises: retry,
      concurrency: (_provider, _key, model) => (model === undefined ? places : perModel) ?? Number.POSITIVE_INFINITY,
      limits: policies.rations,
      saved,
      affinity: policies.affinity,
    },
    drive: {
      chance: chance.fork("drive"),
      upstreams,
      shape,
      events: {
        reload: draw.pick([undefined, DAY / 2, HOUR]),
        restart: draw.pick([undefined, DAY / 2]),
        kill: draw.pick([undefined, DAY / 2]),
        storm: draw.pick([4 * HOUR, 12 * HOUR]),
        fate: rough ? 2 * HOUR : draw.pick([undefined, DAY / 2]),
        keys: draw.pick([undefined, 6 * HOUR]),
        jump,
      },
      usual: { share: rough ? 0.4 : draw.pick([0, 0.01, 0.1]), kinds: Object.keys(faults) },
      kinds: Object.keys(faults),
      operator,
      away,
      models,
    },
  };
}

interface Key {
  readonly value: string;
  readonly label: string;
  readonly priority?: number;
  readonly weight: number;
}

/** A provider whose list of models comes from the simulated upstream: that question does not go over the transport. */
function simulated(name: string, keys: readonly Key[], upstream: Upstream): Plugin {
  const plugin = openaiCompatible({ name, baseURL: `http://${name}.invalid/v1`, keys, models: ["m", "n"] });
  const discover: Provider["discover"] = ({ label = "" }) =>
    upstream.keys.get(label)?.health === "good"
      ? Promise.resolve(["m", "n"])
      : Promise.reject(new ProxyError({ kind: "credential_invalid", message: "Incorrect API key provided." }));
  return { ...plugin, providers: (plugin.providers ?? []).map((provider) => ({ ...provider, discover })) };
}

function upstreamOf(provider: string, keys: readonly Key[], draw: Chance, chance: Chance): Upstream {
  const own = draw.pick([{}, { rpm: 5 + draw.below(60) }, { rpm: 30, rpd: 100 + draw.below(900) }, { tpm: 20_000 }]);
  return createUpstream({
    provider,
    keys: keys.map(({ value }) => ({ name: value, limits: own })),
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
export function reportOf({ world, said }: City, { seed, days, rough }: CityOptions): string {
  const [first] = world.violations;
  if (!first) return "";
  return [
    `seed ${seed}: ${world.violations.length} violations, the first of ${first.rule}: ${first.what}`,
    said,
    "",
    ...first.trace,
    "",
    ...world.violations.slice(1).map(({ rule, what }) => `also ${rule}: ${what}`),
    `again: npm run simulate:long -- --first ${seed} --seeds 1 --days ${days}${rough === undefined ? "" : rough ? " --rough" : " --usual"}`,
  ].join("\n");
}
