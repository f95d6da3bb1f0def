/** What is too old or too much goes, in small pieces that keep nobody waiting. */
import type { Clock, Database, Timer } from "waygate";

export interface RetentionOptions {
  /** Days that single requests are kept. Default 90. */
  readonly days?: number;
  /** Rows of single requests kept at most. Default 5,000,000, about 2 GB. */
  readonly rows?: number;
  /** Days that sums per hour are kept. Default 730. */
  readonly summaryDays?: number;
}

const DAY = 86_400_000;
/** Milliseconds between two rounds, and from a start to the first. */
const EVERY = 3_600_000;
const FIRST = 30_000;
/** Rows that one statement takes away. */
const PIECE = 5000;

export interface Retention {
  stop(): void;
}

export function startRetention(
  database: Database,
  clock: Clock,
  warn: (message: string, error: unknown) => void,
  { days = 90, rows = 5_000_000, summaryDays = 730 }: RetentionOptions = {},
): Retention {
  let timer: Timer | undefined;
  let isOver = false;
  const remove = async (sql: string, ...values: readonly number[]): Promise<void> => {
    for (;;) {
      const done = await database.change([{ sql, values }]);
      if (isOver || !("changed" in done) || done.changed[0]! < PIECE) return;
    }
  };
  const round = async (): Promise<void> => {
    const now = clock.now();
    const some = `(SELECT id FROM usage WHERE at < ? ORDER BY at LIMIT ${PIECE})`;
    await remove(`DELETE FROM usage WHERE id IN ${some}`, now - days * DAY);
    const most = `(SELECT id FROM usage WHERE id <= (SELECT max(id) FROM usage) - ? ORDER BY id LIMIT ${PIECE})`;
    await remove(`DELETE FROM usage WHERE id IN ${most}`, rows);
    for (const table of [
      "usage_hours",
      "usage_users",
      "usage_user_models",
      "usage_keys",
      "usage_latency",
      "usage_model_latency",
    ]) {
      await database.change([{ sql: `DELETE FROM ${table} WHERE hour < ?`, values: [now - summaryDays * DAY] }]);
    }
  };
  const next = (after: number): void => {
    timer = clock.timer(() => void again(), after);
  };
  const again = async (): Promise<void> => {
    await round().catch((error: unknown) => {
      // A database that is away has said so itself; the next round makes up for this one.
      if (database.trouble === undefined) warn("Old rows of the ledger could not be removed:", error);
    });
    if (!isOver) next(EVERY);
  };
  next(FIRST);
  return {
    stop() {
      isOver = true;
      timer?.cancel();
    },
  };
}
