/** Applies the `errors` of the config to the failures of attempts: they come before what a provider and the core say. */
import { classify } from "../failure/classify.ts";
import { type ProxyError, withError } from "../failure/error.ts";
import { firstFitting, type ResolvedErrorRule, type RuledFailure, ruled } from "../failure/own-rules.ts";
import type { Attempt } from "../plugin/context.ts";
import type { FailureSignal } from "../plugin/provider.ts";

/** What a failed answer means, own rules first. */
export function readFailure(attempt: Attempt, signal: FailureSignal): ProxyError {
  const { provider, ctx } = attempt;
  const own = provider.classify?.bind(provider);
  const rules = ctx.app.config.errors;
  if (rules.length === 0) return classify(signal, own);
  const place = firstFitting(rules, {
    statuses: [signal.status, ...(signal.inBand && signal.error.status !== undefined ? [signal.error.status] : [])],
    texts: [signal.body, signal.error.message],
    ...whom(attempt),
  });
  if (place === -1) return classify(signal, own);
  const rule = rules[place]!;
  const { kind, then } = ruled(rule, "unknown");
  // A rule that names the kind is a reading like a provider's, so that times are looked for as they are for that kind.
  const found = classify(signal, then === undefined ? (each) => asKind(rule, kind, own?.(each)) : own);
  return underRule(attempt, found, place, rule);
}

/** A failure without an answer: no connection, a limit of time. Rules with a status do not fit it. */
export function failedWithoutAnswer(attempt: Attempt, error: ProxyError): ProxyError {
  const rules = attempt.ctx.app.config.errors;
  if (rules.length === 0 || error.ruling !== undefined || !outside.has(error.kind)) return error;
  const place = firstFitting(rules, { statuses: [], texts: [error.message], ...whom(attempt) });
  return place === -1 ? error : underRule(attempt, error, place, rules[place]!);
}

/** Kinds that an attempt without an answer fails with because of its upstream. */
const outside: ReadonlySet<string> = new Set(["network", "timeout"]);

function whom({ provider, model }: Attempt): Pick<RuledFailure, "provider" | "model"> {
  return { provider: provider.name, model };
}

function asKind(
  { scope }: ResolvedErrorRule,
  kind: ProxyError["kind"],
  own: ReturnType<NonNullable<Attempt["provider"]["classify"]>>,
): ReturnType<NonNullable<Attempt["provider"]["classify"]>> {
  // The time for another kind of failure is not the time for this one.
  return { ...(own?.kind === kind && own), kind, ...(scope && { scope }) };
}

function underRule(attempt: Attempt, error: ProxyError, place: number, rule: ResolvedErrorRule): ProxyError {
  const { kind, scope, then } = ruled(rule, error.kind);
  const { cooldown } = rule;
  const now = attempt.ctx.app.runtime.clock.now();
  const verdict = then === "same" && isSpent(attempt) ? undefined : then;
  return withError(error, {
    kind,
    ...(scope && { scope }),
    // What the client should see of a fault of its own is not what it should see of the upstream's.
    ...(kind !== error.kind && { status: undefined, param: undefined, code: undefined, rests: undefined }),
    ...(cooldown !== undefined && cooldown > 0 && { retryAt: now + cooldown }),
    ruling: { rule: place, ...(verdict && { then: verdict }), ...(cooldown !== undefined && { cooldown }) },
  });
}

/** The same candidate has been tried again as often as `retry.sameCredential` says, but once at least. */
function isSpent({ ctx, candidate }: Attempt): boolean {
  const most = Math.max(1, ctx.app.config.retry.sameCredential);
  const before = ctx.attempts.slice(-most - 1);
  return (
    before.length > most &&
    before.every(({ credential, model }) => credential.id === candidate.credential.id && model === candidate.model)
  );
}

/** Milliseconds before the same candidate is asked again because a rule says so. */
export function pauseFor(error: ProxyError, { ctx }: Attempt): number {
  const { shortWait } = ctx.app.config.retry;
  const named = (error.retryAt ?? 0) - ctx.app.runtime.clock.now();
  return Math.min(shortWait, Math.max(named, AGAIN * (0.5 + ctx.app.runtime.random() / 2)));
}

/** Milliseconds; half of it is chance. */
const AGAIN = 200;
