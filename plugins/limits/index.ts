/** Requests and tokens per minute, per day and per any other time: of keys, providers, models and clients. */
import {
  addressHasher,
  type Candidate,
  ConfigError,
  type Context,
  type DailyReset,
  dailyReset,
  definePlugin,
  type Plugin,
  type PluginHooks,
} from "waygate";
import type { Caps } from "./caps.ts";
import { clientHooks } from "./clients.ts";
import { fairCycle, type FairCycleOptions } from "./fair-cycle.ts";
import { limitsGate } from "./gate.ts";
import { createRules, type LimitRule, type Plan } from "./rules.ts";
import { readUpstream } from "./upstream.ts";

export { counterOf, isQuota, said, windowsOf } from "./caps.ts";
export type { Cap, Caps, Window } from "./caps.ts";
export { limitHeaders } from "./headers.ts";
export { guess as guessTokens, total as totalTokens } from "./tokens.ts";
export type { FairCycleOptions } from "./fair-cycle.ts";
export type { LimitRule } from "./rules.ts";

export interface LimitsOptions {
  /** For each key that states no `limits` of its own. */
  readonly keys?: Caps;
  /** More limits, for some providers, models or keys. All that fit hold. */
  readonly rules?: readonly LimitRule[];
  /** For each client: by its id, or its address where nobody has to say who they are. */
  readonly client?: Caps;
  /** By globs over clients' ids; the first that fits counts in place of `client`. */
  readonly clients?: { readonly [client: string]: Caps };
  /** When a day begins. Default 03:00 UTC. */
  readonly reset?: DailyReset;
  /** The share of every limit that is used at most, above 0 and up to 1. Default 1. */
  readonly margin?: number;
  /** Tokens an answer is taken for before it is known, unless the request allows fewer. Default 1024. */
  readonly answer?: number;
  /** Every key is used up once before any is used again. Default false. */
  readonly fairCycle?: boolean | FairCycleOptions;
  /** What upstreams say is left of a limit raises our counts. Default false: it costs every request a little. */
  readonly upstream?: boolean;
}

/**
 * A minute is the last sixty seconds, to the millisecond; a day ends at the reset; a limit of 0 is none. Keys count what
 * was sent, clients what was accepted; what was refused counts nowhere. Tokens are guessed before and put right after.
 * Counts are in `state`, so workers that share one keep a limit together.
 */
export function limits(options: LimitsOptions = {}): Plugin<readonly []> {
  const { margin = 1, answer = 1024 } = options;
  if (!(margin > 0 && margin <= 1)) throw bad("margin", margin, "it is a share above 0 and up to 1");
  const nextReset = resetOf(options.reset);
  const rulesOf = createRules({ usual: options.keys ?? {}, rules: options.rules ?? [], margin, nextReset });
  const planOf = (candidate: Candidate, { app }: Context): Plan | undefined => rulesOf(candidate, app);
  let hashOf = (address: string): string => address;
  const ofClients = clientHooks({
    hashOf: (address) => hashOf(address),
    usual: options.client ?? {},
    named: options.clients ?? {},
    margin,
    answer,
    nextReset,
  });
  const cycle = options.fairCycle ? fairCycle(options.fairCycle === true ? {} : options.fairCycle) : undefined;
  const hooks: PluginHooks = {
    ...ofClients,
    ...cycle?.hooks,
    ...(options.upstream && { call: readUpstream((attempt) => planOf(attempt.candidate, attempt.ctx)) }),
  };

  return definePlugin({
    name: "limits",
    hooks,
    setup(app) {
      const { credentials, database, config } = app;
      // What stays in this process needs no secret, and a proxy inside another program is to leave no file.
      if (ofClients && (database !== undefined || config.state !== undefined)) hashOf = addressHasher(app);
      if (cycle) credentials.addGate(cycle.gate);
      credentials.addGate(limitsGate({ planOf, answer }));
    },
  });
}

function resetOf(reset: DailyReset | undefined): (now: number) => number {
  try {
    return dailyReset(reset);
  } catch (error) {
    throw bad("reset", reset as object, error instanceof Error ? error.message : String(error));
  }
}

function bad(name: string, value: number | object, why: string): ConfigError {
  return new ConfigError([
    {
      code: "config_invalid",
      path: ["plugins", "limits", name],
      what: `limits: ${name} cannot be ${JSON.stringify(value)}`,
      why,
      fix: name === "reset" ? 'write { at: "03:00", zone: "Europe/Berlin" }' : "write 0.95 to stop at 95 %",
    },
  ]);
}
