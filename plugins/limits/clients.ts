/** The limits of clients: what was accepted counts, what was refused does not. */
import {
  type Context,
  defineSlot,
  type HookObject,
  type Hooks,
  matchesGlob,
  type MaybePromise,
  ProxyError,
  type Reservation,
  type Take,
} from "waygate";
import { type Caps, counterOf, isQuota, said, type Window, windowsOf } from "./caps.ts";
import { limitHeaders } from "./headers.ts";
import { guess, total } from "./tokens.ts";

export interface ClientsInit {
  /** For every client. */
  readonly usual: Caps;
  /** By globs over clients' ids; the first that fits counts in place of `usual`. */
  readonly named: { readonly [client: string]: Caps };
  readonly margin: number;
  readonly answer: number;
  readonly nextReset: (now: number) => number;
  /** What a client without a name is counted under. */
  readonly hashOf: (address: string) => string;
}

interface Accepted {
  readonly id: string;
  readonly windows: readonly Window[];
}

const accepted = defineSlot<Accepted>("limits.accepted");

/** `undefined` when no client is limited. */
export function clientHooks(
  init: ClientsInit,
): { readonly filter: HookObject<Hooks["filter"]>; readonly record: Hooks["record"] } | undefined {
  const { margin, answer, nextReset, hashOf } = init;
  const usual = windowsOf(init.usual, margin, ["limits", "client"]);
  const named = Object.entries(init.named).map(([glob, caps]) => ({
    fits: matchesGlob(glob),
    windows: windowsOf(caps, margin, ["limits", "clients", glob]),
  }));
  if (usual.length === 0 && named.every(({ windows }) => windows.length === 0)) return undefined;

  return {
    filter: {
      // Before what other filters answer by themselves: that is an accepted request too.
      order: "pre",
      handler(ctx) {
        const client = ctx.principal?.id ?? ctx.ip ?? "anonymous";
        const windows = named.find(({ fits }) => fits(client))?.windows ?? usual;
        if (windows.length === 0) return undefined;
        const { state, runtime } = ctx.app;
        const dayEnds = nextReset(runtime.clock.now());
        // Counters outlive the process; an address is nobody's to keep.
        const name = `client/${ctx.principal === undefined && ctx.ip !== undefined ? hashOf(ctx.ip) : client}`;
        const counts = ctx.operation !== "count-tokens";
        const takes = windows.map((window): Take => {
          const amount = window.unit === "requests" ? 1 : counts ? guess(ctx, answer) : 0;
          return { counter: counterOf(window, name, dayEnds), limit: window.limit, amount };
        });
        const decide = (reservation: Reservation): MaybePromise<undefined> => {
          if (!reservation.granted) return refuse(ctx, windows, takes, reservation);
          ctx.set(accepted, { id: reservation.id, windows });
          return undefined;
        };
        const reserved = state.reserve(takes);
        return reserved instanceof Promise ? reserved.then(decide) : decide(reserved);
      },
    },
    record(outcome, ctx) {
      const held = ctx.get(accepted);
      if (!held) return undefined;
      const { end, answeredBy, usage } = outcome;
      // Nothing was asked and nothing answered: refused, or left while it waited.
      const counts = end === "complete" || ctx.attempts.length > 0;
      const tokens = total(usage) ?? (answeredBy ? undefined : 0);
      const amounts = held.windows.map(({ unit }) => (counts ? (unit === "tokens" ? tokens : undefined) : 0));
      return ctx.app.state.settle(held.id, amounts);
    },
  };
}

function refuse(
  ctx: Context,
  windows: readonly Window[],
  takes: readonly Take[],
  { index, until }: Extract<Reservation, { readonly granted: false }>,
): MaybePromise<never> {
  const now = ctx.app.runtime.clock.now();
  const full = windows[index]!;
  const retryAt = until ?? now + 1000;
  const fail = (used: readonly number[]): never => {
    throw new ProxyError({
      kind: "rate_limited",
      scope: "request",
      status: 429,
      code: isQuota(full) ? "quota_exceeded" : "rate_limit_exceeded",
      message: `You have reached your limit of ${said(full)}. Try again in ${Math.max(1, Math.ceil((retryAt - now) / 1000))} s.`,
      retryAt,
      headers: limitHeaders({ windows, used, full: index, retryAt, now, protocol: ctx.protocol.id }),
    });
  };
  const used = ctx.app.state.used(takes.map(({ counter }) => counter));
  return used instanceof Promise ? used.then(fail) : fail(used);
}
