/** The user's own classifier rules, `errors` of a config: as they are written, as they are used, and which one fits. */
import { matchesGlob } from "../glob.ts";
import { parseDuration } from "./duration.ts";
import type { ErrorKind, ErrorScope, OwnVerdict } from "./error.ts";
import { errorTable } from "./table.ts";

/** One rule of `errors`. All conditions must hold; a rule without any fits every failure. */
export interface ErrorRule {
  /** The upstream's status: `429`, a range like `"5xx"` or `"500-503"`, or a list of these. */
  readonly status?: number | string | readonly (number | string)[];
  /** A part of the upstream's words, in whatever case, or a pattern; `"/…/flags"` is one too. Only 8 KiB are read. */
  readonly match?: string | RegExp;
  /** A provider's id. */
  readonly provider?: string;
  /** A glob over the model's name, with or without the provider before it. */
  readonly model?: string;
  /** What to do, or what kind of failure it is. */
  readonly then: OwnVerdict | OwnKind;
  /** What it says something about, and so what rests. `request`: nothing does. */
  readonly scope?: ErrorScope;
  /** How long that rests: milliseconds, or a text like `"60s"`. 0 = not at all. */
  readonly cooldown?: number | string;
}

const verdicts: readonly string[] = ["next", "same", "stop"] satisfies OwnVerdict[];

const kinds: readonly OwnKind[] = [
  "invalid_request",
  "context_length",
  "content_filter",
  "rate_limited",
  "quota_exhausted",
  "credential_invalid",
  "no_credit",
  "banned",
  "model_unavailable",
  "overloaded",
  "upstream",
  "timeout",
  "network",
  "unknown",
];

/** The kinds that a failure of an upstream can be. */
export type OwnKind = Exclude<
  ErrorKind,
  "unauthenticated" | "forbidden" | "not_found" | "aborted" | "no_candidate" | "deadline" | "internal"
>;

/** Everything `then` may be. */
export const ownOutcomes: readonly string[] = [...verdicts, ...kinds];

/** A rule with nothing left to guess. */
export interface ResolvedErrorRule {
  /** First and last status of each range; absent = every failure, those without an answer too. */
  readonly statuses?: readonly (readonly [number, number])[];
  readonly match?: RegExp;
  readonly provider?: string;
  readonly model?: string;
  readonly then: OwnVerdict | OwnKind;
  readonly scope?: ErrorScope;
  /** Milliseconds. */
  readonly cooldown?: number;
}

/** A failure as rules see it. */
export interface RuledFailure {
  /** The HTTP status, and the one that an error inside a success names. Empty when there was no answer. */
  readonly statuses: readonly number[];
  /** What the upstream wrote: its body, and the message in it without JSON's escapes. */
  readonly texts: readonly string[];
  readonly provider: string;
  readonly model: string;
}

/** Characters of each text that patterns are tried on, so that none can be made to run for long by an upstream. */
const READ = 8192;

/** The first and last status of `429`, `"429"`, `"5xx"` or `"500-503"`; `undefined` for anything else. */
export function statusRange(text: unknown): readonly [number, number] | undefined {
  const found = typeof text === "number" || typeof text === "string" ? String(text).trim().toLowerCase() : "";
  const range = /^(\d{3})(?:\s?-\s?(\d{3}))?$/.exec(found);
  const hundred = /^([1-5])xx$/.exec(found);
  if (hundred) return [Number(hundred[1]) * 100, Number(hundred[1]) * 100 + 99];
  if (!range) return undefined;
  const [first, last] = [Number(range[1]), Number(range[2] ?? range[1])];
  return first >= 100 && first <= last && last <= 599 ? [first, last] : undefined;
}

/**
 * A pattern of a text: between slashes it is a regular expression, else a part to be found in whatever case. Throws a
 * `SyntaxError` for an expression that is none. Flags that make a pattern remember where it was are left out.
 */
export function patternOf(match: string | RegExp): RegExp {
  const written = typeof match === "string" ? /^\/(.+)\/([a-z]*)$/s.exec(match) : undefined;
  const source = typeof match === "string" ? written?.[1] : match.source;
  if (source === undefined) return new RegExp(String(match).replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), "i");
  const flags = typeof match === "string" ? (written?.[2] ?? "") : match.flags;
  // Checked as it stands before anything is left out.
  void new RegExp(source, flags);
  return new RegExp(source, flags.replaceAll(/[gy]/g, ""));
}

