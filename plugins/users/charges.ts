/** What a request of a user is counted against, and what it is taken for before anybody knows what it will use. */
import {
  type Catalog,
  type Context,
  type Counter,
  estimateCost,
  type ModelInfo,
  type Outcome,
  ProxyError,
  type Take,
  type Target,
} from "waygate";
import { counterOf, guessTokens, totalTokens, type Window } from "waygate/plugins/limits";
import type { Entry, Meter, OwnedQuota, Rate } from "./directory.ts";
import type { Periods, Span } from "./periods.ts";
import type { UseBook } from "./use-book.ts";

export type Charge =
  | { readonly of: "rate"; readonly window: Window; readonly owner: string; readonly take: Take }
  | { readonly of: "flight"; readonly owner: string; readonly take: Take }
  | {
      readonly of: "quota";
      readonly quota: OwnedQuota;
      readonly span: Span;
      /** The quota is of all that may answer, and not of a fallback alone. */
      readonly isWhole: boolean;
      readonly take: Take;
    };

export interface ChargeInit {
  readonly book: UseBook;
  readonly periods: Periods;
  readonly catalog: Catalog;
  /** Tokens an answer is taken for. */
  readonly answer: number;
  readonly dayEnds: (now: number) => number;
}

/** A counter of dollars counts millionths: sums of cents in binary miss the limit by a hair. */
export const MILLIONTHS = 1_000_000;
/** Least that anything takes of a budget, so that what is used up admits nothing. */
const LEAST = 1;
/** Names of models remembered per user; clients may make them up. */
const NAMES = 200;

export function chargesOf(ctx: Context, entry: Entry, init: ChargeInit): Charge[] {
  const { rates, flights, quotas } = entry;
  const charges: Charge[] = [];
  if (rates.length === 0 && flights.length === 0 && quotas.length === 0) return charges;
  const now = ctx.app.runtime.clock.now();
  const counts = ctx.operation !== "count-tokens";
  const tokens = (): number => (counts ? Math.max(LEAST, guessTokens(ctx, init.answer)) : LEAST);
  for (const rate of rates) {
    const { owner, window } = rate;
    const amount = window.unit === "requests" ? 1 : tokens();
    const take = { counter: rateCounter(rate, init.dayEnds(now)), limit: window.limit, amount };
    charges.push({ of: "rate", owner, window, take });
  }
  for (const { owner, counter, limit } of flights) {
    charges.push({ of: "flight", owner, take: { counter, limit, amount: 1 } });
  }
  if (quotas.length === 0) return charges;
  const { planned, info } = planOf(ctx, entry, init.catalog);
  for (const { quota, isWhole } of planned) {
    const { span, counter } = meterOf(quota, init, now);
    const { unit } = quota;
    const amount = unit === "requests" ? 1 : unit === "tokens" ? tokens() : guessCost(ctx, tokens(), info, init.answer);
    const limit = unit === "cost" ? quota.amount * MILLIONTHS : quota.amount;
    charges.push({ of: "quota", quota, span, isWhole, take: { counter, limit, amount: Math.max(LEAST, amount) } });
  }
  return charges;
}

function rateCounter(rate: Rate, dayEnds: number): Counter {
  if (rate.counter?.dayEnds !== dayEnds) {
    rate.counter = { dayEnds, counter: counterOf(rate.window, `users/${rate.owner}`, dayEnds) };
  }
  return rate.counter.counter;
}

/** Long names are made once per window and not per request. */
function meterOf(quota: OwnedQuota, { book, periods }: ChargeInit, now: number): Meter {
  const period = periods.at(quota.period, now);
  const { meter } = quota;
  if (meter?.period === period && meter.epoch === book.epoch) return meter;
  const span = book.span(quota, period);
  const counter = { kind: "fixed", key: `users/${quota.key}\0${span.from}`, until: span.until } as const;
  return (quota.meter = { period, epoch: book.epoch, span, counter });
}

/** By the name that clients ask for, as long as the models are these. */
export interface Plans {
  of: unknown;
  readonly byName: Map<string, Plan>;
}

interface Plan {
  readonly planned: readonly { readonly quota: OwnedQuota; readonly isWhole: boolean }[];
  /** What is known of the first who may answer. */
  readonly info: ModelInfo | undefined;
}

/** Under the name the client gave, and under those of everybody who may answer. */
function planOf(ctx: Context, { plans, quotas }: Entry, catalog: Catalog): Plan {
  const { models } = ctx.app;
  const list = models.list();
  if (plans.of !== list) {
    plans.byName.clear();
    plans.of = list;
  }
  const found = plans.byName.get(ctx.model);
  if (found) return found;
  const targets = targetsOf(ctx);
  const names = targets.map(({ provider, model }) => `${provider.name}/${model}`);
  const planned = quotas.flatMap((quota): Plan["planned"] => {
    const fitting = names.filter(quota.fits).length;
    const isAsked = quota.fits(ctx.model);
    if (fitting === 0 && !isAsked) return [];
    return [{ quota, isWhole: isAsked || fitting === names.length }];
  });
  const [first] = targets;
  const info =
    first && quotas.some(({ unit }) => unit === "cost") ? catalog.lookup(first.provider.name, first.model) : undefined;
  if (plans.byName.size >= NAMES) plans.byName.clear();
  const plan = { planned, info };
  plans.byName.set(ctx.model, plan);
  return plan;
}

/** None for a name nobody knows: that is refused later, with the nearest known ones. */
function targetsOf(ctx: Context): readonly Target[] {
  try {
    return ctx.app.models.resolve(ctx.model);
  } catch (error) {
    if (ProxyError.is(error)) return [];
    throw error;
  }
}

/** Millionths of a dollar at the price of the first who may answer; 0 where that is not known. */
function guessCost(ctx: Context, tokens: number, info: ModelInfo | undefined, answer: number): number {
  if (info === undefined || ctx.operation === "count-tokens") return 0;
  const output = ctx.operation === "generate" ? Math.min(answer, tokens) : 0;
  return (estimateCost(info, { input: tokens - output, output }) ?? 0) * MILLIONTHS;
}

/** What is to be put in place of what was taken; `undefined` = it stays. */
export function amountsOf(
  charges: readonly Charge[],
  outcome: Outcome,
  ctx: Context,
  costOf: (outcome: Outcome) => number | null,
): (number | undefined)[] {
  const { answeredBy, usage, end } = outcome;
  // Nothing was asked and nothing answered: refused, or left while it waited.
  const counts = end === "complete" || ctx.attempts.length > 0;
  const isFree = !counts || answeredBy === undefined || ctx.operation === "count-tokens";
  const tokens = isFree ? 0 : totalTokens(usage);
  return charges.map((charge) => {
    if (charge.of === "flight") return undefined;
    const unit = charge.of === "rate" ? charge.window.unit : charge.quota.unit;
    if (charge.of === "quota" && answeredBy !== undefined && !isOf(charge.quota, answeredBy, ctx)) return 0;
    if (unit === "requests") return counts ? undefined : 0;
    if (unit === "tokens") return tokens;
    if (isFree) return 0;
    return usage === undefined ? undefined : (costOf(outcome) ?? 0) * MILLIONTHS;
  });
}

function isOf(
  quota: OwnedQuota,
  { provider, model }: Target | NonNullable<Outcome["answeredBy"]>,
  ctx: Context,
): boolean {
  return quota.fits(ctx.model) || quota.fits(`${provider.name}/${model}`);
}
