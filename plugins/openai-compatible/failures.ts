/** A provider's own reading of its failures as data, put in front of the reading every provider shares. */
import { type Classification, type ErrorKind, type ErrorScope, type FailureSignal, retryTime } from "waygate";

/**
 * The first rule of which all conditions hold decides. What no rule knows is left to the shared reading, and so is an
 * HTML page unless a rule looks at the body.
 */
export interface FailureRule {
  /** HTTP statuses. An error inside a 200 that names no status passes if another condition holds. */
  readonly status?: readonly number[];
  /** Tested against the error's code and type. */
  readonly code?: RegExp;
  /** Tested against the error's message. */
  readonly text?: RegExp;
  /** Tested against the whole body. */
  readonly body?: RegExp;
  readonly kind: ErrorKind;
  readonly scope?: ErrorScope;
  /** Instead of the upstream's. */
  readonly message?: string;
  /** When to ask again if the upstream names no time: milliseconds from now, or the time (epoch milliseconds). */
  readonly wait?: number | ((now: number) => number);
  /** Milliseconds of rest after the first, the second in a row and so on, if the upstream names no time. */
  readonly rests?: readonly number[];
  /** When to ask again whatever the upstream says (epoch milliseconds, both). */
  readonly until?: (now: number) => number;
}

export type Classify = (signal: FailureSignal) => Classification | undefined;

/** A `classify` for a provider. */
export function classifyBy(rules: readonly FailureRule[]): Classify {
  return (signal) => {
    const rule = rules.find((each) => matches(each, signal));
    if (!rule) return undefined;
    const { kind, scope, message, rests } = rule;
    return { kind, scope, message, rests, retryAt: timeOf(rule, signal) };
  };
}

function matches(rule: FailureRule, { status, error, body, inBand }: FailureSignal): boolean {
  const named = inBand && status < 400 ? (error.status ?? 0) : status;
  if (rule.body === undefined && body.trimStart().startsWith("<")) return false;
  const silent = named === 0 && (rule.code ?? rule.text ?? rule.body) !== undefined;
  return (
    (rule.status === undefined || rule.status.includes(named) || silent) &&
    (rule.code === undefined || [error.code, error.type].some((word) => word !== undefined && rule.code!.test(word))) &&
    (rule.text === undefined || rule.text.test(error.message)) &&
    (rule.body === undefined || rule.body.test(body))
  );
}

/** Absent when the rule says nothing about it: then the core reads the time. */
function timeOf({ wait, until }: FailureRule, signal: FailureSignal): number | undefined {
  if (until !== undefined) return until(signal.now);
  if (wait === undefined) return undefined;
  return retryTime(signal)?.at ?? (typeof wait === "number" ? signal.now + wait : wait(signal.now));
}

const DAY = 86_400_000;

/** The next midnight UTC. */
export function nextDay(now: number): number {
  return (Math.floor(now / DAY) + 1) * DAY;
}

/** The start of the next month, UTC. */
export function nextMonth(now: number): number {
  const date = new Date(now);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
}
