/** Laws of taking. */
import { fixed, granted, lease, refused, same, sliding, take, uses } from "./state-laws.ts";
import type { StateLaw } from "./test-state.ts";

const DAY = 86_400_000;

export const countingLaws: readonly StateLaw[] = [
  {
    title: "a limit of N admits N and refuses the next, for every kind of counter",
    async run(bench) {
      const { key, now } = bench;
      for (const counter of [sliding(key, DAY), fixed(key, now() + DAY), lease(key, DAY)]) {
        for (let count = 0; count < 5; count++) await granted(bench, take(counter, 5));
        const until = await refused(bench, 0, take(counter, 5));
        if (counter.kind === "lease") same(until, undefined, "when a lease ends");
        if (counter.kind === "fixed") same(until, counter.until, "when it fits");
        await uses(bench, counter, 5);
      }
    },
  },
  {
    title: "what is refused takes nothing, of any counter",
    async run(bench) {
      const { key, now } = bench;
      const free = sliding(`${key} free`, DAY);
      const day = fixed(`${key} day`, now() + DAY);
      const full = lease(`${key} full`, DAY);
      await granted(bench, take(full, 1));
      for (let count = 0; count < 3; count++) {
        await refused(bench, 2, take(free, 2), take(day, 2), take(full, 1), take(free, 0));
      }
      await uses(bench, free, 0);
      await uses(bench, day, 0);
      await uses(bench, full, 1);
    },
  },
  {
    title: "of many who come at once exactly as many get in as fit",
    async run({ store, key }) {
      const counters = [sliding(key, DAY), lease(key, DAY)];
      const said = await Promise.all(
        Array.from({ length: 60 }, () => store.reserve(counters.map((counter) => take(counter, 40, 2)))),
      );
      same(said.filter((each) => each.granted).length, 20, "the number of grants");
      same(new Set(said.map((each) => (each.granted ? each.id : each))).size, 60, "the number of different ids");
      same(await store.used(counters), [40, 40], "what is used");
    },
  },
  {
    title: "takes of one reservation from the same counter count together",
    async run(bench) {
      const counter = sliding(bench.key, DAY);
      await refused(bench, 1, take(counter, 3, 2), take(counter, 3, 2));
      await granted(bench, take(counter, 3, 2), take(counter, 3, 1));
      await uses(bench, counter, 3);
    },
  },
  {
    title: "more than the limit is granted alone; a limit of 0 admits nothing, and no amount is always granted",
    async run(bench) {
      const counter = sliding(bench.key, DAY);
      await refused(bench, 0, take(counter, 0));
      await granted(bench, take(counter, 0, 0));
      await granted(bench, take(counter, 10, 50));
      await refused(bench, 0, take(counter, 10, 50));
      await refused(bench, 0, take(counter, 50, 1));
      await uses(bench, counter, 50);
    },
  },
  {
    title: "counters of other kinds, windows and ends are other counters",
    async run(bench) {
      const { key, now } = bench;
      const end = now() + DAY;
      const counters = [
        sliding(key, DAY),
        sliding(key, DAY - 1),
        fixed(key, end),
        fixed(key, end + 1),
        lease(key, DAY),
      ];
      for (const [index, counter] of counters.entries()) await granted(bench, take(counter, 100, index + 1));
      same(await bench.store.used(counters), [1, 2, 3, 4, 5], "what is used");
      await uses(bench, lease(key, 1), 5);
      await uses(bench, sliding(`${key} unknown`, DAY), 0);
    },
  },
  {
    title: "a reservation of nothing is granted, and asking for nothing answers nothing",
    async run(bench) {
      await granted(bench);
      same(await bench.store.used([]), [], "what is used of no counter");
    },
  },
  {
    title: "amounts are exact when they are large and come out even when they are fractions",
    async run(bench) {
      const large = fixed(`${bench.key} large`, bench.now() + DAY);
      await granted(bench, take(large, 2 ** 53, 2 ** 52), take(large, 2 ** 53, 1));
      await uses(bench, large, 2 ** 52 + 1);
      const small = sliding(`${bench.key} small`, DAY);
      const ids = [];
      for (let count = 0; count < 3; count++)
        ids.push(await granted(bench, take(small, Number.POSITIVE_INFINITY, 0.1)));
      for (const id of ids) await bench.store.settle(id, [0]);
      await uses(bench, small, 0);
      await granted(bench, take(small, 1, 7));
    },
  },
  {
    title: "amounts that are no amounts are thrown out with a RangeError and change nothing",
    async run(bench) {
      const counter = sliding(bench.key, DAY);
      for (const amount of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
        const error = await attempt(() => bench.store.reserve([take(counter, 9, amount)]));
        if (!(error instanceof RangeError)) throw new Error(`${amount} was taken`);
      }
      await uses(bench, counter, 0);
    },
  },
  {
    title: "10,000 keys are 10,000 counters, whatever they are called",
    async run(bench) {
      const counters = Array.from({ length: 10_000 }, (_, index) => sliding(`${bench.key} größe ${index} 👍`, DAY));
      for (let start = 0; start < counters.length; start += 100) {
        const some = counters.slice(start, start + 100);
        await Promise.all(some.map((counter) => granted(bench, take(counter, 1))));
      }
      await refused(bench, 0, take(counters[9_999]!, 1));
      const used = await bench.store.used(counters.slice(0, 500));
      if (!used.every((each) => each === 1)) throw new Error("some count something else");
    },
  },
];

async function attempt(run: () => unknown): Promise<unknown> {
  try {
    return await run();
  } catch (error) {
    return error;
  }
}
