/** Limits and budgets of users: taken before a request is sent, put right when it has ended, given back if it was refused. */
import {
  type App,
  type Context,
  defineSlot,
  type MaybePromise,
  type Outcome,
  type Reservation,
  type Selection,
  type Candidate,
  type Timer,
} from "waygate";
import { amountsOf, type Charge, chargesOf, type ChargeInit, MILLIONTHS } from "./charges.ts";
import { FLIGHT_TTL, type Entry } from "./directory.ts";
import { refuse } from "./refusal.ts";

export interface SpendingInit extends ChargeInit {
  costOf(outcome: Outcome): number | null;
}

interface Taken {
  /** Absent when nothing is counted. */
  readonly id: string | undefined;
  readonly charges: readonly Charge[];
  /** Budgets of fallbacks that are used up. */
  readonly spent: readonly Extract<Charge, { readonly of: "quota" }>[];
  readonly entry: Entry;
}

export interface Spending {
  take(ctx: Context, entry: Entry): MaybePromise<undefined>;
  settle(outcome: Outcome, ctx: Context): MaybePromise<void>;
  /** Leaves out what the user may not have. */
  select(candidates: readonly Candidate[], ctx: Context, selection: Selection): readonly Candidate[];
  close(): void;
}

const taken = defineSlot<Taken>("users.taken");

export function isSelective(ctx: Context): boolean {
  const found = ctx.get(taken);
  return found !== undefined && (found.spent.length > 0 || found.entry.mayUseKey !== undefined);
}

export function createSpending(app: App, init: SpendingInit): Spending {
  const flights = keepFlights(app);

  const take = (ctx: Context, entry: Entry): MaybePromise<undefined> => {
    const charges = chargesOf(ctx, entry, init);
    if (charges.length === 0) {
      if (entry.mayUseKey) ctx.set(taken, { id: undefined, charges, spent: [], entry });
      return undefined;
    }
    const told = tellBefore(app, charges, init);
    return told === undefined ? reserve(ctx, entry, charges, []) : told.then(() => reserve(ctx, entry, charges, []));
  };
  const reserve = (
    ctx: Context,
    entry: Entry,
    charges: readonly Charge[],
    spent: Taken["spent"],
  ): MaybePromise<undefined> => {
    const decide = (reservation: Reservation): MaybePromise<undefined> => {
      if (reservation.granted) {
        ctx.set(taken, { id: reservation.id, charges, spent, entry });
        if (entry.flights.length > 0) flights.add(reservation.id);
        return undefined;
      }
      const full = charges[reservation.index]!;
      // Others may still answer.
      if (full.of === "quota" && !full.isWhole) {
        return reserve(
          ctx,
          entry,
          charges.filter((charge) => charge !== full),
          [...spent, full],
        );
      }
      return refuse(ctx, charges, full, reservation.until);
    };
    const reserved = app.state.reserve(charges.map((charge) => charge.take));
    return reserved instanceof Promise ? reserved.then(decide) : decide(reserved);
  };

  return {
    take,
    settle(outcome, ctx) {
      const found = ctx.get(taken);
      if (found?.id === undefined) return undefined;
      const { id, charges } = found;
      flights.delete(id);
      const amounts = amountsOf(charges, outcome, ctx, init.costOf);
      charges.forEach((charge, index) => {
        if (charge.of !== "quota") return;
        const amount = amounts[index] ?? charge.take.amount;
        init.book.add(charge.quota, charge.span, charge.quota.unit === "cost" ? amount / MILLIONTHS : amount);
      });
      app.database?.wake();
      return app.state.settle(id, amounts);
    },
    select(candidates, ctx, selection) {
      const { spent, entry } = ctx.get(taken)!;
      return candidates.filter((candidate) => {
        const { provider, model, credential } = candidate;
        const label = credential.label ?? credential.id;
        if (entry.mayUseKey && ![label, credential.id].some((key) => entry.mayUseKey!(`${provider.name}/${key}`))) {
          selection.drop(candidate, { reason: "not a key of this user", kind: "filtered" });
          return false;
        }
        const full = spent.find(({ quota }) => quota.fits(`${provider.name}/${model}`));
        if (full === undefined) return true;
        const { unit, family } = full.quota;
        const reason = `the user's budget of ${unit} for ${family} is used up`;
        selection.drop(candidate, { reason, kind: "quota_exhausted", until: full.span.until });
        return false;
      });
    },
    close: flights.close,
  };
}

/** Once per window: what was used before this process, or the store, began. */
function tellBefore(app: App, charges: readonly Charge[], { book }: SpendingInit): Promise<void> | undefined {
  let telling: Promise<void> | undefined;
  const keep = (made: Reservation): MaybePromise<void> => (made.granted ? app.state.settle(made.id, []) : undefined);
  for (const charge of charges) {
    if (charge.of !== "quota" || !book.isNew(charge.quota, charge.span)) continue;
    const used = book.used(charge.quota, charge.span);
    const amount = charge.quota.unit === "cost" ? used * MILLIONTHS : used;
    const { counter } = charge.take;
    const more = (there: number): MaybePromise<unknown> => {
      if (there >= amount) return undefined;
      const added = app.state.reserve([{ counter, limit: Number.MAX_SAFE_INTEGER, amount: amount - there }]);
      return added instanceof Promise ? added.then(keep) : keep(added);
    };
    // Where nothing has been counted one worker is the first, and the others find it done.
    const first = (reservation: Reservation): MaybePromise<unknown> => {
      if (reservation.granted) return keep(reservation);
      const there = app.state.used([counter]);
      return there instanceof Promise ? there.then(([is = 0]) => more(is)) : more(there[0] ?? 0);
    };
    const reserved = app.state.reserve([{ counter, limit: amount, amount }]);
    const done = reserved instanceof Promise ? reserved.then(first) : first(reserved);
    if (done instanceof Promise) telling = Promise.all([telling, done]).then(() => undefined);
  }
  return telling;
}

/** Renews the places of requests that take long. */
function keepFlights(app: App): { add(id: string): void; delete(id: string): void; close(): void } {
  const open = new Set<string>();
  let timer: Timer | undefined;
  let closed = false;
  const arm = (): void => {
    if (timer || closed || open.size === 0) return;
    timer = app.runtime.clock.timer(() => void renew(), FLIGHT_TTL / 4);
  };
  const renew = async (): Promise<void> => {
    try {
      await app.state.renew([...open]);
    } catch (error) {
      app.log.warn("Places in flight of users could not be renewed in the shared state:", error);
    }
    timer = undefined;
    arm();
  };
  return {
    add(id) {
      open.add(id);
      arm();
    },
    delete: (id) => void open.delete(id),
    close() {
      closed = true;
      timer?.cancel();
    },
  };
}
