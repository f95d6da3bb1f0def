/** Tokens renewed in the background, whatever else the account rests for. */
import type { App, Timer } from "waygate";
import { type Entry, targetOf, type Times } from "./entry.ts";
import type { AccountHolderOptions } from "./holder-types.ts";
import type { Renew } from "./renewal.ts";

export interface RoundsInit {
  readonly app: App;
  readonly entries: ReadonlyMap<string, Entry>;
  readonly options: AccountHolderOptions;
  readonly times: Times;
  readonly renew: Renew;
}

export interface Rounds {
  start(): void;
  /** Something is due at another time than before. */
  plan(): void;
  stop(): void;
}

/** Refreshes of one provider at a time. */
const MOST = 3;
/** Milliseconds between two refreshes of one account at least. */
const PAUSE = 2000;

export function createRounds({ app, entries, options, times, renew }: RoundsInit): Rounds {
  const { refreshInterval = 600, startCheck = true } = options;
  const { clock } = app.runtime;
  const interval = refreshInterval * 1000;
  /** When each was tried last. */
  const tried = new WeakMap<Entry, number>();
  /** Those that were invalid when the proxy started: somebody may have signed in meanwhile. */
  const unsure = new Set<Entry>();
  /** Before it only those are renewed that this process has to do with already. */
  let startsAt = Number.NEGATIVE_INFINITY;
  let timer: Timer | undefined;
  let isOpen = false;
  let running = 0;

  const dueAt = (entry: Entry): number => {
    if (entry.needsLogin || entry.running) return Number.POSITIVE_INFINITY;
    const state = app.credentials.restOf(targetOf(entry))?.state;
    if (state === "invalid" || state === "banned") return Number.POSITIVE_INFINITY;
    const due = unsure.has(entry) || entry.isUnsaved ? 0 : times.due(entry);
    const isUntouched = entry.since === undefined && entry.error === undefined;
    const pause = (tried.get(entry) ?? Number.NEGATIVE_INFINITY) + PAUSE;
    return Math.max(due, entry.notBefore, pause, isUntouched ? startsAt : pause);
  };
  const plan = (): void => {
    if (!isOpen) return;
    timer?.cancel();
    const now = clock.now();
    let wait = interval;
    if (running < MOST) for (const entry of entries.values()) wait = Math.min(wait, dueAt(entry) - now);
    timer = clock.timer(round, Math.max(0, wait));
  };
  const begin = async (entry: Entry): Promise<void> => {
    tried.set(entry, clock.now());
    unsure.delete(entry);
    running++;
    try {
      await renew(entry);
    } catch {
      // It is the account's `error` now and has been told; it says when the next try may be.
    } finally {
      running--;
    }
    plan();
  };
  const round = (): void => {
    const now = clock.now();
    const due = [...entries.values()].filter((entry) => dueAt(entry) <= now).sort((a, b) => dueAt(a) - dueAt(b));
    for (const entry of due.slice(0, MOST - running)) void begin(entry);
    plan();
  };

  return {
    start() {
      isOpen = true;
      for (const entry of entries.values()) {
        // What is kept of a refusal from before says nothing about an account that may have been signed in to again.
        if (app.credentials.restOf(targetOf(entry))?.state !== "invalid") continue;
        app.credentials.wake(targetOf(entry));
        unsure.add(entry);
      }
      if (!startCheck) startsAt = clock.now() + interval;
      plan();
    },
    plan,
    stop() {
      isOpen = false;
      timer?.cancel();
    },
  };
}
