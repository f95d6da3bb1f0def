/** Waiting for what goes on without whoever waits. */
import type { Clock } from "waygate";

export interface WithinOptions {
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Milliseconds. */
  readonly ms: number;
  readonly late: () => Error;
}

/** Rejects when the signal is aborted or it takes too long; the work itself is left alone. */
export function within<T>(work: Promise<T>, { signal, clock, ms, late }: WithinOptions): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void) => (): void => {
      timer.cancel();
      signal.removeEventListener("abort", leave);
      settle();
    };
    const leave = end(() => reject(signal.reason as Error));
    const timer = clock.timer(
      end(() => reject(late())),
      Math.max(0, ms),
    );
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave);
    work.then(
      (value) => end(() => resolve(value))(),
      (error: unknown) => end(() => reject(error as Error))(),
    );
  });
}
