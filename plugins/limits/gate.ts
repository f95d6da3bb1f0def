/** The limits of keys, providers and models: reserved before an attempt is sent, put right after it. */
import type {
  AttemptEnd,
  Candidate,
  Context,
  DropKind,
  Full,
  Gate,
  Grant,
  MaybePromise,
  Refused,
  Reservation,
} from "waygate";
import { isQuota, said, type Window } from "./caps.ts";
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
  /** Keys whose tokens are used up for everybody, `""` for models and providers. */
  const outOfTokens = new Set<string>();
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
        const used = { plan, tokens, candidate, ctx, outOfTokens };
        if (!reservation.granted) return refusal(used, reservation);
        if (reservation.full) holdFull(used, reservation.full);
        return { settle: (end) => settle(reservation.id, end, used) };
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
  readonly outOfTokens: Set<string>;
}

/**
 * Whoever makes the last request that fits says so, or the next would choose the key only to be refused. Of tokens
 * nobody knows before the answer.
 */
function holdFull({ plan, candidate, ctx }: Used, full: readonly Full[]): void {
  const { windows, scopes } = plan;
  for (const scope of ["key", "model", "provider"] as const) {
    let last: Full | undefined;
    for (const each of full) {
      if (scopes[each.index] !== scope || windows[each.index]!.unit !== "requests") continue;
      if (last === undefined || each.until > last.until) last = each;
    }
    if (last === undefined) continue;
    const window = windows[last.index]!;
    const kind = kindOf(window);
    ctx.app.credentials.hold(candidate, scope, {
      state: kind === "quota_exhausted" ? "exhausted" : "cooling",
      until: last.until,
      policy: "limits",
      reason: reasonOf(window),
      kind,
    });
  }
}

/** What was not sent counts nowhere; what the upstream refused cost no tokens; else its own count is better. */
function settle(id: string, end: AttemptEnd, used: Used): MaybePromise<void> {
  const { plan, tokens, candidate, ctx, outOfTokens } = used;
  const { credentials, state } = ctx.app;
  const counted = end.rejected ? 0 : total(end.usage);
  if (end.sent && (!plan.hasTokens || counted === undefined)) return state.settle(id, asReserved);
  const amounts = plan.windows.map(({ unit }) => (end.sent ? (unit === "tokens" ? counted : undefined) : 0));
  const put = state.settle(id, amounts);
  // More than was reserved, if anything: nobody has to be told.
  if (end.sent && (counted ?? tokens) >= tokens) return put;
  const { id: key } = candidate.credential;
  const tell = (): void => {
    // Requests that were sent stay counted, so what is held for them stays held.
    const held = [outOfTokens.delete(key), outOfTokens.delete("")].includes(true);
    if (!end.sent || held) credentials.lift("limits", key);
    if (end.sent) credentials.stir();
  };
  return put instanceof Promise ? put.then(tell) : tell();
}

function refusal(
  { plan: { windows, takes, scopes }, candidate, ctx: { app }, outOfTokens }: Used,
  { index, until }: Extract<Reservation, { readonly granted: false }>,
): MaybePromise<Refused> {
  const window = windows[index]!;
  const scope = scopes[index]!;
  const refused: Refused = {
    refused: reasonOf(window),
    kind: kindOf(window),
    scope,
    ...(until !== undefined && { until }),
  };
  if (until === undefined) return refused;
  if (window.unit === "requests") return { ...refused, holds: scope };
  // Tokens may be too few for this request and enough for another one.
  const { counter, limit } = takes[index]!;
  const decide = ([used = 0]: readonly number[]): Refused => {
    if (limit - used >= limit * NEARLY) return refused;
    outOfTokens.add(scope === "key" ? candidate.credential.id : "");
    return { ...refused, holds: scope };
  };
  const used = app.state.used([counter]);
  return used instanceof Promise ? used.then(decide) : decide(used);
}

function reasonOf(window: Window): string {
  return `${said(window)} reached`;
}

function kindOf(window: Window): DropKind {
  return isQuota(window) ? "quota_exhausted" : "rate_limited";
}
