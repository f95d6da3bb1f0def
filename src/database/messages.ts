/** What the proxy and the thread of the database say to each other. */
import type { Fault } from "./fault.ts";

export type SqlValue = string | number | bigint | null | Uint8Array;
export type SqlRow = { readonly [column: string]: SqlValue };

/** One statement and the rows of values it is run with. */
export interface Write {
  readonly sql: string;
  readonly rows: readonly (readonly SqlValue[])[];
}

/** One statement of a change that is made as a whole. */
export interface Change {
  readonly sql: string;
  readonly values: readonly SqlValue[];
  /** Rows it must change, or all of the change is undone. */
  readonly expect?: number;
}

export type Ask =
  | { readonly type: "open"; readonly path: string; readonly now: number }
  /** In one transaction. */
  | { readonly type: "write"; readonly writes: readonly Write[]; readonly now: number }
  | { readonly type: "change"; readonly changes: readonly Change[] }
  | { readonly type: "read"; readonly sql: string; readonly values: readonly SqlValue[] }
  | { readonly type: "close" };

export interface Answer {
  readonly rows?: readonly SqlRow[];
  /** Rows changed by each statement of a change. */
  readonly changed?: readonly number[];
  /** The statement of a change that did not change as many rows as it must; nothing was changed. */
  readonly conflict?: number;
  /** The file was damaged and is there now; what is asked for was done in a new one, or is to be asked again. */
  readonly setAside?: string;
  /** Rows that their statement refused, and the first refusal. The others are in. */
  readonly refused?: { readonly count: number; readonly why: string };
  readonly fault?: Fault;
}

export type Numbered<T> = T & { readonly id: number };
