/** How many requests a key may have in flight. The core counts, waits and gives places back; this states the limits. */
import { type Candidate, ConfigError, definePlugin, normalizeId, type Plugin, providerNamed } from "waygate";
import { type SharedPlaces, sharedPlaces } from "./shared.ts";

export interface ConcurrencyRule {
  /** Requests in flight per key at most, all models together. 0 or less = no limit. */
  readonly perCredential?: number;
  /** The same per key and model. */
  readonly perModel?: number;
  /** Keys with fewer requests in flight than this come before others. */
  readonly optimal?: number;
  /** By key priority: how many times `perCredential` and `perModel` such a key may take. At least 1. */
  readonly multipliers?: { readonly [priority: number]: number };
}

export interface ConcurrencyOptions extends ConcurrencyRule {
  /** What differs for a provider. */
  readonly providers?: { readonly [provider: string]: ConcurrencyRule };
  /**
   * All workers that share a `state` keep the limits together, those of providers and keys too. Costs one message to the
   * store per call. Default false: each worker has the limits for itself.
   */
  readonly shared?: boolean | SharedPlacesOptions;
}

export interface SharedPlacesOptions {
  /** Milliseconds after which the places of a worker that died are free. Those of one that lives are renewed. Default 30000. */
  readonly ttl?: number;
}

/**
 * Limits of a provider or a key hold beside these; the smallest counts. The optimum is a preference of the least weight:
 * it is applied after the balancing policies and never overrules affinity, priority or tier.
 */
export function concurrency(options: ConcurrencyOptions = {}): Plugin<readonly []> {
  const { providers = {}, shared = false, ...common } = options;
  const own = new Map(Object.entries(providers).map(([name, rule]) => [normalizeId(name), { ...common, ...rule }]));
  const ruleOf = ({ provider }: Candidate): ConcurrencyRule =>
    own.size === 0 ? common : (own.get(normalizeId(provider.name)) ?? common);
  const states = (name: keyof ConcurrencyRule): boolean =>
    [common, ...own.values()].some((rule) => rule[name] !== undefined);
  let places: SharedPlaces | undefined;

  return definePlugin({
    name: "concurrency",
    hooks: states("optimal")
      ? {
          selectKey: {
            precedence: "balance",
            order: "post",
            handler(candidates, { app }, selection) {
              const isFree = (candidate: Candidate): boolean =>
                app.credentials.inFlight(candidate.credential.id) <
                (ruleOf(candidate).optimal ?? Number.POSITIVE_INFINITY);
              const free = candidates.filter(isFree);
              if (free.length === 0 || free.length === candidates.length) return candidates;
              const ordered = [...free, ...candidates.filter((candidate) => !free.includes(candidate))];
              if (ordered[0] !== candidates[0])
                selection.move(ordered[0]!, "fewer requests in flight than the optimum");
              return ordered;
            },
          },
        }
      : {},
    setup(app) {
      for (const name of Object.keys(providers)) providerNamed(name, app.providers, ["concurrency", "providers", name]);
      if (states("perCredential")) {
        app.credentials.addConcurrency((candidate) => limitOf(ruleOf(candidate), "perCredential", candidate));
      }
      if (states("perModel")) {
        app.credentials.addConcurrency((candidate) => {
          const most = limitOf(ruleOf(candidate), "perModel", candidate);
          // The core counts per key. A model at its own limit leaves no place at all, below it there is no limit from here.
          const taken =
            most !== undefined && app.credentials.inFlight(candidate.credential.id, candidate.model) >= most;
          return taken ? 0 : undefined;
        });
      }
      if (shared === false) return;
      const { ttl = TTL } = shared === true ? {} : shared;
      if (!(ttl >= LEAST)) throw badTtl(ttl);
      places = sharedPlaces(app, {
        ttl,
        most: (candidate) => smallest(stated(candidate), limitOf(ruleOf(candidate), "perCredential", candidate)),
        mostOfModel: (candidate) => limitOf(ruleOf(candidate), "perModel", candidate),
      });
      app.credentials.addGate(places.gate);
    },
    close: () => places?.close(),
  });
}

/** Milliseconds. Less than the least is not renewed in time by a worker that has much to do. */
const TTL = 30_000;
const LEAST = 1000;

function badTtl(ttl: number): ConfigError {
  return new ConfigError([
    {
      code: "config_invalid",
      path: ["plugins", "concurrency", "shared", "ttl"],
      what: `concurrency: ttl cannot be ${ttl}`,
      why: `it is a number of milliseconds from ${LEAST}`,
      fix: `write ${TTL}, or leave it out`,
      value: ttl,
    },
  ]);
}

function limitOf(
  rule: ConcurrencyRule,
  name: "perCredential" | "perModel",
  { credential }: Candidate,
): number | undefined {
  const limit = rule[name];
  if (limit === undefined || limit <= 0) return undefined;
  const multiplier = credential.priority === undefined ? 1 : (rule.multipliers?.[credential.priority] ?? 1);
  return limit * Math.max(1, multiplier);
}

/** What the key or its provider says. */
function stated({ credential, provider }: Candidate): number | undefined {
  const limit = credential.concurrency ?? provider.concurrency ?? 0;
  return limit > 0 ? limit : undefined;
}

function smallest(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || (other !== undefined && other < one) ? other : one;
}
