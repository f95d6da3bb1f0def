/** Waiting that ends with a signal, by the clock of whoever asks. */
import type { AccountContext } from "waygate";

/** Resolves after so many milliseconds; rejects with the signal's reason when it is aborted. */
export function pause(context: AccountContext, ms: number, signal: AbortSignal = context.signal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const stop = (): void => {
      cancel();
      reject(signal.reason as Error);
    };
    const cancel = after(context, ms, () => {
      signal.removeEventListener("abort", stop);
      resolve();
    });
    signal.addEventListener("abort", stop, { once: true });
  });
}

/** Runs with a signal that is aborted with the context's, and with `late()` after so many milliseconds. */
export async function limited<T>(
  context: AccountContext,
  { ms, late }: { readonly ms: number; readonly late: () => Error },
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const time = new AbortController();
  const cancel = after(context, ms, () => time.abort(late()));
  try {
    return await run(AbortSignal.any([context.signal, time.signal]));
  } catch (error) {
    time.signal.throwIfAborted();
    throw error;
  } finally {
    cancel();
  }
}

function after({ clock }: AccountContext, ms: number, run: () => void): () => void {
  if (clock) {
    const timer = clock.timer(run, ms);
    return () => timer.cancel();
  }
  // Of the machine, and keeping the process alive: whoever signs in has nothing else that does.
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
}
