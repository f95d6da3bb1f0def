/** What must outlive the process, as plugins and the rest of the proxy see it. */
import type { Compilable } from "kysely";
import type { FaultKind } from "./fault.ts";
import type { Answer, Ask, Change, SqlRow, SqlValue, Write } from "./messages.ts";
import type { Dialect } from "./migrations/index.ts";
import type { Query } from "./query.ts";
import type { QueryBuilder } from "./query-builder.ts";

export interface DatabaseTrouble {
  readonly kind: FaultKind;
  /** Epoch milliseconds. */
  readonly since: number;
}

/** Whoever holds the database: a thread with a file, or a client of a server. */
export interface DatabaseEngine {
  /** Never rejects: what goes wrong is the answer's `fault`. Answers come in the order of the questions. */
  ask(ask: Ask): Promise<Answer>;
  /** Ends without another word to the database. */
  end(): Promise<void>;
}

/** Another database than the file. */
export interface DatabaseDriver {
  readonly name: string;
  readonly dialect: Dialect;
  /** Where it is, for people and without secrets. */
  readonly place: string;
  start(): DatabaseEngine;
}

/**
 * A database of the whole instance. Never part of a request: writes are told, not awaited. Statements are texts with
 * their values, with `?` or the dialect's own places for them, or come from `builder()`: as they are, or as a `Query`
 * that was made of one before.
 */
export interface Database {
  /** The file, or where else it is, without secrets. */
  readonly path: string;
  readonly dialect: Dialect;
  /** What writes statements in its dialect: Kysely over our tables, without a connection. The first call loads it. */
  builder(): Promise<QueryBuilder>;
  /**
   * Adds a statement to the next transaction, at most a second from now. Never throws and never waits. While the disk
   * refuses, up to 50,000 rows are kept; beyond that the oldest are lost, counted and reported.
   */
  write(sql: string, ...values: readonly SqlValue[]): void;
  write(query: Compilable | Query): void;
  /**
   * The rows, after all that was written before. Rejects with a `DatabaseError`. Bound the query with `LIMIT`. Whole
   * numbers, sums and counts are numbers in every dialect, truth values 0 and 1.
   */
  read(sql: string, ...values: readonly SqlValue[]): Promise<readonly SqlRow[]>;
  read<Row>(query: Compilable<Row> | Query<Row>): Promise<readonly Row[]>;
  /**
   * Changes rows now, all statements or none, after all that was written before. `conflict` is the statement that did
   * not change as many rows as it says it must. Rejects with a `DatabaseError`.
   */
  change(
    changes: readonly (Change | Compilable)[],
  ): Promise<{ readonly changed: readonly number[] } | { readonly conflict: number }>;
  /** Saves what the contributor has, at most a second after each `wake`. Returns the end of that. */
  attach(contributor: Contributor): () => void;
  /** A contributor has something new. Cheap: called for every change. */
  wake(): void;
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
