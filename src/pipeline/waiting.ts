/** Waits inside the loop: interruptible by the client. */
import type { Placed } from "../candidates/in-flight.ts";
import type { Pool } from "../candidates/pool.ts";
import type { Candidate } from "../plugin/context.ts";
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
  const limited = attempts.filter(({ error }) => error?.kind === "rate_limited" || error?.kind === "quota_exhausted");
  const first = limited.at(-STORM_ATTEMPTS);
  return first === undefined ? 0 : Math.max(0, first.startedAt + STORM_WINDOW - ctx.app.runtime.clock.now());
}

/**
 * First come, first served, until the time given (epoch milliseconds) and only while the client is there. `gone`: these
 * candidates may not be used any more, so the choice has to be made anew.
 */
export async function waitForPlace(
  { ctx, cancellation }: RequestState,
  pool: Pool,
  busy: readonly Candidate[],
  until: number,
): Promise<Placed | "gone" | "cancelled"> {
  const { clock } = ctx.app.runtime;
  if (cancellation.aborted) return "cancelled";
  const waiting = pool.flights.wait(busy, pool.current);
  const timer = clock.timer(waiting.cancel, Math.max(0, until - clock.now()));
  cancellation.addEventListener("abort", waiting.cancel);
  try {
    return await waiting.placed;
  } finally {
    timer.cancel();
    cancellation.removeEventListener("abort", waiting.cancel);
  }
}
