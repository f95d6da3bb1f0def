import { expect, it } from "vitest";
import { type Row, rewriter } from "../../src/overlay/rows.ts";

it("a new file in place of a damaged one is given all settings again, once, and again when that failed", () => {
  const rows = new Map<string, Row>([["a", { value: { x: 1 }, version: 7, changedBy: "mia", changedAt: 5 }]]);
  const contributor = rewriter(() => rows);
  expect(contributor.collect(1000)).toEqual([]);
  contributor.startAfresh();
  const [write] = contributor.collect(1000);
  expect(write?.rows).toEqual([["a", '{"x":1}', "mia", 5, 7]]);
  expect(contributor.collect(1000)).toEqual([]);
  contributor.startAfresh();
  contributor.collect(1000);
  contributor.putBack();
  expect(contributor.collect(1000)).toHaveLength(1);
});
