/** Transactions of PostgreSQL: batches that go on without what is refused, and changes that are made whole or not at all. */
import type { Client } from "pg";
import type { DatabaseAnswer, DatabaseChange, DatabaseWrite } from "waygate";
import { blamesStatement } from "./faults.ts";
import { numbered, sendable } from "./statements.ts";

/** One transaction. Throws what keeps the database from being written at all. */
export async function write(client: Client, writes: readonly DatabaseWrite[]): Promise<DatabaseAnswer> {
  try {
    await inTransaction(client, () => runAll(client, writes));
    return {};
  } catch (error) {
    if (!blamesStatement(error)) throw error;
  }
  // One refusal ends a transaction here: once more with a point to go back to before every row.
  let count = 0;
  let why = "";
  await inTransaction(client, async () => {
    for (const { sql, rows } of writes) {
      for (const row of rows) {
        await client.query("SAVEPOINT row");
        try {
          await client.query(numbered(sql), sendable(row));
        } catch (error) {
          if (!blamesStatement(error)) throw error;
          await client.query("ROLLBACK TO SAVEPOINT row");
          if (count++ === 0) why = error instanceof Error ? error.message : String(error);
        }
      }
    }
  });
  return count === 0 ? {} : { refused: { count, why } };
}

export async function change(client: Client, changes: readonly DatabaseChange[]): Promise<DatabaseAnswer> {
  const changed: number[] = [];
  let conflict: number | undefined;
  await inTransaction(client, async () => {
    for (const { sql, values, expect } of changes) {
      const { rowCount } = await client.query(numbered(sql), sendable(values));
      if (expect !== undefined && rowCount !== expect) {
        conflict = changed.length;
        return false;
      }
      changed.push(rowCount ?? 0);
    }
    return true;
  });
  return conflict === undefined ? { changed } : { conflict };
}

/** Without waiting for one row before the next is sent. */
async function runAll(client: Client, writes: readonly DatabaseWrite[]): Promise<void> {
  const open: Promise<unknown>[] = [];
  for (const { sql, rows } of writes) {
    const text = numbered(sql);
    for (const row of rows) open.push(client.query(text, sendable(row)));
  }
  const failed = (await Promise.allSettled(open)).find(({ status }) => status === "rejected");
  // The first is the cause; those behind it only say that the transaction is over.
  if (failed?.status === "rejected") throw failed.reason;
}

/** Undone when the work throws or returns false. */
async function inTransaction(client: Client, work: () => Promise<unknown>): Promise<void> {
  await client.query("BEGIN");
  try {
    const done = await work();
    await client.query(done === false ? "ROLLBACK" : "COMMIT");
  } catch (error) {
    await client.query("ROLLBACK").catch(() => undefined); // The connection may be gone, and its transaction with it.
    throw error;
  }
}
