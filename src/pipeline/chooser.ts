/**
 * Who is asked next: selection, a place in flight, the gates, and the wait when all of these have nobody to offer. What
 * it gives may be sent to at once, and everything it holds is given back when it is not.
 */
import type { Grant } from "../candidates/gates.ts";
import type { Placed } from "../candidates/in-flight.ts";
import type { Pool } from "../candidates/pool.ts";
import type { Awaited, Spot } from "../candidates/waiting-room.ts";
import type { Candidate, Target } from "../plugin/context.ts";
import type { MaybePromise } from "../plugin/provider.ts";
import type { RequestState } from "./context.ts";
import { createFavoured } from "./favoured.ts";
import { createRefusals, giveBack, type Passed, passGates } from "./gates.ts";
import { isPromise } from "./hooks.ts";
import { clientGone } from "./refusal.ts";
import { type Choice, createSelector } from "./select.ts";
import type { Policies } from "./policies.ts";
import { soughtBy, waitForSought } from "./sought.ts";
import { type Barred, createBarred } from "./verdict.ts";
import { enterRoom, lineOf, returnTime, waitAt } from "./waiting.ts";

/** A candidate that may be asked now. */
export interface Chosen extends Placed {
  /** What the gates have reserved; to be settled whatever happens. */
  readonly grants: readonly Grant[];
}

export interface Chooser {
  /** The candidate that would have been asked first had nobody been skipped. */
  preferred(): Candidate | undefined;
  /** A place for the best candidate, after a wait if need be; `undefined` when there is nothing to wait for. */
  choose(): Promise<Placed | undefined>;
  /** The same candidate once more, if it is free now and has not been taken out of rotation or let rest meanwhile. */
  again(candidate: Candidate): Placed | undefined;
  /** What was placed with the agreement of the gates. `undefined` gives the place back, and another is to be chosen. */
  pass(placed: Placed): MaybePromise<Chosen | undefined>;
  /** Another one than `candidate`, with the agreement of the gates, if one can be asked at once. */
  beside(candidate: Candidate): Promise<Chosen | undefined>;
  /**
   * True when nobody else than `candidate` could be asked now or after another request has ended, or nobody that is
   * preferred to a wait of so many milliseconds.
   */
  noneBeside(candidate: Candidate, wait: number): Promise<boolean>;
  /** Nothing is waited for any more. */
  close(): void;
}

export interface ChooserInit {
  readonly state: RequestState;
  readonly pool: Pool;
  readonly policies: Policies;
  readonly targets: readonly Target[];
  readonly barred: Barred;
}

/** Candidates that gates may refuse one request before it waits, so that ten thousand full keys are not all asked. */
const REFUSED = 64;

const none: readonly Grant[] = [];

