/** Asks the gates about a candidate that has its place, and remembers for one request what they refused. */
import type { AttemptEnd, Gate, Grant, Refused } from "../candidates/gates.ts";
import type { HoldScope } from "../candidates/holds.ts";
import type { Pool } from "../candidates/pool.ts";
import type { Candidate } from "../plugin/context.ts";
import type { MaybePromise } from "../plugin/provider.ts";
import type { Clock } from "../runtime.ts";
import type { RunningAttempt } from "./attempt.ts";
import type { RequestState } from "./context.ts";
import { isPromise } from "./hooks.ts";

/** Milliseconds until a gate is asked again that could not say when. */
const ASK_AGAIN = 250;

const unused: AttemptEnd = { sent: false, rejected: false, usage: undefined };

/** All gates let the candidate through, or one did not. */
export type Passed = { readonly grants: readonly Grant[] } | { readonly gate: Gate; readonly refused: Refused };

/** Refusals give back what gates before have reserved, and so does a gate that throws. */
export function passGates(
  state: RequestState,
  gates: readonly Gate[],
  candidate: Candidate,
  from = 0,
  grants: Grant[] = [],
): MaybePromise<Passed> {
  for (let index = from; index < gates.length; index++) {
    const gate = gates[index]!;
    let said: MaybePromise<Grant | Refused | undefined>;
    try {
      said = gate.reserve(candidate, state.ctx);
    } catch (error) {
      giveBack(state, grants);
      throw error;
    }
    if (isPromise(said)) {
      return said.then(
        (answer) => {
          const refused = take(state, gate, answer as Grant | Refused | undefined, grants);
          return refused ?? passGates(state, gates, candidate, index + 1, grants);
        },
        (error: unknown) => {
          giveBack(state, grants);
          throw error;
        },
      );
    }
    const refused = take(state, gate, said, grants);
    if (refused) return refused;
  }
  return { grants };
}

function take(state: RequestState, gate: Gate, said: Grant | Refused | undefined, grants: Grant[]): Passed | undefined {
  if (!said) return undefined;
  if (said.refused === undefined) {
    grants.push(said);
    return undefined;
  }
  giveBack(state, grants);
  return { gate, refused: said };
}

/** For what was reserved and will not be used. */
export function giveBack(state: RequestState, grants: readonly Grant[]): void {
  for (const grant of grants) settle(state, grant, unused);
}

/** What was reserved is settled when the attempt ends, however it does. */
export function settleWith(state: RequestState, attempt: RunningAttempt, grants: readonly Grant[]): void {
  if (grants.length === 0) return;
  attempt.defer(() => {
    const { sent, committed, status = 0, usage } = attempt;
    const end: AttemptEnd = { sent, rejected: !committed && status >= 400, usage };
    for (const grant of grants) settle(state, grant, end);
  });
}

/** Not waited for: a store that is slow or gone must not hold up the end of a request. */
function settle({ ctx }: RequestState, grant: Grant, end: AttemptEnd): void {
  const failed = (error: unknown): void => ctx.log.error("What a request used could not be put right:", error);
  try {
    const pending = grant.settle(end);
    if (isPromise(pending)) pending.then(undefined, failed);
  } catch (error) {
    failed(error);
  }
}

/** What one request was refused, and until when it need not ask again. */
export interface Refusals {
  /** Refused since the last wait. */
  count(): number;
  has(candidate: Candidate): boolean;
  /** Takes note of it, for the request and, where it holds for all, for everybody. */
  add(candidate: Candidate, gate: Gate, refused: Refused): void;
  /**
   * When the first of them may be let through, as far as it is not held for everybody. Also one whose time has come after
   * `since`, when the choice that left it out was begun.
   */
  earliest(since: number): number | undefined;
  /** A wait is over: when something has come back, all may be asked again but those of which nobody knows when. */
  restart(): void;
}

export function createRefusals(state: RequestState, pool: Pool, clock: Clock): Refusals {
  // Made when the first is refused: most requests never are.
  let until: Map<string, number> | undefined;
  let unknown: Map<string, number> | undefined;
  let count = 0;
  /** What had come back when the first of them was refused. */
  let lifts = pool.lifts;
  /** When all could be asked again. */
  let restarted = Number.NEGATIVE_INFINITY;
  const isOver = (key: string, now: number): boolean =>
    (until?.get(key) ?? 0) <= now && (unknown?.get(key) ?? 0) <= now;

  return {
    count: () => count,
    has(candidate) {
      if (until === undefined && unknown === undefined) return false;
      const now = clock.now();
      return !(["key", "model", "provider"] as const).every((scope) => isOver(keyOf(scope, candidate), now));
    },
    add(candidate, { name }, { refused, kind, until: at, holds, scope = holds ?? "key" }) {
      const now = clock.now();
      if (until === undefined) lifts = pool.lifts;
      count++;
      state.decisions.push({ policy: name, action: "drop", candidate, reason: refused, kind, until: at });
      if (holds === undefined || at === undefined || at <= now) {
        const key = keyOf(scope, candidate);
        if (at === undefined) (unknown ??= new Map()).set(key, now + ASK_AGAIN);
        else (until ??= new Map()).set(key, Math.max(at, now + 1));
        return;
      }
      // Not noted here too: what is held for everybody may come back before its time.
      const rest = kind === "quota_exhausted" ? "exhausted" : "cooling";
      pool.hold(candidate, holds, { state: rest, until: at, policy: name, reason: refused, kind });
    },
    earliest(since) {
      let first: number | undefined;
      for (const ends of [until, unknown]) {
        for (const end of ends?.values() ?? []) if (end > since && (first === undefined || end < first)) first = end;
      }
      // Something has come back since, and nobody could tell a request that was not waiting yet.
      return first !== undefined && pool.lifts !== lifts ? Math.min(first, clock.now() + ASK_AGAIN) : first;
    },
    restart() {
      count = 0;
      const now = clock.now();
      // Those who wait would hand a place to each other for ever, if each asked again whenever it is handed one, or made
      // the others ask again by what it gives back.
      if (pool.lifts === lifts || (now >= restarted && now < restarted + ASK_AGAIN)) return;
      restarted = now;
      until = undefined;
    },
  };
}

function keyOf(scope: HoldScope, { provider, model, credential }: Candidate): string {
  if (scope === "key") return `k${credential.id}\0${model}`;
  return scope === "model" ? `m${provider.name}\0${model}` : `p${provider.name}`;
}