/** Milliseconds of `1500` or `"60s"`; `undefined` for what is no time. A text without a unit is one too many to guess. */
export function restTime(value: unknown): number | undefined {
  if (typeof value === "number") return Number.isFinite(value) && value >= 0 ? value : undefined;
  if (typeof value !== "string" || (/^[\d.\s]*$/.test(value) && value.trim() !== "0")) return undefined;
  return parseDuration(value);
}

/** Expects a rule that has passed validation. */
export function resolveErrorRule({
  status,
  match,
  provider,
  model,
  then,
  scope,
  cooldown,
}: ErrorRule): ResolvedErrorRule {
  const list = status === undefined ? undefined : Array.isArray(status) ? (status as readonly unknown[]) : [status];
  return {
    ...(list && { statuses: list.map(statusRange).filter((range) => range !== undefined) }),
    ...(match !== undefined && { match: patternOf(match) }),
    ...(provider !== undefined && { provider }),
    ...(model !== undefined && { model }),
    then,
    ...(scope !== undefined && { scope }),
    ...(cooldown !== undefined && { cooldown: restTime(cooldown) }),
  };
}

/** The place of the first rule that fits, or -1. */
export function firstFitting(rules: readonly ResolvedErrorRule[], failure: RuledFailure): number {
  return rules.findIndex((rule) => fits(rule, failure));
}

function fits(rule: ResolvedErrorRule, { statuses, texts, provider, model }: RuledFailure): boolean {
  if (rule.provider !== undefined && sameId(rule.provider) !== sameId(provider)) return false;
  if (rule.statuses && !statuses.some((status) => within(status, rule.statuses))) return false;
  if (rule.model !== undefined && !isModel(rule.model, provider, model)) return false;
  const { match } = rule;
  return match === undefined || texts.some((text) => match.test(text.slice(0, READ)));
}

/** True when a rule can concern that model of that provider, whatever fails. */
export function mayConcern(rule: ResolvedErrorRule, provider: string, model: string): boolean {
  if (rule.provider !== undefined && sameId(rule.provider) !== sameId(provider)) return false;
  return rule.model === undefined || isModel(rule.model, provider, model);
}

function isModel(pattern: string, provider: string, model: string): boolean {
  const test = matchesGlob(pattern);
  return test(model) || test(`${provider}/${model}`);
}

function sameId(id: string): string {
  return id.replaceAll("-", "_");
}

function within(status: number, ranges: ResolvedErrorRule["statuses"] = []): boolean {
  return ranges.some(([first, last]) => status >= first && status <= last);
}

/** What a rule makes of a failure that was read as `kind`. */
export function ruled(
  rule: ResolvedErrorRule,
  kind: ErrorKind,
): { readonly kind: ErrorKind; readonly scope?: ErrorScope; readonly then?: OwnVerdict } {
  const { then, scope } = rule;
  if (!isVerdict(then)) return { kind: then, scope };
  const blamed = errorTable[kind].scope === "request" && then !== "stop";
  // Who says that another key may do better says that the request is not at fault.
  return { kind: blamed ? "upstream" : kind, scope: scope ?? (blamed ? "model" : undefined), then };
}

function isVerdict(then: string): then is OwnVerdict {
  return verdicts.includes(then);
}

/** `429, 500-599 "daily" of openai → next, provider 60 s`, for people. */
export function ruleText({ statuses, match, provider, model, then, scope, cooldown }: ResolvedErrorRule): string {
  const ranges = statuses?.map(([first, last]) =>
    first === last ? String(first) : first % 100 === 0 && last === first + 99 ? `${first / 100}xx` : `${first}-${last}`,
  );
  const conditions = [
    ranges?.join(", ") ?? "",
    match === undefined ? "" : String(match),
    provider === undefined && model === undefined ? "" : `of ${[provider, model].filter(Boolean).join(" ")}`,
  ].filter((part) => part !== "");
  const effects = [
    then,
    scope ?? "",
    cooldown === undefined ? "" : cooldown === 0 ? "no rest" : `rests ${cooldown / 1000} s`,
  ].filter((part) => part !== "");
  return `${conditions.join(" ") || "any failure"} → ${effects.join(", ")}`;
}
