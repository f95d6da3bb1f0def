/** What must outlive the process, as plugins and the rest of the proxy see it. */
import type { FaultKind } from "./fault.ts";
import type { SqlRow, SqlValue, Write } from "./messages.ts";

export interface DatabaseTrouble {
  readonly kind: FaultKind;
  /** Epoch milliseconds. */
  readonly since: number;
}

/** A database of the whole instance. Never part of a request: writes are told, not awaited. */
export interface Database {
  /** The file. */
  readonly path: string;
  /**
   * Adds a statement to the next transaction, at most a second from now. Never throws and never waits. While the disk
   * refuses, up to 50,000 rows are kept; beyond that the oldest are lost, counted and reported.
   */
  write(sql: string, ...values: readonly SqlValue[]): void;
  /** The rows, after all that was written before. Rejects with a `DatabaseError`. Bound the query with `LIMIT`. */
  read(sql: string, ...values: readonly SqlValue[]): Promise<readonly SqlRow[]>;
  /** Resolves when all written so far is on the disk, or has failed to get there: see `trouble`. */
  flush(): Promise<void>;
  /** Set while nothing can be saved. The proxy goes on in memory and tries again. */
  readonly trouble: DatabaseTrouble | undefined;
}

/** What is computed only when it is saved. */
export interface Contributor {
  /** At most `most` rows, as statements; empty when there is nothing left. */
  collect(most: number): readonly Write[];
  /** The rows collected last were not saved. */
  putBack(): void;
  /** The file is a new one: everything is to be saved again. */
  startAfresh(): void;
}
