/** Which limits a candidate is under. Found out once per candidate; only the end of the day changes it. */
import { type App, type Candidate, ConfigError, type HoldScope, matchesGlob, normalizeId, type Take } from "waygate";
import { type Caps, counterOf, type Window, windowsOf } from "./caps.ts";

/** A limit for some candidates. Conditions that are left out hold for all. */
export interface LimitRule extends Caps {
  /** A provider's name, which may hold `*`. */
  readonly provider?: string;
  /** Globs over model names or names of quota groups. */
  readonly models?: string | readonly string[];
  /** Priorities of keys. */
  readonly priority?: number | readonly number[];
  /** What has a count of its own: each key, or each provider with all its keys together. Default `key`. */
  readonly each?: "key" | "provider";
  /** Each model (or quota group) has a count of its own. Default false: all models that fit count together. */
  readonly perModel?: boolean;
}

/** Everything that is taken from when a candidate is sent a request. */
export interface Plan {
  readonly windows: readonly Window[];
  /** With an amount of 1; for tokens it is put in per request. */
  readonly takes: readonly Take[];
  /** By window: what is full when it is. */
  readonly scopes: readonly HoldScope[];
  readonly hasTokens: boolean;
  /** Epoch milliseconds from which on another plan holds. */
  readonly until: number;
}

export interface RulesInit {
  /** For keys that state no limits. */
  readonly usual: Caps;
  readonly rules: readonly LimitRule[];
  readonly margin: number;
  readonly nextReset: (now: number) => number;
}

interface Compiled {
  readonly fits: (candidate: Candidate, scope: string) => boolean;
  readonly windows: readonly Window[];
  /** The count's name for a candidate. */
  readonly name: (candidate: Candidate, scope: string) => string;
  readonly full: HoldScope;
}

/** Throws a `ConfigError` for a rule that is no limit. */
export function createRules({
  usual,
  rules,
  margin,
  nextReset,
}: RulesInit): (candidate: Candidate, app: App) => Plan | undefined {
  const names = new Set<string>();
  const compiled = rules.map((rule, index) => compile(rule, index, margin, names));
  const usualWindows = windowsOf(usual, margin, ["limits", "keys"]);
  const plans = new WeakMap<Candidate, Plan | "none">();
  const never = usualWindows.length === 0 && compiled.length === 0;

  return (candidate, { credentials, runtime }) => {
    const own = candidate.credential.limits;
    if (never && own === undefined) return undefined;
    const now = runtime.clock.now();
    const known = plans.get(candidate);
    if (known === "none") return undefined;
    if (known && now < known.until) return known;

    const scope = credentials.scope(candidate.provider.name, candidate.model);
    const dayEnds = nextReset(now);
    const windows: Window[] = [];
    const takes: Take[] = [];
    const scopes: HoldScope[] = [];
    const add = (added: readonly Window[], name: string, full: HoldScope): void => {
      for (const window of added) {
        windows.push(window);
        takes.push({ counter: counterOf(window, name, dayEnds), limit: window.limit, amount: 1 });
        scopes.push(full);
      }
    };
    add(own ? windowsOf(own, margin, ["limits"]) : usualWindows, `key/${candidate.credential.id}`, "key");
    for (const rule of compiled) {
      if (rule.fits(candidate, scope)) add(rule.windows, rule.name(candidate, scope), rule.full);
    }
    if (windows.length === 0) {
      plans.set(candidate, "none");
      return undefined;
    }
    const hasDay = windows.some((window) => window.length === undefined);
    const hasTokens = windows.some((window) => window.unit === "tokens");
    const plan = { windows, takes, scopes, hasTokens, until: hasDay ? dayEnds : Number.POSITIVE_INFINITY };
    plans.set(candidate, plan);
    return plan;
  };
}

function compile(rule: LimitRule, index: number, margin: number, names: Set<string>): Compiled {
  const { provider, models, priority, each = "key", perModel = false } = rule;
  const windows = windowsOf(rule, margin, ["limits", "rules", index]);
  if (windows.length === 0) {
    throw new ConfigError([
      {
        code: "config_invalid",
        path: ["plugins", "limits", "rules", index],
        what: `limits: rule ${index + 1} limits nothing`,
        why: "it states none of rpm, rpd, tpm, tpd and caps",
        fix: "state one, or take the rule out",
      },
    ]);
  }
  const isProvider = provider === undefined ? undefined : matchesGlob(normalizeId(provider));
  const isModel = models === undefined ? undefined : matchesGlob(models);
  const priorities = priority === undefined ? undefined : new Set([priority].flat());
  // From what the rule says, so that counts in a shared store survive another order of rules.
  let title = [provider, models, priority].map((part) => [part ?? "*"].flat().join(",")).join("|");
  while (names.has(title)) title += "'";
  names.add(title);
  return {
    windows,
    fits: ({ provider: owner, model, credential }, scope) =>
      (isProvider === undefined || isProvider(normalizeId(owner.name))) &&
      (isModel === undefined || isModel(model) || isModel(scope)) &&
      (priorities === undefined || (credential.priority !== undefined && priorities.has(credential.priority))),
    name: ({ provider: owner, credential }, scope) =>
      `${title}/${each === "key" ? credential.id : owner.name}${perModel ? `/${scope}` : ""}`,
    full: each === "key" || priorities !== undefined ? "key" : isModel !== undefined || perModel ? "model" : "provider",
  };
}
