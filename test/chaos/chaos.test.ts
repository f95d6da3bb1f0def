/** The chaos run in short. `npm run chaos` is the long one. */
import { expect, it } from "vitest";
import { runChaos } from "../../scripts/chaos/run.ts";
import { built } from "../_built.ts";

it(
  "the real server, its config changed and itself killed under load, breaks no rule",
  { timeout: 90_000 },
  async () => {
    const seed = 3;
    const report = await runChaos({
      seed,
      duration: 4000,
      clients: 8,
      root: built,
      acts: ["disable", "reload", "kill"],
      calm: 0,
      recovery: 15_000,
      say: () => undefined,
    });
    const { violations } = report.journal;
    const about = violations.map(({ rule, what, at }) => `${rule}: ${what}\n${report.journal.around(at).join("\n")}`);
    expect(about, `again: npm run chaos -- --minutes 0.1 --seed ${seed} --clients 8`).toEqual([]);
    expect([...report.acts.keys()].toSorted()).toEqual(["disable", "kill", "reload"]);
    expect(report.ends.get("complete")).toBeGreaterThan(10);
    expect(report.faults.size).toBeGreaterThan(8);
  },
);
