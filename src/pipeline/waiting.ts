/** Waits inside the loop: interruptible by the client. */
import type { Awaited, Call, Spot } from "../candidates/waiting-room.ts";
import type { Pool } from "../candidates/pool.ts";
import type { ProxyError } from "../failure/error.ts";
import type { Candidate, Target } from "../plugin/context.ts";
import type { Queueing } from "../plugin/delivery.ts";
import type { RequestState } from "./context.ts";

/** Rate-limit answers one request may collect within `STORM_WINDOW` before it slows down. */
const STORM_ATTEMPTS = 4;
/** Milliseconds. */
const STORM_WINDOW = 3000;

/** Resolves after `ms`, or at once when the client leaves. */
export function pause({ ctx, cancellation }: RequestState, ms: number): Promise<void> {
  if (ms <= 0 || cancellation.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      timer.cancel();
      cancellation.removeEventListener("abort", done);
      resolve();
    };
    const timer = ctx.app.runtime.clock.timer(done, ms);
    cancellation.addEventListener("abort", done);
  });
}

/** Milliseconds to wait so that one request makes no more than four rate-limited calls in three seconds. */
export function storm({ ctx, attempts }: RequestState): number {
  if (attempts.length < STORM_ATTEMPTS) return 0;
  const limited = attempts.filter(({ error }) => isLimit(error));
  const first = limited.at(-STORM_ATTEMPTS);
  return first === undefined ? 0 : Math.max(0, first.startedAt + STORM_WINDOW - ctx.app.runtime.clock.now());
}

/** What stands in front of an API limits as well, though it says nothing of the key. */
function isLimit(error: ProxyError | undefined): boolean {
  return error?.kind === "rate_limited" || error?.kind === "quota_exhausted" || error?.upstream?.status === 429;
}

/** Resting candidates of a target that are looked at for a time to wait for. */
const LOOKED_AT = 20;

/** A spot among those who wait; `undefined` when `retry.queueSize` of them do already. */
export function enterRoom(
  state: RequestState,
  pool: Pool,
  line: string | undefined,
  wants: (candidate: Candidate) => boolean,
): Spot | undefined {
  if (pool.room.size >= state.ctx.app.config.retry.queueSize) {
    state.turnedAway = true;
    return undefined;
  }
  const { queue } = state.ctx.delivery ?? {};
  // Without authentication everybody is one client, unless the address tells them apart.
  const client = queue?.client ?? state.principal?.id ?? state.ctx.ip ?? "";
  const left = queue && enterQueue(state, queue);
  if (queue && !left) return undefined;
  const spot = pool.room.enter({ client, line, since: state.startedAt, wants });
  return left ? { ...spot, leave: leaving(spot, left) } : spot;
}

/** `undefined` for a request that is turned away although it has been somewhere: that it failed there says more. */
function enterQueue(state: RequestState, queue: Queueing): ReturnType<Queueing["enter"]> | undefined {
  try {
    const left = queue.enter();
    state.queued = true;
    return left;
  } catch (error) {
    if (state.attempts.length === 0) throw error;
    state.turnedAway = true;
    return undefined;
  }
}

function leaving(spot: Spot, left: (served: boolean) => void): Spot["leave"] {
  let gone = false;
  return (served) => {
    if (!gone) left(served);
    gone = true;
    spot.leave(served);
  };
}

/** Until something may be free, `end` has come (epoch milliseconds) or the client has gone. */
export async function waitAt(
  { ctx, cancellation }: RequestState,
  spot: Spot,
  awaited: Awaited | undefined,
  end: number,
): Promise<Call> {
  const { clock } = ctx.app.runtime;
  const left = end - clock.now();
  if (cancellation.aborted || left <= 0) return "over";
  const timer = clock.timer(spot.cancel, left);
  // A client that leaves frees its spot at once, not when somebody looks.
  const leave = (): void => {
    spot.cancel();
    spot.leave(false);
  };
  cancellation.addEventListener("abort", leave);
  try {
    return await spot.wait(awaited);
  } finally {
    timer.cancel();
    cancellation.removeEventListener("abort", leave);
  }
}

/** Requests that may use the same candidates wait in one line. */
export function lineOf(targets: readonly Target[]): string {
  return targets.map(({ provider, model }) => `${provider.name}/${model}`).join("\0");
}

/**
 * When a candidate may be used that is not busy: only where a limit of ours keeps one out, for which a request waits. It
 * does not wait for what merely rests, but takes that too if it returns first. `free`: others may be waited for as well.
 */
export function returnTime(
  pool: Pool,
  targets: readonly Target[],
  barred: (candidate: Candidate) => boolean,
  free: boolean,
): number | undefined {
  let due = Number.POSITIVE_INFINITY;
  let worth = free;
  for (const target of targets) {
    const closed = pool.closed(target);
    if (closed) {
      const [any] = pool.ring(target).resting(1);
      worth ||= any !== undefined && pool.held(any) === closed;
      due = Math.min(due, closed.until);
      continue;
    }
    for (const candidate of pool.ring(target).resting(LOOKED_AT)) {
      const rest = pool.resting(candidate);
      if (!rest || barred(candidate)) continue;
      worth ||= pool.held(candidate) === rest;
      due = Math.min(due, rest.until);
    }
  }
  return worth && Number.isFinite(due) ? due : undefined;
}
