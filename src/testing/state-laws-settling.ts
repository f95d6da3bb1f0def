/** Laws of putting right what was taken. */
import { fixed, granted, lease, refused, same, sliding, take, uses } from "./state-laws.ts";
import type { StateLaw } from "./test-state.ts";

const DAY = 86_400_000;

export const settlingLaws: readonly StateLaw[] = [
  {
    title: "settling makes it more or less, leaves what is not said and ends leases",
    async run(bench) {
      const { key, now, store } = bench;
      const counters = [sliding(key, DAY), fixed(key, now() + DAY), sliding(`${key} same`, DAY), lease(key, DAY)];
      const takes = counters.map((counter) => take(counter, 100, 10));
      const id = await granted(bench, ...takes);
      same(await store.used(counters), [10, 10, 10, 10], "what is used before");
      await store.settle(id, [25, 4]);
      same(await store.used(counters), [25, 4, 10, 0], "what is used after");
    },
  },
  {
    title: "0 gives it back, so that the next one fits",
    async run(bench) {
      const { key, now } = bench;
      const takes = [sliding(key, DAY), fixed(key, now() + DAY), lease(key, DAY)].map((counter) => take(counter, 1));
      for (let count = 0; count < 4; count++) {
        const id = await granted(bench, ...takes);
        await refused(bench, 0, ...takes);
        await bench.store.settle(id, [0, 0, 0]);
      }
    },
  },
  {
    title: "it may end above the limit, and then nothing more fits",
    async run(bench) {
      const counter = sliding(bench.key, DAY);
      await bench.store.settle(await granted(bench, take(counter, 10, 5)), [5000]);
      await refused(bench, 0, take(counter, 10, 1));
      await uses(bench, counter, 5000);
    },
  },
  {
    title: "settling twice, or what nobody knows, does nothing",
    async run(bench) {
      const counters = [sliding(bench.key, DAY), lease(bench.key, DAY)];
      const takes = counters.map((counter) => take(counter, 10, 4));
      const id = await granted(bench, ...takes);
      await granted(bench, ...takes);
      await bench.store.settle(id, [1]);
      await bench.store.settle(id, [9, 9]);
      await bench.store.settle("nobody knows this", [9, 9]);
      await bench.store.settle("", []);
      same(await bench.store.used(counters), [5, 4], "what is used");
    },
  },
  {
    title: "settling to what is no amount leaves it as it was",
    async run(bench) {
      const counter = sliding(bench.key, DAY);
      for (const amount of [-5, Number.NaN, Number.POSITIVE_INFINITY]) {
        await bench.store.settle(await granted(bench, take(counter, 100, 2)), [amount]);
      }
      await uses(bench, counter, 6);
    },
  },
  {
    title: "many who settle at once lose nothing",
    async run(bench) {
      const counters = [sliding(bench.key, DAY), fixed(bench.key, bench.now() + DAY), lease(bench.key, DAY)];
      const takes = counters.map((counter) => take(counter, 1e6, 10));
      const ids = await Promise.all(Array.from({ length: 50 }, () => granted(bench, ...takes)));
      await Promise.all(ids.map((id, index) => bench.store.settle(id, [index, 2 * index])));
      same(await bench.store.used(counters), [1225, 2450, 0], "what is used");
    },
  },
];
