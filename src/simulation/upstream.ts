/** The upstreams of a simulation: keys with limits of their own, keys that die and come back, days when all goes wrong. */
import type { Limits } from "../plugin/provider.ts";
import type { Chance } from "./chance.ts";
import { faults } from "./faults.ts";
import { type AnswerFacts, goodPlay, type Pace, type Play, refusal } from "./play.ts";
import { createQuota, type Quota, type Refusal } from "./quota.ts";
import type { SimulatedRequest } from "./traffic.ts";

export type KeyHealth = "good" | "revoked" | "unpaid" | "banned";

export interface UpstreamKey {
  readonly name: string;
  /** By the provider's own count, all models together. */
  readonly limits: Limits;
  readonly quota: Quota;
  /** Changed by the simulation. */
  health: KeyHealth;
  /** The first time a limit was met, and how often. */
  dryAt: number | undefined;
  refused: number;
}

export interface Upstream {
  readonly provider: string;
  readonly keys: ReadonlyMap<string, UpstreamKey>;
  /** Share of the calls that go wrong by chance, and how. Changed by the simulation. */
  weather: Weather;
  /** How often it has answered with each of `faults`. */
  readonly given: Map<string, number>;
  answer(key: string, call: UpstreamCall): Play;
}

export interface Weather {
  readonly share: number;
  /** Names of `faults`. */
  readonly kinds: readonly string[];
}

export interface UpstreamCall {
  readonly request: Pick<SimulatedRequest, "index" | "model" | "stream">;
  readonly input: number;
  readonly output: number;
  /** Epoch milliseconds. */
  readonly now: number;
}

export interface UpstreamInit {
  readonly provider: string;
  readonly keys: readonly { readonly name: string; readonly limits?: Limits }[];
  readonly pace: Pace;
  readonly chance: Chance;
  readonly weather?: Weather;
  /** When this provider's days begin, milliseconds after midnight UTC. */
  readonly reset?: number;
  /** Whether a refusal says when to come back. Default: always. */
  readonly saysWhen?: boolean;
}

export const fair: Weather = { share: 0, kinds: [] };

export function createUpstream({
  provider,
  keys,
  pace,
  chance,
  weather,
  reset,
  saysWhen = true,
}: UpstreamInit): Upstream {
  const known = new Map(
    keys.map(({ name, limits = {} }): [string, UpstreamKey] => [
      name,
      { name, limits, quota: createQuota(limits, reset), health: "good", dryAt: undefined, refused: 0 },
    ]),
  );
  const upstream: Upstream = {
    provider,
    keys: known,
    weather: weather ?? fair,
    given: new Map(),
    answer(name, call) {
      const key = known.get(name);
      if (key === undefined || key.health === "revoked") return deadKey;
      if (key.health === "unpaid") return unpaid;
      if (key.health === "banned") return banned;
      const { request, now, input, output } = call;
      const { share, kinds } = upstream.weather;
      const facts: AnswerFacts = { input, output, pace: { first: chance.size(pace.first, 0.5), token: pace.token } };
      if (kinds.length > 0 && chance.happens(share)) {
        const kind = chance.pick(kinds);
        upstream.given.set(kind, (upstream.given.get(kind) ?? 0) + 1);
        return faults[kind]!({ request, facts, chance, now });
      }
      const full = key.quota.take(now, input + output);
      if (full === undefined) return goodPlay(request, facts);
      key.dryAt ??= now;
      key.refused++;
      return overLimit(full, saysWhen ? Math.max(1, Math.ceil((full.until - now) / 1000)) : undefined);
    },
  };
  return upstream;
}

function overLimit({ limit }: Refusal, after: number | undefined): Play {
  const what = limit.startsWith("r") ? "requests" : "tokens";
  const per = limit.endsWith("d") ? "day" : "min";
  const message = `Rate limit reached: too many ${what} per ${per}.`;
  return refusal(
    429,
    { message, type: what, code: "rate_limit_exceeded" },
    after === undefined ? {} : { "retry-after": String(after) },
  );
}

const deadKey = refusal(401, { message: "Incorrect API key provided.", code: "invalid_api_key" });
const unpaid = refusal(402, { message: "Insufficient credit.", code: "insufficient_credit" });
const banned = refusal(403, {
  message: "This account has been disabled for a violation of our terms of service.",
  code: "account_deactivated",
});
