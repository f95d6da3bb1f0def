/** What is taken for true of an upstream that is not asked. */
import type { Credential, Limits } from "../../plugin/provider.ts";

export interface Assumption extends Limits {
  /** Share of the calls that fail, 0 to 1. */
  readonly errors: number;
  /** Milliseconds to the first token, on average. */
  readonly latency: number;
  /** Tokens per second from there. */
  readonly speed: number;
  /** Milliseconds after midnight UTC at which the provider's days begin. */
  readonly reset: number;
}

/** Of one provider, or of all (`*`). What is left out is as it would be without it; a limit of 0 is none. */
export interface AssumptionRule extends Partial<Assumption> {
  readonly provider: string;
}

const usual: Assumption = { errors: 0, latency: 800, speed: 50, reset: 3 * 3_600_000 };
const limitNames = ["rpm", "rpd", "tpm", "tpd"] as const;

/** Where the limits of a key come from. */
export type LimitsFrom = "flag" | "config" | "none";

/** The last rule that names a provider counts, then those for all, then what the config says of the key. */
export function assumptionOf(
  rules: readonly AssumptionRule[],
  provider: string,
  key: Pick<Credential, "limits"> | undefined,
): { readonly assumption: Assumption; readonly limitsFrom: LimitsFrom } {
  const given = [
    ...rules.filter((rule) => rule.provider === "*"),
    ...rules.filter((rule) => rule.provider === provider),
  ];
  const { provider: _, ...said } = Object.assign({}, ...given) as Partial<AssumptionRule>;
  const all = { ...usual, ...key?.limits, ...said };
  const limits = Object.fromEntries(limitNames.flatMap((name) => ((all[name] ?? 0) > 0 ? [[name, all[name]]] : [])));
  const { errors, latency, speed, reset } = all;
  const limitsFrom = limitNames.some((name) => said[name] !== undefined)
    ? "flag"
    : Object.keys(limits).length > 0
      ? "config"
      : "none";
  return { assumption: { ...limits, errors, latency, speed, reset }, limitsFrom };
}
