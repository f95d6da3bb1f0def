/** Which policies stand in a simulated world and what they promise, drawn from its seed. */
import { definePlugin, type Limits, type PluginInput } from "waygate";
import { concurrency } from "waygate/plugins/concurrency";
import { cooldown } from "waygate/plugins/cooldown";
import { healthCheck } from "waygate/plugins/health-check";
import { hedge } from "waygate/plugins/hedge";
import { limits } from "waygate/plugins/limits";
import { quotaGroups } from "waygate/plugins/quota-groups";
import { rotate, type RotateMode } from "waygate/plugins/rotate";
import { sticky } from "waygate/plugins/sticky";
import { tiers } from "waygate/plugins/tiers";
import { wholeAnswer } from "waygate/plugins/whole-answer";
import type { Chance } from "../../src/simulation/chance.ts";
import type { RationsInit } from "../../src/simulation/rations.ts";

export interface PolicyPlan {
  /** Places of a key; `undefined` = as many as one likes. */
  readonly places: number | undefined;
  /** The same for one model of a key. */
  readonly perModel: number | undefined;
  /** What the limits promise. */
  readonly rations: RationsInit;
  /** A limit over a day is among them. */
  readonly hasDays: boolean;
  /** Conversations are to stay on their keys, and nothing else has a word in it. */
  readonly affinity: boolean;
  /** Somebody wakes keys that came back; else the proxy finds out by itself. */
  readonly operator: boolean;
  /** For reports. */
  readonly said: string;
  /** New plugins for every proxy. */
  readonly plugins: () => readonly (PluginInput & object)[];
}

export interface PolicyInit {
  readonly providers: readonly string[];
  readonly rough: boolean;
  readonly priorities: boolean;
}

const MINUTE = 60_000;
const modes: readonly RotateMode[] = [
  "balanced",
  "sequential",
  "round-robin",
  "least-used",
  "weighted",
  "random",
  "usage-gap",
  "latency",
  "cost",
];

export function drawPolicies(chance: Chance, { providers, rough, priorities }: PolicyInit): PolicyPlan {
  const last = providers.at(-1)!;
  const places = rough ? 1 : chance.pick([undefined, 1, 2, 4]);
  const shared = places !== undefined && chance.happens(0.1);
  const perModel = chance.happens(0.1) ? 1 : undefined;
  const optimal = chance.happens(0.2) ? 1 : undefined;
  const mode = chance.pick(modes);
  const operator = chance.happens(0.5);
  const has = {
    auth: chance.happens(0.5),
    tiers: chance.happens(0.5),
    limits: chance.happens(0.5),
    sticky: chance.happens(0.4),
    hedge: chance.happens(0.3),
    whole: chance.happens(0.3),
    groups: chance.happens(0.25),
  };
  const rations = has.limits ? drawRations(chance, has.auth) : {};
  const margin = chance.pick([1, 1, 0.9]);
  const upstream = chance.happens(0.3);
  const wait = chance.pick([0, 2000]);
  const { key = {}, provider, client, reset = 3 } = rations;
  const days = [key, provider, client].some((each: Limits | undefined) => each?.rpd ?? each?.tpd);
  const listed = Object.entries(has).filter(([, is]) => is);

  return {
    places,
    perModel,
    rations,
    hasDays: days,
    affinity: has.sticky && !has.limits && !shared && !priorities,
    operator,
    said: `${mode} ${JSON.stringify({ places, shared, perModel, optimal, operator, priorities, rations })} ${listed.map(([name]) => name).join(" ")}`,
    plugins: () => [
      rotate({ mode }),
      cooldown(),
      concurrency({
        ...(places !== undefined && { perCredential: places }),
        ...(perModel !== undefined && { perModel }),
        ...(optimal !== undefined && { optimal }),
        shared,
      }),
      ...(has.auth ? [clients()] : []),
      ...(has.tiers ? [tiers([[last]])] : []),
      ...(operator ? [] : [healthCheck({ every: 30 * MINUTE })]),
      ...(has.limits
        ? [
            limits({
              keys: key,
              ...(provider && { rules: [{ ...provider, each: "provider" }] }),
              ...(client && { client }),
              reset: { at: `${String(reset).padStart(2, "0")}:00`, zone: "UTC" },
              margin,
              upstream,
            }),
          ]
        : []),
      ...(has.sticky ? [sticky({ wait })] : []),
      ...(has.hedge ? [hedge({ share: 1, max: 3000 })] : []),
      ...(has.whole ? [wholeAnswer()] : []),
      ...(has.groups ? [quotaGroups({ [providers[0]!]: { all: ["*"] } })] : []),
    ],
  };
}

function drawRations(chance: Chance, named: boolean): RationsInit {
  const key = chance.pick<Limits>([
    {},
    { rpm: 3 + chance.below(20) },
    { rpd: 40 + chance.below(300) },
    { rpm: 10, rpd: 200 },
    { tpm: 5000 + chance.below(20_000) },
    { tpd: 100_000 + chance.below(200_000) },
  ]);
  const provider = chance.pick<Limits | undefined>([undefined, undefined, { rpm: 20 }, { rpd: 500 }]);
  const client = named ? chance.pick([undefined, { rpm: 2 + chance.below(10) }, { rpd: 200 }]) : undefined;
  return { key, reset: chance.below(24), ...(provider && { provider }), ...(client && { client }) };
}

/** Clients are who they say they are. */
function clients(): PluginInput & object {
  return definePlugin({
    name: "clients",
    hooks: { auth: ({ req }) => ({ id: req.headers.get("x-simulated-client") ?? "nobody" }) },
  });
}
