/**
 * What Redis is told when it is back: what was taken meanwhile, or all this process knows when it has forgotten
 * everything. Most of it is told while this process still counts by itself, so that nobody waits behind it.
 */
import type { StateHost } from "waygate";
import { handOver } from "./hand-over.ts";
import type { Run } from "./link.ts";
import { createLedger, type Ledger } from "./local.ts";
import { type Correction, settle } from "./remote.ts";
import type { Reservations } from "./reservations.ts";

export interface RecoveryInit {
  readonly host: StateHost;
  readonly all: Ledger;
  readonly reservations: Reservations;
}

export interface Recovery {
  /** Counts what is taken while Redis is away. */
  readonly outage: Ledger;
  /** A correction that could not be sent. */
  keep(corrections: readonly Correction[]): void;
  /** Tells most, one question after the other. `lost`: Redis has other data than before. */
  before(run: Run, offset: number, lost: boolean): Promise<void>;
  /** Tells the rest: sent before it returns, so that whatever is asked later counts with it. */
  after(run: Run, offset: number): Promise<void>;
}

/** Corrections kept at most; beyond that they count as they were taken. */
const UNSENT = 10_000;

export function createRecovery({ host, all, reservations }: RecoveryInit): Recovery {
  let outage = createLedger(host);
  let untold: Ledger[] = [];
  let unsent: Correction[] = [];
  let owesAll = false;

  const begin = (): Ledger => {
    const ended = outage;
    outage = createLedger(host);
    return ended;
  };

  return {
    get outage() {
      return outage;
    },
    keep(corrections) {
      unsent.push(...corrections.slice(0, Math.max(0, UNSENT - unsent.length)));
    },
    async before(run, offset, lost) {
      owesAll ||= lost;
      untold.push(begin());
      if (owesAll) {
        // It has all of these in it, corrected.
        untold = [];
        unsent = [];
      }
      const pieces = owesAll ? all.pieces() : untold.flatMap((ledger) => ledger.pieces());
      const { held, undo } = reservations.adopt(host.clock.monotonic(), owesAll);
      try {
        for (const ask of handOver(run, offset, pieces, held)) await ask();
      } catch (error) {
        undo();
        throw error;
      }
      untold = [];
      owesAll = false;
    },
    async after(run, offset) {
      const last = begin();
      const corrections = unsent;
      unsent = [];
      const { held, undo } = reservations.adopt(host.clock.monotonic(), false);
      const told = handOver(run, offset, last.pieces(), held).map((ask) => ask());
      const corrected = settle(run, corrections);
      try {
        await Promise.all(told);
      } catch (error) {
        untold.push(last);
        undo();
        throw error;
      } finally {
        await corrected;
      }
    },
  };
}
