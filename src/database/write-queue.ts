/** Statements on their way to the database, in order, up to a limit. */
import type { SqlValue, Write } from "./messages.ts";

export interface WriteQueue {
  /** Rows that wait. */
  readonly size: number;
  /** Rows given up since the last call, because too many waited. */
  takeLost(): number;
  push(sql: string, values: readonly SqlValue[]): void;
  /** The oldest, `most` rows or a few more. */
  take(most: number): readonly Write[];
  /** What was taken could not be saved and is the oldest again. */
  putBack(writes: readonly Write[]): void;
}

/** Rows of one statement that stand together. */
const GROUP = 500;

export function createWriteQueue(limit: number): WriteQueue {
  let groups: { readonly sql: string; readonly rows: (readonly SqlValue[])[] }[] = [];
  let size = 0;
  let lost = 0;

  const giveUp = (): void => {
    while (size > limit) {
      const first = groups[0]!;
      first.rows.shift();
      if (first.rows.length === 0) groups.shift();
      size--;
      lost++;
    }
  };

  return {
    get size() {
      return size;
    },
    takeLost() {
      const count = lost;
      lost = 0;
      return count;
    },
    push(sql, values) {
      const last = groups.at(-1);
      if (last?.sql === sql && last.rows.length < GROUP) last.rows.push(values);
      else groups.push({ sql, rows: [values] });
      size++;
      giveUp();
    },
    take(most) {
      let count = 0;
      let rows = 0;
      while (count < groups.length && rows < most) rows += groups[count++]!.rows.length;
      size -= rows;
      return groups.splice(0, count);
    },
    putBack(writes) {
      groups = [...writes.map(({ sql, rows }) => ({ sql, rows: [...rows] })), ...groups];
      for (const { rows } of writes) size += rows.length;
      giveUp();
    },
  };
}
