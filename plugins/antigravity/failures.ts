/** What failures mean that only Antigravity has, and what follows them. */
import { type Attempt, ProxyError, type Verdict } from "waygate";
import { type CodeAssistFailure, isBareLimit } from "waygate/plugins/code-assist";
import { outdatedCode } from "./outdated.ts";

export const unknownModelCode = "model_not_found";

export const failures: readonly CodeAssistFailure[] = [
  // Passing, or because of what the prompt says: an account rests no longer than the pause before the next try.
  { status: [429], bare: true, kind: "rate_limited", wait: 500 },
  {
    status: [400],
    message: /location is not supported/i,
    kind: "invalid_request",
    scope: "request",
    says: ({ message }) =>
      `Google does not offer this service where this proxy's address is; no other account changes that (${message})`,
  },
  // What Anthropic's part of the service says of itself.
  { message: /^overloaded$/i, kind: "overloaded", scope: "request" },
];

/** `bareWaits`: milliseconds, on the same account. */
export function verdictOn(error: ProxyError, attempt: Attempt, bareWaits: readonly number[]): Verdict | undefined {
  const { app, model } = attempt.ctx;
  // Another account is refused as well; another model of an alias may not be.
  const other: Verdict = { then: app.models.isAlias(model) ? "next" : "stop" };
  if (error.code === outdatedCode || error.code === unknownModelCode) return other;
  const { status = 0, body = "" } = error.upstream ?? {};
  if (error.kind !== "rate_limited" || !isBareLimit(status, body)) return undefined;
  const before = attempt.ctx.attempts.filter(
    (each) => each.index < attempt.index && each.provider === attempt.provider && each.error?.kind === "rate_limited",
  ).length;
  const after = bareWaits[before];
  if (after !== undefined) return { then: "same", after };
  return before === bareWaits.length ? { then: "next" } : { then: "stop" };
}

/** Refused here, because the service takes a wrong name for a quota that is used up. */
export function unknownModel(name: string, known: readonly string[]): ProxyError {
  return new ProxyError({
    kind: "model_unavailable",
    scope: "request",
    code: unknownModelCode,
    status: 404,
    param: "model",
    message: `Antigravity has no model ${name}. It has: ${known.slice(0, 20).join(", ")}.`,
  });
}
