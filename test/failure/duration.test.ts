import { describe, expect, it } from "vitest";
import { parseDuration } from "../../src/failure/duration.ts";

const hour = 3_600_000;

describe("parseDuration", () => {
  it.each([
    ["30", 30_000],
    ["0", 0],
    ["33011.382867", 33_011_383],
    [" 20s ", 20_000],
    ["12ms", 12],
    ["900ms", 900],
    ["1.57s", 1570],
    ["6m0s", 360_000],
    ["2h3m4.5s", 2 * hour + 184_500],
    ["1d2h", 26 * hour],
    ["9m38.016s", 578_016],
    ["156h14m36.75s", 156 * hour + 876_750],
    ["161h39m41.300432511s", 161 * hour + 39 * 60_000 + 41_300],
    ["30 seconds", 30_000],
    ["1 minute", 60_000],
    ["2 hours, 5 minutes and 1 second", 2 * hour + 301_000],
    ["3 days", 72 * hour],
    ["500 milliseconds", 500],
  ])("reads %j as %d ms", (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  it.each(["0.4ms", "0.0001s", "0.0004", "10ns", "539.477544µs"])("never turns %j into nothing", (text) => {
    expect(parseDuration(text)).toBe(1);
  });

  it("reads milliseconds before minutes and seconds", () => {
    expect(parseDuration("539.477544ms")).toBe(539);
    expect(parseDuration("1m12ms")).toBe(60_012);
  });

  it.each(["", "s", "-1", "-5s", "abc", "5x", "1h later", "in 5s", "5sm", "1e3", "NaN", "Infinity", "1..5s"])(
    "refuses %j",
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );
});
