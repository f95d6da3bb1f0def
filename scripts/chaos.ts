/**
 * The real server in a process of its own, real sockets, and everything that can go wrong, for as long as one likes:
 * `npm run chaos -- --minutes 5 --seed 1`. Ends with 1 when one of the rules in `chaos/rules.ts` was broken, and prints
 * the seed. What is asked, what fails and what is done to the server follow from the seed; when exactly it meets, not.
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { runChaos } from "./chaos/run.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "5" },
    seed: { type: "string", default: "1" },
    clients: { type: "string", default: "16" },
    /** Seconds between two things that are done to the server, on average. */
    every: { type: "string", default: "6" },
    /** Of the package to run; default this one. */
    root: { type: "string" },
    quiet: { type: "boolean", default: false },
  },
});
const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
const began = performance.now();
const report = await runChaos({
  seed,
  duration: minutes * 60_000,
  clients: Number(values.clients),
  root: values.root ?? fileURLToPath(new URL("..", import.meta.url)),
  acts: Number(values.every) * 1000,
  calm: Math.min(60_000, minutes * 15_000),
  recovery: 90_000,
  say: values.quiet ? () => undefined : (line) => console.log(line),
});
const { journal, requests, calls } = report;
const counted = (counts: ReadonlyMap<string, number>): string =>
  [...counts]
    .toSorted((a, b) => b[1] - a[1])
    .map(([name, count]) => `${name} ${count}`)
    .join(", ");
console.log(`\nends: ${counted(report.ends)}`);
console.log(`faults: ${counted(report.faults)}`);
console.log(`done to it: ${counted(report.acts)}`);
for (const fact of report.facts) console.log(fact);
for (const { rule, what, at } of journal.violations) {
  const isFirst = journal.violations.find((each) => each.rule === rule)?.at === at;
  console.log(`\n${rule}: ${what}${isFirst ? `\n${journal.around(at).slice(-20).join("\n")}` : ""}`);
}
const broken = [...journal.counts.values()].reduce((sum, count) => sum + count, 0);
const seconds = Math.round((performance.now() - began) / 1000);
console.log(
  `\n${broken === 0 ? "ok  " : "FAIL"} seed ${seed}: ${seconds} s, ${requests} requests, ${calls} calls, ${broken} violations`,
);
if (broken > 0) {
  console.log(`broken: ${counted(journal.counts)}`);
  console.log(
    `again: npm run chaos -- --minutes ${minutes} --seed ${seed} --clients ${values.clients} --every ${values.every}`,
  );
}
process.exitCode = broken > 0 ? 1 : 0;
