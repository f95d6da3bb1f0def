/** What one seed makes of a chaos run: providers with keys and limits, the proxy's config, and who asks for what. */
import type { Chance } from "../../src/simulation/chance.ts";
import type { ProtocolId } from "../../test/sdk/wire/types.ts";

/** In every key, so that one that gets out is found wherever it is. */
export const MARK = "chaosmarker";
export const CLIENT_KEY = `sk-client-${MARK}-0123456789`;
/** Calls per request at most. */
export const ATTEMPTS = 5;
/** Milliseconds that requests under way have when the proxy is to end. */
export const DRAIN = 3000;

/** So many requests in so many milliseconds. */
export interface Rate {
  readonly requests: number;
  readonly window: number;
}

export interface ProviderPlan {
  readonly name: string;
  readonly protocol: ProtocolId;
  readonly keys: readonly string[];
  /** Calls that a key may have at a time. */
  readonly places: number;
  readonly rate: Rate | undefined;
}

export interface Plan {
  readonly providers: readonly ProviderPlan[];
  /** Names that clients ask for. */
  readonly models: readonly string[];
  readonly hedge: boolean;
  readonly sticky: boolean;
  readonly wholeAnswer: boolean;
}

const wires: readonly (readonly [name: string, protocol: ProtocolId])[] = [
  ["alpha", "openai-chat"],
  ["beta", "anthropic"],
  ["gamma", "gemini"],
  ["delta", "openai-responses"],
];

export function planOf(chance: Chance): Plan {
  const draw = chance.fork("plan");
  const rates: readonly (Rate | undefined)[] = [
    { requests: 40 + draw.below(40), window: 60_000 },
    { requests: 5 + draw.below(10), window: 5000 },
    undefined,
    undefined,
  ];
  const providers = wires.map(([name, protocol], place): ProviderPlan => ({
    name,
    protocol,
    keys: Array.from({ length: 2 + draw.below(3) }, (_, at) => `sk-${name}-${at}-${MARK}-abcdefghij${at}`),
    places: 1 + draw.below(3),
    rate: rates[place],
  }));
  return {
    providers,
    models: ["smart", "smart", "pair", ...providers.map(({ name }) => `${name}/m`), "nobody"],
    hedge: draw.happens(0.5),
    sticky: draw.happens(0.5),
    wholeAnswer: draw.happens(0.3),
  };
}

export function labelOf(provider: string, place: number): string {
  return `${provider}-${place}`;
}

export interface ConfigFacts {
  /** By provider. */
  readonly addresses: ReadonlyMap<string, string>;
  /** Where nobody listens. */
  readonly nowhere: string;
  /** What a reload may change: the order of an alias, the mode of rotation. */
  readonly chance: Chance;
}

/** The text of `proxy.config.ts`. What the invariants count on is the same in every edition. */
export function configText(plan: Plan, { addresses, nowhere, chance }: ConfigFacts): string {
  const names = plan.providers.map(({ name }) => name);
  const order = names.toSorted(() => chance.next() - 0.5);
  const mode = chance.pick(["balanced", "round-robin", "least-used", "random"]);
  const upstream = ({ name, protocol, keys }: ProviderPlan): string => `    openaiCompatible({
      name: "${name}", protocol: "${protocol}", baseURL: "${addresses.get(name)}", models: ["m"], discover: false,
      keys: ${JSON.stringify(keys.map((value, at) => ({ value, label: labelOf(name, at) })))},
    }),`;
  const rules = plan.providers.flatMap(({ name, rate }) => (rate ? [{ provider: name, caps: [rate] }] : []));
  const places = Object.fromEntries(plan.providers.map((each) => [each.name, { perCredential: each.places }]));
  return `
import { concurrency } from "waygate/plugins/concurrency";
import { cooldown } from "waygate/plugins/cooldown";
import { hedge } from "waygate/plugins/hedge";
import { limits } from "waygate/plugins/limits";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { proxyKey } from "waygate/plugins/proxy-key";
import { rotate } from "waygate/plugins/rotate";
import { sticky } from "waygate/plugins/sticky";
import { wholeAnswer } from "waygate/plugins/whole-answer";

// Of this thread alone: collectors and the database have theirs.
let last = performance.now();
let busy = process.threadCpuUsage();
const ticking = setInterval(() => {
  const now = performance.now();
  const used = process.threadCpuUsage(busy);
  if (now - last > 150) {
    process.stderr.write(\`stood still for \${Math.round(now - last)} ms, \${Math.round((used.user + used.system) / 1000)} of them busy\\n\`);
  }
  last = now;
  busy = process.threadCpuUsage();
}, 20);
// Other commands read this config too, and are to end.
ticking.unref();

const gauge = {
  name: "gauge",
  close: () => clearInterval(ticking),
  routes: {
    "GET /chaos/gauge"() {
      globalThis.gc?.();
      return { ...process.memoryUsage(), handles: process.getActiveResourcesInfo() };
    },
  },
  publicRoutes: ["GET /chaos/gauge"],
};

export default {
  plugins: [
    proxyKey({ keys: ["${CLIENT_KEY}"] }),
${plan.providers.map(upstream).join("\n")}
    openaiCompatible({ name: "void", baseURL: "${nowhere}", models: ["m"], keys: ["sk-void-${MARK}-0"], discover: false }),
    rotate({ mode: "${mode}" }),
    cooldown(),
    concurrency({ providers: ${JSON.stringify(places)} }),
    limits({ rules: ${JSON.stringify(rules)} }),
    ${plan.hedge ? "hedge({ share: 1, min: 200, max: 400 })," : ""}
    ${plan.sticky ? "sticky()," : ""}
    ${plan.wholeAnswer ? 'wholeAnswer({ models: ["pair"] }),' : ""}
    gauge,
  ],
  models: {
    smart: ${JSON.stringify(order.map((name) => `${name}/m`))},
    pair: ${JSON.stringify(["void/m", ...order.slice(0, 2).map((name) => `${name}/m`)])},
  },
  retry: { attempts: ${ATTEMPTS}, deadline: 6000, queueWait: ${chance.pick([500, 2000])}, shortWait: 500, queueSize: 50 },
  timeouts: { connect: 1000, headers: 1200, whole: 2500, firstToken: 1200, idle: 1000, total: 6000 },
  server: { drain: ${DRAIN}, keepAlive: 400 },
};
`;
}
