/** Applies a new config while running: all of it or nothing. */
import type { MaybePromise } from "../plugin/provider.ts";

export interface ReloaderOptions<Loaded> {
  load(): MaybePromise<Loaded>;
  /** Puts the new one in force. A throw means that the old one is still in force. */
  apply(loaded: Loaded): MaybePromise<void>;
  /** Told of a load or an apply that failed. The old config goes on. */
  onProblem(error: unknown): void;
}

export interface Reloader {
  /**
   * Asks for a reload and settles when everything asked for so far is done; never rejects. Requests during a reload
   * become one more, since what that one read may already be old.
   */
  reload(): Promise<void>;
}

export function createReloader<Loaded>({ load, apply, onProblem }: ReloaderOptions<Loaded>): Reloader {
  let running: Promise<void> | undefined;
  let again = false;

  async function once(): Promise<void> {
    try {
      await apply(await load());
    } catch (error) {
      onProblem(error);
    }
  }

  async function run(): Promise<void> {
    do {
      again = false;
      await once();
    } while (again);
    running = undefined;
  }

  return {
    reload() {
      if (running === undefined) return (running = run());
      again = true;
      return running;
    },
  };
}
