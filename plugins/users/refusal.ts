/** What a user hears whose limit or budget is reached. */
import { type Context, type HeaderRecord, type MaybePromise, ProxyError } from "waygate";
import { isQuota, limitHeaders, said, type Window } from "waygate/plugins/limits";
import { type Charge, MILLIONTHS } from "./charges.ts";
import { NEVER } from "./periods.ts";

const DAY = 86_400_000;
const HOUR = 3_600_000;

/** Throws a 429 in the client's protocol. */
export function refuse(
  ctx: Context,
  charges: readonly Charge[],
  full: Charge,
  until: number | undefined,
): MaybePromise<never> {
  const { state, runtime } = ctx.app;
  const now = runtime.clock.now();
  const isEndless = until !== undefined && until >= NEVER;
  // A budget that never renews may be raised; somebody who asks every second would not hear of it sooner.
  const retryAt = isEndless ? now + DAY : (until ?? now + 1000);
  const counted = charges.filter((charge) => charge.of !== "flight");
  const fail = (used: readonly number[]): never => {
    const shown = counted.map(windowOf);
    throw new ProxyError({
      kind: "rate_limited",
      scope: "request",
      status: 429,
      code:
        full.of === "quota" || (full.of === "rate" && isQuota(full.window)) ? "quota_exceeded" : "rate_limit_exceeded",
      message: `${sentence(full)} ${isEndless ? "It does not renew by itself: ask whoever runs the proxy." : again(retryAt - now)}`,
      retryAt,
      headers: {
        ...limitHeaders({
          windows: shown,
          used,
          full: counted.indexOf(full as (typeof counted)[number]),
          retryAt,
          now,
          protocol: ctx.protocol.id,
        }),
        ...costHeaders(full, used[counted.indexOf(full as (typeof counted)[number])], retryAt - now),
      },
    });
  };
  const used = state.used(counted.map(({ take }) => take.counter));
  return used instanceof Promise ? used.then(fail) : fail(used);
}

function again(ms: number): string {
  return `Try again in ${Math.max(1, Math.ceil(ms / 1000))} s.`;
}

function sentence(full: Charge): string {
  if (full.of === "flight") {
    return `${whose(full.owner)} has ${full.take.limit} requests in flight, which is the most at once.`;
  }
  if (full.of === "rate") return `${whose(full.owner)} has reached the limit of ${said(full.window)}.`;
  const { owner, family, unit, period, amount } = full.quota;
  const budget = unit === "cost" ? `$${amount}` : `${amount} ${unit}`;
  const when = period === "total" ? "in total" : period.includes(" ") ? `per ${period}` : period;
  return `${whose(owner)} has used the budget of ${budget} ${when}${family === "*" ? "" : ` for ${family}`}.`;
}

function whose(owner: string): string {
  return owner.startsWith("group:") ? "Your group" : "This user";
}

/** As `limits()` shows its own; dollars have no place among the usual names. */
function windowOf(charge: Exclude<Charge, { readonly of: "flight" }>): Window {
  if (charge.of === "rate") return charge.window;
  const { unit, amount } = charge.quota;
  return { unit: unit as Window["unit"], length: HOUR, stated: amount, limit: amount };
}

function costHeaders(full: Charge, used = 0, ms: number): HeaderRecord {
  if (full.of !== "quota" || full.quota.unit !== "cost") return {};
  return {
    "x-ratelimit-limit-cost": String(full.quota.amount),
    "x-ratelimit-remaining-cost": String(Math.max(0, full.quota.amount - used / MILLIONTHS)),
    "x-ratelimit-reset-cost": `${Math.max(0, ms / 1000)}s`,
  };
}
