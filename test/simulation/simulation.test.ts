/**
 * Days of traffic through a whole proxy in virtual time, with everything that may go wrong, in the manner of
 * FoundationDB and TigerBeetle. `WAYGATE_SIMULATION_SEED` and `WAYGATE_SIMULATION_DAYS` run one world alone, and
 * `npm run simulate:long` as many as one likes.
 */
import { describe, expect, test } from "vitest";
import { faults } from "../../src/simulation/faults.ts";
import { reportOf, runCity } from "./_city.ts";

const given = process.env["WAYGATE_SIMULATION_SEED"];
const days = Number(process.env["WAYGATE_SIMULATION_DAYS"] ?? 0.25);
/** Differ in what is limited, which policies stand, who restarts and how much fails; all that can happen does in them. */
const seeds = given === undefined ? [5, 33, 46, 55, 56] : [Number(given)];
const happened = new Map<string, number>();

const events = ["storm", "revoked", "unpaid", "banned", "healed", "added", "removed", "jumps"];
const endings = ["reload", "restart", "kill"];
const leaving = ["waiting", "before the answer", "between calls", "in the answer"];

describe("a simulated world", () => {
  test.each(seeds)("keeps every promise of the proxy in world %d", { timeout: 120_000 }, async (seed) => {
    const options = { seed, days };
    const city = await runCity(options);
    for (const [what, count] of city.happened) happened.set(what, (happened.get(what) ?? 0) + count);
    expect(reportOf(city, options)).toBe("");
    expect(city.requests).toBeGreaterThan(100);
  });

  test.runIf(given === undefined)("has every fault, every event and clients that leave in every phase", () => {
    const all = [...Object.keys(faults).map((kind) => `fault ${kind}`), ...events, ...endings];
    const phases = leaving.map((phase) => `leaves ${phase}`);
    expect([...all, ...phases].filter((what) => !happened.has(what))).toEqual([]);
  });

  test("is the same again from the same seed, step by step", { timeout: 60_000 }, async () => {
    const first = await runCity({ seed: 3, days: 0.3 });
    const second = await runCity({ seed: 3, days: 0.3 });
    expect(second.world.counts).toEqual(first.world.counts);
    expect(second.world.trace.digest()).toBe(first.world.trace.digest());
    const other = await runCity({ seed: 5, days: 0.1 });
    expect(other.world.trace.digest()).not.toBe(first.world.trace.digest());
  });
});
