/** What is too old or too much goes, in small pieces that keep nobody waiting. */
import type { Compilable } from "kysely";
import { type Clock, compiled, type Database, type Timer } from "waygate";

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

const summaries = [
  ...(["usage_hours", "usage_users", "usage_user_models", "usage_keys"] as const),
  ...(["usage_latency", "usage_model_latency"] as const),
] as const;

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
  const remove = async (query: Compilable): Promise<void> => {
    const piece = compiled(query);
    for (;;) {
      const done = await database.change([piece]);
      if (isOver || !("changed" in done) || done.changed[0]! < PIECE) return;
    }
  };
  const round = async (): Promise<void> => {
    const now = clock.now();
    const builder = await database.builder();
    const ids = builder.selectFrom("usage").select("id").limit(PIECE);
    const old = ids.where("at", "<", now - days * DAY).orderBy("at");
    await remove(builder.deleteFrom("usage").where("id", "in", old));
    const over = ids
      .where("id", "<=", ({ eb, selectFrom }) =>
        eb(
          selectFrom("usage").select(({ fn }) => fn.max("id").as("last")),
          "-",
          rows,
        ),
      )
      .orderBy("id");
    await remove(builder.deleteFrom("usage").where("id", "in", over));
    for (const table of summaries) {
      await database.change([builder.deleteFrom(table).where("hour", "<", now - summaryDays * DAY)]);
    }
  };
  const next = (after: number): void => {
    timer = clock.timer(() => void again(), after);
  };
  const again = async (): Promise<void> => {
    await round().catch((error: unknown) => {
      // A database that is away has said so itself, and one that is closed was to be; the next round makes up for this one.
      if (!isOver && database.trouble === undefined) warn("Old rows of the ledger could not be removed:", error);
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