export function createChooser({ state, pool, policies, targets, barred }: ChooserInit): Chooser {
  const { clock } = state.ctx.app.runtime;
  const { retry } = state.ctx.app.config;
  const { queue } = state.ctx.delivery ?? {};
  const selector = createSelector(state, pool, policies);
  const refusals = createRefusals(state, pool, clock);
  const excluded = (candidate: Candidate): boolean => barred.has(candidate) || refusals.has(candidate);
  const allBut = (candidate: Candidate): ((each: Candidate) => boolean) => {
    const same = createBarred();
    same.candidate(candidate);
    return (each) => same.has(each) || excluded(each);
  };
  const favoured = createFavoured({ state, pool, policies, selector, targets, excluded });
  /** Kept from the first wait until something is asked. */
  let spot: Spot | undefined;
  let waitUntil: number | undefined;
  let preferred: Candidate | undefined;
  /** Once: a key that did not become free in time is not waited for again. */
  let returned = false;

  const patience = (): number =>
    (waitUntil ??= Math.min(clock.now() + (queue?.wait ?? retry.queueWait), state.startedAt + retry.deadline));
  /** Requests that have been somewhere already, or may go to one key only, can use other candidates than the rest. */
  const line = (): string | undefined =>
    state.attempts.length > 0 || state.onlyCredential !== undefined ? undefined : lineOf(targets);
  /** A request like any other stands behind those who came before it. */
  const joins = (): boolean => {
    if (spot !== undefined || pool.room.size === 0) return false;
    const own = line();
    return own !== undefined && pool.room.isWaited(own, patience());
  };

  /** What is worth waiting for; `undefined` = nothing comes in time. `since`: when the choice was begun. */
  const awaitedAfter = ({ busy }: Choice, since: number): Awaited | undefined => {
    const refused = refusals.earliest(since);
    const free = busy.length > 0 || refused !== undefined || queue?.rests === true;
    const back = returnTime(pool, targets, barred.has, free);
    const due = refused === undefined || (back !== undefined && back < refused) ? back : refused;
    const now = clock.now();
    if (patience() <= now) return undefined;
    return busy.length > 0 || (due !== undefined && due < patience()) ? { busy, due } : undefined;
  };

  const refuse = (placed: Placed, error: unknown): never => {
    placed.lease.release();
    throw error;
  };
  const settled = (placed: Placed, passed: Passed): Chosen | undefined => {
    if ("grants" in passed) {
      if (state.cancellation.aborted) {
        giveBack(state, passed.grants);
        return refuse(placed, clientGone());
      }
      return taken({ ...placed, grants: passed.grants });
    }
    refusals.add(placed.candidate, passed.gate, passed.refused);
    placed.lease.release();
    return undefined;
  };
  const taken = (chosen: Chosen): Chosen => {
    spot?.leave(true);
    spot = undefined;
    waitUntil = undefined;
    return chosen;
  };

  return {
    preferred: () => preferred,
    async choose() {
      if (!returned && state.attempts.length === 0) {
        returned = true;
        const sought = soughtBy(policies, state);
        if (sought?.wait) {
          const until = Math.min(patience(), clock.now() + sought.wait);
          const home = await waitForSought(state, pool, { sought, targets, excluded, until });
          if (home) return home;
        }
      }
      const better = favoured && (await favoured.choose());
      if (better) {
        preferred ??= better.preferred;
        return better.placed;
      }
      for (;;) {
        let awaited: Awaited | undefined;
        if (!joins()) {
          const since = clock.now();
          const choice: Choice = refusals.count() < REFUSED ? await selector.next(targets, excluded) : { busy: [] };
          preferred ??= choice.preferred;
          if (choice.placed) return choice.placed;
          // Policies may have thought, and nobody tells who does not wait yet.
          if (choice.busy.some((each) => pool.flights.free(each) && pool.current(each) !== undefined)) continue;
          awaited = awaitedAfter(choice, since);
          if (!awaited) return undefined;
        }
        spot ??= enterRoom(state, pool, line(), (candidate) => !excluded(candidate));
        if (!spot) return undefined;
        const call = await waitAt(state, spot, awaited, patience());
        refusals.restart();
        if (call === "over") {
          // What comes back in the very moment of the end counts as well.
          const last = state.cancellation.aborted ? undefined : await selector.next(targets, excluded);
          if (last?.placed) return last.placed;
          state.waited = true;
          return undefined;
        }
        if (call !== "look") return call;
      }
    },
    again(candidate) {
      const place = excluded(candidate) ? undefined : pool.current(candidate);
      const lease = place && pool.flights.acquire(place);
      return place && lease && { candidate: place, lease };
    },
    pass(placed) {
      if (pool.gates.length === 0) return taken({ ...placed, grants: none });
      try {
        const passing = passGates(state, pool.gates, placed.candidate);
        if (!isPromise(passing)) return settled(placed, passing);
        return passing.then(
          (passed) => settled(placed, passed),
          (error: unknown) => refuse(placed, error),
        );
      } catch (error) {
        return refuse(placed, error);
      }
    },
    async beside(candidate) {
      const others = allBut(candidate);
      for (;;) {
        const { placed } = await selector.next(targets, others);
        if (!placed) return undefined;
        const passing = this.pass(placed);
        const passed = isPromise(passing) ? await passing : passing;
        if (passed) return passed as Chosen;
      }
    },
    async noneBeside(candidate, wait) {
      const choice = await selector.next(favoured?.around(candidate, wait) ?? targets, allBut(candidate));
      choice.placed?.lease.release();
      return choice.placed === undefined && choice.busy.length === 0;
    },
    close() {
      spot?.leave(false);
    },
  };
}
