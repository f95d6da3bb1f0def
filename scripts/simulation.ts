/**
 * The deterministic simulation for as long as one likes: `npm run simulate:long -- --seeds 200 --days 14`. Prints a line
 * per seed; a seed that breaks a rule is printed with its last steps and the command that runs it again, and ends the
 * process with 1 when all are through. `--first N` begins at another seed, `--minutes N` ends after that time, `--rough`
 * and `--usual` make every world one where much or little goes wrong.
 */
import { parseArgs } from "node:util";
import { type CityOptions, reportOf, runCity } from "../test/simulation/_city.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "200" },
    days: { type: "string", default: "14" },
    first: { type: "string", default: "1" },
    minutes: { type: "string" },
    rough: { type: "boolean" },
    usual: { type: "boolean" },
  },
});
const [seeds, days, first] = [Number(values.seeds), Number(values.days), Number(values.first)];
const rough = values.rough ? true : values.usual ? false : undefined;
const until = values.minutes === undefined ? Infinity : performance.now() + Number(values.minutes) * 60_000;
let failed = 0;
let ran = 0;
let requests = 0;
const began = performance.now();
for (let seed = first; seed < first + seeds && performance.now() < until; seed++) {
  const options: CityOptions = { seed, days, ...(rough !== undefined && { rough }) };
  const city = await runCity(options);
  ran++;
  requests += city.requests;
  const { counts, violations, trace } = city.world;
  const speed = Math.round(city.requests / (city.took / 1000));
  const facts = `${city.requests} requests, ${counts.calls} calls, ${counts.steps} steps, ${(city.took / 1000).toFixed(1)} s, ${speed}/s`;
  console.log(`${violations.length === 0 ? "ok  " : "FAIL"} seed ${seed}  ${facts}  ${trace.digest().toString(16)}`);
  if (violations.length === 0) continue;
  failed++;
  console.log(`${reportOf(city, options)}\n`);
}
const seconds = (performance.now() - began) / 1000;
console.log(
  `${ran} seeds of ${days} days (${Math.round(ran * days)} in all), ${failed} failed, ${requests} requests in ${Math.round(seconds)} s, ${Math.round(requests / seconds)}/s`,
);
process.exitCode = failed > 0 ? 1 : 0;
