/** The limits of keys, providers and models: reserved before an attempt is sent, put right after it. */
import type { AttemptEnd, Candidate, Context, Gate, Grant, MaybePromise, Refused, Reservation } from "waygate";
import { isQuota, said } from "./caps.ts";
import type { Plan } from "./rules.ts";
import { guess, total } from "./tokens.ts";

export interface GateInit {
  readonly planOf: (candidate: Candidate, ctx: Context) => Plan | undefined;
  /** Tokens an answer is taken for. */
  readonly answer: number;
}

/** A count of tokens with less than this share left is full: hardly any request is as small. */
const NEARLY = 0.02;

/** Takes nothing back: what was reserved is what was used. */
const asReserved: readonly undefined[] = [];

export function limitsGate({ planOf, answer }: GateInit): Gate {
  return {
    name: "limits",
    reserve(candidate, ctx) {
      const plan = planOf(candidate, ctx);
      if (!plan) return undefined;
      const { windows, hasTokens } = plan;
      const tokens = hasTokens ? guess(ctx, answer) : 0;
      const takes = hasTokens
        ? plan.takes.map((take, index) => (windows[index]!.unit === "tokens" ? { ...take, amount: tokens } : take))
        : plan.takes;
      const reserved = ctx.app.state.reserve(takes);
      const decide = (reservation: Reservation): MaybePromise<Grant | Refused> => {
        if (!reservation.granted) return refusal(plan, reservation, ctx);
        return { settle: (end) => settle(reservation.id, end, { plan, tokens, candidate, ctx }) };
      };
      return reserved instanceof Promise ? reserved.then(decide) : decide(reserved);
    },
  };
}

interface Used {
  readonly plan: Plan;
  readonly tokens: number;
  readonly candidate: Candidate;
  readonly ctx: Context;
}

/** What was not sent counts nowhere; what the upstream refused cost no tokens; else its own count is better. */
function settle(id: string, end: AttemptEnd, { plan, tokens, candidate, ctx }: Used): MaybePromise<void> {
  const { credentials, state } = ctx.app;
  const counted = end.rejected ? 0 : total(end.usage);
  if (end.sent && (!plan.hasTokens || counted === undefined)) return state.settle(id, asReserved);
  const amounts = plan.windows.map(({ unit }) => (end.sent ? (unit === "tokens" ? counted : undefined) : 0));
  const put = state.settle(id, amounts);
  // More than was reserved, if anything: nobody has to be told.
  if (end.sent && (counted ?? tokens) >= tokens) return put;
  const tell = (): void => {
    credentials.lift("limits", candidate.credential.id);
    if (end.sent) credentials.stir();
  };
  return put instanceof Promise ? put.then(tell) : tell();
}

function refusal(
  { windows, takes, scopes }: Plan,
  { index, until }: Extract<Reservation, { readonly granted: false }>,
  { app }: Context,
): MaybePromise<Refused> {
  const window = windows[index]!;
  const scope = scopes[index]!;
  const refused: Refused = {
    refused: `${said(window)} reached`,
    kind: isQuota(window) ? "quota_exhausted" : "rate_limited",
    scope,
    ...(until !== undefined && { until }),
  };
  if (until === undefined) return refused;
  if (window.unit === "requests") return { ...refused, holds: scope };
  // Tokens may be too few for this request and enough for another one.
  const { counter, limit } = takes[index]!;
  const decide = ([used = 0]: readonly number[]): Refused =>
    limit - used < limit * NEARLY ? { ...refused, holds: scope } : refused;
  const used = app.state.used([counter]);
  return used instanceof Promise ? used.then(decide) : decide(used);
}
