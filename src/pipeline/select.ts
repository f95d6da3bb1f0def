/**
 * Choosing the next candidate: a view of ready candidates per target, the policies over them, a place in flight. A
 * target of which nobody is left is looked at further, so that the first 64 keys never stand for ten thousand.
 */
import type { Placed } from "../candidates/in-flight.ts";
import type { Pool } from "../candidates/pool.ts";
import { type ReadyRing, VIEW } from "../candidates/ready-ring.ts";
import type { Candidate, Target } from "../plugin/context.ts";
import type { MaybePromise } from "../plugin/provider.ts";
import type { RequestState } from "./context.ts";
import { isPromise } from "./hooks.ts";
import { type Policies, runPolicies } from "./policies.ts";
import { soughtBy, withSought } from "./sought.ts";

export interface Selector {
  /** The next candidate with its place, or why there is none. */
  next(targets: readonly Target[], barred: (candidate: Candidate) => boolean): Promise<Choice>;
  /** Every candidate that would be tried, in order, with reasons for all: for `explain`. Takes no place. */
  explain(targets: readonly Target[]): Promise<readonly Candidate[]>;
}

export interface Choice {
  readonly placed?: Placed;
  /** The candidate that would have come first had nobody been skipped: for `x-fallback-provider`. */
  readonly preferred?: Candidate;
  /** Candidates that only lack a free place. */
  readonly busy: readonly Candidate[];
}

/** How far one target has been looked at. */
interface Walk {
  readonly target: Target;
  readonly ring: ReadyRing;
  batch: number;
}

export function createSelector(state: RequestState, pool: Pool, hooks: Policies): Selector {
  const { ctx, decisions } = state;
  const { clock } = ctx.app.runtime;
  const spreads = hooks.flatMap(({ spread }) => (spread === false ? [] : [spread]));
  const isSpread = ({ provider }: Target): boolean =>
    spreads.some((spread) => spread === true || (typeof spread === "function" && spread(provider)));

  const walksOf = (targets: readonly Target[]): Walk[] => {
    const walks: Walk[] = [];
    for (const target of targets) {
      if (pool.closed(target)) continue;
      const ring = pool.ring(target);
      ring.refresh(clock.now());
      walks.push({ target, ring, batch: 0 });
    }
    return walks;
  };

  return {
    async next(targets, barred) {
      const busy: Candidate[] = [];
      const retried = state.attempts.length > 0;
      const usable = (candidate: Candidate): boolean => {
        if (barred(candidate)) return false;
        if (state.onlyCredential !== undefined && candidate.credential.id !== state.onlyCredential) return false;
        if (pool.flights.free(candidate)) return true;
        busy.push(candidate);
        decisions.push({ policy: "concurrency", action: "drop", candidate, reason: "all places taken", kind: "busy" });
        return false;
      };
      const walks = walksOf(targets);
      const sought = soughtBy(hooks, state);
      let given = collect(walks, (walk) => withSought(usableOf(walk, usable), walk.ring, sought, usable));
      if (spreads.length > 0) for (const walk of walks) if (isSpread(walk.target)) walk.ring.advance();
      while (given.length > 0) {
        const pending = runPolicies(hooks, given, { state, decisions, detailed: false });
        // Asynchronous policies take time, in which places may have been taken.
        const ordered = isPromise(pending) ? keep((await pending) as readonly Candidate[], usable) : pending;
        const emptied =
          ordered.length < given.length ? walks.filter((walk) => hasMore(walk) && !has(ordered, walk)) : [];
        const more = collect(emptied, (walk) => usableOf(walk, usable));
        const [candidate] = ordered;
        const lease = candidate && more.length === 0 ? pool.flights.acquire(candidate) : undefined;
        if (candidate && lease) return placed({ candidate, lease }, ordered);
        // Without news the next round must have fewer candidates, whatever a policy returns.
        given = more.length > 0 ? [...ordered, ...more] : keep(ordered, usable);
      }
      return { busy, preferred: retried ? undefined : await preferredOf(targets, []) };

      async function placed(place: Placed, ordered: readonly Candidate[]): Promise<Choice> {
        if (retried) return { placed: place, busy };
        try {
          return { placed: place, busy, preferred: await preferredOf(targets, ordered) };
        } catch (error) {
          place.lease.release();
          throw error;
        }
      }
    },
    async explain(targets) {
      const found: Candidate[] = [];
      const walks = walksOf(targets);
      for (;;) {
        const seen = collect(walks, (walk) => walk.ring.view(walk.batch++));
        if (seen.length === 0) return found;
        found.push(...(await runPolicies(hooks, seen, { state, decisions, detailed: true })));
      }
    },
  };

  /** Among equal targets it matters who would have been first; a target of which nobody is left speaks with one key. */
  function preferredOf(targets: readonly Target[], ordered: readonly Candidate[]): MaybePromise<Candidate | undefined> {
    const equals = targets.filter((target) => target.position === targets[0]?.position);
    const firsts = equals.map((target) => ordered.find((candidate) => isOf(candidate, target)));
    if (!firsts.includes(undefined)) return ordered[0];
    const all = firsts.map((first, index) => {
      if (first) return first;
      const ring = pool.ring(equals[index]!);
      return ring.view(0)[0] ?? ring.resting(1)[0];
    });
    const heads = all.filter((candidate) => candidate !== undefined);
    const tiers = hooks.filter((hook) => hook.precedence === "tier");
    const sorted = runPolicies(tiers, heads, { state, decisions: [], detailed: false });
    return isPromise(sorted) ? sorted.then((list) => (list as readonly Candidate[])[0]) : sorted[0];
  }
}

/** The next candidates of a target that may be used, 64 at most; empty when there are no more. */
function usableOf(walk: Walk, usable: (candidate: Candidate) => boolean): readonly Candidate[] {
  for (;;) {
    const view = walk.ring.view(walk.batch);
    if (view.length === 0) return view;
    walk.batch++;
    const found = keep(view, usable);
    if (found.length > 0) return found;
  }
}

/** Like `filter`, but the very list when all stay: the usual case. */
function keep(list: readonly Candidate[], usable: (candidate: Candidate) => boolean): readonly Candidate[] {
  let kept: Candidate[] | undefined;
  for (let index = 0; index < list.length; index++) {
    const candidate = list[index]!;
    if (usable(candidate)) kept?.push(candidate);
    else kept ??= list.slice(0, index);
  }
  return kept ?? list;
}

/** Like `flatMap`, but the very list when only one target has candidates. */
function collect(walks: readonly Walk[], of: (walk: Walk) => readonly Candidate[]): readonly Candidate[] {
  let single: readonly Candidate[] | undefined;
  let all: Candidate[] | undefined;
  for (const walk of walks) {
    const found = of(walk);
    if (found.length === 0) continue;
    if (single === undefined) single = found;
    else (all ??= [...single]).push(...found);
  }
  return all ?? single ?? [];
}

function hasMore({ ring, batch }: Walk): boolean {
  return batch * VIEW < ring.readyCount;
}

function has(candidates: readonly Candidate[], { target }: Walk): boolean {
  return candidates.some((candidate) => isOf(candidate, target));
}

function isOf(candidate: Candidate, { provider, model, position }: Target): boolean {
  return candidate.provider === provider && candidate.model === model && candidate.position === position;
}
