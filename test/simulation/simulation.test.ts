/**
 * Days of traffic through a whole proxy in virtual time, with everything that may go wrong, in the manner of
 * FoundationDB and TigerBeetle. `WAYGATE_SIMULATION_SEED` and `WAYGATE_SIMULATION_DAYS` run one world alone.
 */
import { describe, expect, test } from "vitest";
import { reportOf, runCity } from "./_city.ts";

const given = process.env["WAYGATE_SIMULATION_SEED"];
const days = Number(process.env["WAYGATE_SIMULATION_DAYS"] ?? 0.5);
/** Differ in what is limited, which policies stand, who restarts and how much fails. */
const seeds = given === undefined ? [1, 4, 7, 10, 16, 18, 23] : [Number(given)];

describe("a simulated world", () => {
  test.each(seeds)("keeps every promise of the proxy in world %d", { timeout: 120_000 }, async (seed) => {
    const options = { seed, days };
    const city = await runCity(options);
    expect(reportOf(city, options)).toBe("");
    expect(city.requests).toBeGreaterThan(100);
  });

  test("is the same again from the same seed, step by step", { timeout: 60_000 }, async () => {
    const first = await runCity({ seed: 3, days: 0.3 });
    const second = await runCity({ seed: 3, days: 0.3 });
    expect(second.world.counts).toEqual(first.world.counts);
    expect(second.world.trace.digest()).toBe(first.world.trace.digest());
    const other = await runCity({ seed: 5, days: 0.3 });
    expect(other.world.trace.digest()).not.toBe(first.world.trace.digest());
  });
});
