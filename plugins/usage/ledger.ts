/** Rows on their way to the database, and with each batch of them, in the same transaction, the sums per hour. */
import type { Contributor, SqlValue } from "waygate";
import type { Entry } from "./entry.ts";
import type { Statements } from "./statements.ts";
import { sumsOf, wholeOf } from "./sums.ts";

export interface Ledger extends Contributor {
  add(entry: Entry): void;
  /** Rows that were given up because the database was away for too long; their sums are kept. */
  readonly lost: number;
}

/** Rows that wait at most. */
const KEPT = 50_000;

export function createLedger(statements: Statements): Ledger {
  let waiting: Entry[] = [];
  let taken: readonly Entry[] = [];
  /** Of rows given up. */
  let orphans: Entry[] = [];
  let takenOrphans: readonly Entry[] = [];
  let lost = 0;

  const giveUp = (): void => {
    if (waiting.length <= KEPT) return;
    const over = waiting.splice(0, waiting.length - KEPT);
    lost += over.length;
    orphans = over.length + orphans.length > KEPT ? [...orphans, ...over].slice(-KEPT) : [...orphans, ...over];
  };
  return {
    get lost() {
      return lost;
    },
    add(entry) {
      waiting.push(entry);
      if (waiting.length > KEPT + 1000) giveUp();
    },
    collect(most) {
      taken = waiting.splice(0, most);
      takenOrphans = orphans;
      orphans = [];
      const counted = takenOrphans.length === 0 ? taken : [...takenOrphans, ...taken];
      if (counted.length === 0) return [];
      const rows = { sql: statements.row, rows: taken.map(rowOf) };
      return [rows, ...sumsOf(counted, statements)].filter((write) => write.rows.length > 0);
    },
    putBack() {
      waiting = [...taken, ...waiting];
      orphans = [...takenOrphans, ...orphans];
      taken = takenOrphans = [];
      giveUp();
    },
    // What a damaged file held is lost with it; what comes is written into the new one.
    startAfresh: () => undefined,
  };
}

function rowOf(entry: Entry): readonly SqlValue[] {
  const { usage } = entry;
  return [
    entry.requestId,
    entry.at,
    entry.user,
    entry.group,
    entry.protocol,
    entry.operation,
    entry.asked,
    entry.provider,
    entry.model,
    entry.credential,
    entry.status,
    entry.end,
    entry.error,
    entry.stream ? 1 : 0,
    entry.fellBack ? 1 : 0,
    wholeOf(usage?.input),
    wholeOf(usage?.output),
    wholeOf(usage?.cacheRead),
    wholeOf(usage?.cacheWrite),
    wholeOf(usage?.reasoning),
    entry.cost,
    entry.duration,
    entry.firstByte,
    entry.attempts === undefined ? null : JSON.stringify(entry.attempts),
    entry.tags === undefined ? null : JSON.stringify(entry.tags),
    entry.ip,
  ];
}
