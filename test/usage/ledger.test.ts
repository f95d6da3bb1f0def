import { beforeAll, describe, expect, it } from "vitest";
import type { DatabaseWrite } from "waygate";
import { createLedger, type Ledger } from "../../plugins/usage/ledger.ts";
import { type Statements, statementsFor } from "../../plugins/usage/statements.ts";
import { queryBuilder } from "../../src/database/query-builder.ts";
import { entryLike } from "./_entry.ts";

let statements: Statements;
beforeAll(async () => {
  statements = await statementsFor({ builder: async () => queryBuilder("sqlite") });
});

const HOUR = 3_600_000;
const add = (
  ledger: Ledger,
  count: number,
  more: (index: number) => Parameters<typeof entryLike>[0] = () => ({}),
): void => {
  for (let index = 0; index < count; index++) ledger.add(entryLike({ requestId: `request-${index}`, ...more(index) }));
};
const rowsOf = (writes: readonly DatabaseWrite[], table: keyof Statements): readonly (readonly unknown[])[] =>
  writes.find(({ sql }) => sql === statements[table])?.rows ?? [];
/** Requests by the key before them. */
const requests = (writes: readonly DatabaseWrite[], table: keyof Statements, key: number): number =>
  rowsOf(writes, table).reduce((sum, row) => sum + Number(row[key]), 0);

describe("a batch of the ledger", () => {
  it("has the sums of its own rows and of no others, so that a transaction saves both or neither", () => {
    const ledger = createLedger(statements);
    add(ledger, 2500, (index) => ({ user: `user-${index % 3}`, credential: `lab:${index % 20}`, firstByte: index }));
    const sizes: number[] = [];
    for (let writes = ledger.collect(1000); writes.length > 0; writes = ledger.collect(1000)) {
      const size = rowsOf(writes, "row").length;
      sizes.push(size);
      expect([requests(writes, "hours", 3), requests(writes, "users", 3), requests(writes, "userModels", 4)]).toEqual([
        ...[size, size, size],
      ]);
      expect([
        requests(writes, "keys", 4),
        requests(writes, "latency", 2),
        requests(writes, "modelLatency", 4),
      ]).toEqual([size, size, size]);
    }
    expect(sizes).toEqual([1000, 1000, 500]);
  });

  it("comes again as it was when it could not be saved, and once only when it was", () => {
    const ledger = createLedger(statements);
    add(ledger, 30, (index) => ({ user: `user-${index % 4}` }));
    const first = ledger.collect(1000);
    ledger.putBack();
    expect(ledger.collect(1000)).toEqual(first);
    expect(ledger.collect(1000)).toEqual([]);
  });

  it("touches one row per key, with what each request adds to it", () => {
    const ledger = createLedger(statements);
    const at = Date.UTC(2026, 10, 21, 12);
    ledger.add(entryLike({ at, usage: { input: 7, output: 1, cacheRead: 3 }, cost: 0.5, duration: 10 }));
    ledger.add(entryLike({ at: at + HOUR - 1, usage: { input: -4, output: Number.NaN }, cost: null, duration: 5 }));
    ledger.add(
      entryLike({ at, end: "refused", status: 503, usage: undefined, cost: null, duration: 1, firstByte: null }),
    );
    ledger.add(entryLike({ at: at + HOUR, fellBack: true }));
    const writes = ledger.collect(1000);
    expect(rowsOf(writes, "hours")).toEqual([
      [at, "lab", "m", 3, 1, 1, 0, 7, 1, 3, 0, 0, 0.5, 1, 16],
      [at + HOUR, "lab", "m", 1, 0, 0, 1, 10, 2, 0, 0, 0, 0.25, 0, 40],
    ]);
    // Of keys by the day, which begins at 03:00 UTC.
    expect(rowsOf(writes, "keys")).toEqual([
      [Date.UTC(2026, 10, 21, 3), "lab", "lab:1", "m", 4, 1, 1, 1, 17, 3, 3, 0, 0, 0.75, 1, 56],
    ]);
    expect(requests(writes, "latency", 2)).toBe(3);
  });

  it("does not take two keys for one because they read the same side by side", () => {
    const ledger = createLedger(statements);
    add(ledger, 2, (index) => (index === 0 ? { provider: "a", model: "b,c" } : { provider: "a,b", model: "c" }));
    add(ledger, 2, (index) => (index === 0 ? { user: "1", group: "" } : { user: "", group: "1" }));
    const writes = ledger.collect(1000);
    expect(rowsOf(writes, "hours").map((row) => row.slice(1, 4))).toEqual([
      ["a", "b,c", 1],
      ["a,b", "c", 1],
      ["lab", "m", 2],
    ]);
    expect(rowsOf(writes, "users").map((row) => row.slice(1, 4))).toEqual([
      ["mia", "", 2],
      ["1", "", 1],
      ["", "1", 1],
    ]);
  });
});

it("E7 of more than 50,000 rows that wait the oldest are given up, but not what they add to the sums", () => {
  const ledger = createLedger(statements);
  add(ledger, 53_000);
  expect(ledger.lost).toBeGreaterThanOrEqual(2000);
  let [rows, summed] = [0, 0];
  for (let writes = ledger.collect(1000); writes.length > 0; writes = ledger.collect(1000)) {
    rows += rowsOf(writes, "row").length;
    summed += requests(writes, "hours", 3);
  }
  expect([rows, summed]).toEqual([53_000 - ledger.lost, 53_000]);
});
