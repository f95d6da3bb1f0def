/** Which limits a candidate is under. Found out once per candidate; only the end of the day changes it. */
import {
  type App,
  type Candidate,
  ConfigError,
  type HoldScope,
  type Limits,
  matchesGlob,
  normalizeId,
  type Take,
} from "waygate";
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

/** What plans of many candidates have in common. */
interface Shape extends Pick<Plan, "windows" | "scopes" | "hasTokens"> {
  /** By window: the rule it is of; `undefined` = the key itself. */
  readonly owners: readonly (Compiled | undefined)[];
  readonly hasDay: boolean;
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
  const shapes = new Map<string, Shape>();
  // Ten thousand keys mostly have one shape, and what they share is there once.
  const shapeOf = (own: Limits | undefined, fitting: readonly Compiled[]): Shape => {
    const windows = own ? windowsOf(own, margin, ["limits"]) : usualWindows;
    const name = `${own ? JSON.stringify(own) : ""} ${fitting.map((rule) => compiled.indexOf(rule)).join(",")}`;
    let shape = shapes.get(name);
    if (!shape) shapes.set(name, (shape = createShape(windows, fitting)));
    return shape;
  };
  const never = usualWindows.length === 0 && compiled.length === 0;

  return (candidate, { credentials, runtime }) => {
    const own = candidate.credential.limits;
    if (never && own === undefined) return undefined;
    const now = runtime.clock.now();
    const known = plans.get(candidate);
    if (known === "none") return undefined;
    if (known && now < known.until) return known;

    const scope = credentials.scope(candidate.provider.name, candidate.model);
    const fitting = compiled.filter((rule) => rule.fits(candidate, scope));
    const { windows, scopes, owners, hasDay, hasTokens } = shapeOf(own, fitting);
    if (windows.length === 0) {
      plans.set(candidate, "none");
      return undefined;
    }
    const dayEnds = nextReset(now);
    const takes = windows.map((window, index): Take => {
      const name = owners[index]?.name(candidate, scope) ?? `key/${candidate.credential.id}`;
      return { counter: counterOf(window, name, dayEnds), limit: window.limit, amount: 1 };
    });
    const plan = { windows, takes, scopes, hasTokens, until: hasDay ? dayEnds : Number.POSITIVE_INFINITY };
    plans.set(candidate, plan);
    return plan;
  };
}

function createShape(own: readonly Window[], fitting: readonly Compiled[]): Shape {
  const windows = [...own, ...fitting.flatMap((rule) => rule.windows)];
  const owners = [...own.map(() => undefined), ...fitting.flatMap((rule) => rule.windows.map(() => rule))];
  return {
    windows,
    owners,
    scopes: owners.map((owner) => owner?.full ?? "key"),
    hasDay: windows.some(({ length }) => length === undefined),
    hasTokens: windows.some(({ unit }) => unit === "tokens"),
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
