/** What every state store must do, as one call in the test of whoever writes one. */
import { setTimeout as sleep } from "node:timers/promises";
import type { MaybePromise } from "../plugin/provider.ts";
import type { StateStore } from "../state/store.ts";
import { countingLaws } from "./state-laws-counting.ts";
import { settlingLaws } from "./state-laws-settling.ts";
import { timeLaws } from "./state-laws-time.ts";
import { valueLaws } from "./state-laws-values.ts";

export interface StateTest {
  /** The time of the store, for one that runs in virtual time. Default: the machine's. */
  readonly clock?: { now(): number; advance(ms: number): Promise<void> };
}

/** What a law is tried on. */
export interface StateBench {
  readonly store: StateStore;
  /** A name no other law uses. */
  readonly key: string;
  /** Milliseconds that are long for the clock in use, and short for a test. */
  readonly window: number;
  now(): number;
  /** Lets time pass, at least so long. */
  pass(ms: number): Promise<void>;
}

export interface StateLaw {
  readonly title: string;
  readonly run: (bench: StateBench) => Promise<void>;
}

/** On the machine's clock a law of time is tried as often: other processes may have kept it from being in time. */
const TRIES = 3;

/**
 * Tries every law of `StateStore` on the store that `open` gives, closes it, and throws one error that lists all that did
 * not hold. Needs no test runner: call it inside a test. Keys begin with `law `.
 */
export async function testState(open: () => MaybePromise<StateStore>, { clock }: StateTest = {}): Promise<void> {
  const store = await open();
  const failed: string[] = [];
  const bench = (): StateBench => ({
    store,
    key: `law ${Math.random().toString(36).slice(2)}`,
    window: clock ? 60_000 : 600,
    now: clock ? clock.now : Date.now,
    pass: clock ? clock.advance : (ms) => sleep(ms + 2),
  });
  const obey = async ({ title, run }: StateLaw, tries: number): Promise<void> => {
    try {
      await run(bench());
    } catch (error) {
      if (tries > 1) return obey({ title, run }, tries - 1);
      failed.push(`- ${title}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  try {
    for (const law of [...valueLaws, ...countingLaws, ...settlingLaws]) await obey(law, 1);
    // Virtual time passes for all at once, so there it is one law after the other.
    if (clock) for (const law of timeLaws) await obey(law, 1);
    else await Promise.all(timeLaws.map((law) => obey(law, TRIES)));
  } finally {
    await store.close?.();
  }
  if (failed.length > 0) throw new Error(`testState found ${failed.length} faults:\n${failed.join("\n")}`);
}
