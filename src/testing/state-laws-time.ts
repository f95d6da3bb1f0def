/** Laws of time: windows, ends and leases. They hold on a clock of their own and on the machine's. */
import type { Take } from "../state/store.ts";
import { fixed, granted, lease, refused, same, sliding, take, uses } from "./state-laws.ts";
import type { StateBench, StateLaw } from "./test-state.ts";

/** Two clocks of one machine, read one after the other, and what is lost in rounding. */
const ROUNDING = 2;

export const timeLaws: readonly StateLaw[] = [
  {
    title: "a sliding window is exact at its boundary: refused until the moment that was said, granted from then on",
    async run(bench) {
      const counter = sliding(bench.key, bench.window);
      const before = bench.now();
      await granted(bench, take(counter, 2));
      const after = bench.now();
      await granted(bench, take(counter, 2));
      const until = await refused(bench, 0, take(counter, 2));
      between(until, before + bench.window - ROUNDING, after + bench.window + ROUNDING);
      await opensAt(bench, until!, take(counter, 2));
    },
  },
  {
    title: "a window slides: each take leaves it by itself",
    async run(bench) {
      const { window, pass } = bench;
      const counter = sliding(bench.key, window);
      await granted(bench, take(counter, 10, 3));
      await pass(window / 2);
      await granted(bench, take(counter, 10, 5));
      const until = await refused(bench, 0, take(counter, 10, 4));
      await opensAt(bench, until!, take(counter, 10, 4));
      await refused(bench, 0, take(counter, 10, 4));
      await pass(window);
      await uses(bench, counter, 0);
    },
  },
  {
    title: "when it fits is said for the amount asked for",
    async run(bench) {
      const { window, pass } = bench;
      const counter = sliding(bench.key, window);
      await granted(bench, take(counter, 10, 3));
      await pass(window / 4);
      await granted(bench, take(counter, 10, 7));
      const few = await refused(bench, 0, take(counter, 10, 3));
      const many = await refused(bench, 0, take(counter, 10, 4));
      const all = await refused(bench, 0, take(counter, 10, 40));
      if (few === undefined || many === undefined || many - few < window / 4 - ROUNDING) throw new Error("said alike");
      same(all, many, "when more than the limit fits");
    },
  },
  {
    title: "what is corrected counts where it was taken, not when it was corrected",
    async run(bench) {
      const { window, pass, store } = bench;
      const counter = sliding(bench.key, window);
      const id = await granted(bench, take(counter, 10, 10));
      const until = await refused(bench, 0, take(counter, 10, 5));
      await pass(window / 2);
      await store.settle(id, [20]);
      same(await refused(bench, 0, take(counter, 10, 5)), until, "when it fits after the correction");
      await opensAt(bench, until!, take(counter, 10, 5));
    },
  },
  {
    title: "a correction after the window is over changes nothing",
    async run(bench) {
      const { window, pass, now, store } = bench;
      const counters = [sliding(bench.key, window), fixed(bench.key, now() + window)];
      const takes = counters.map((counter) => take(counter, 10, 5));
      const more = await granted(bench, ...takes);
      const less = await granted(bench, ...takes);
      await pass(window);
      await store.settle(more, [9, 9]);
      await store.settle(less, [1, 1]);
      same(await store.used(counters), [0, 0], "what is used");
    },
  },
  {
    title: "a fixed window ends at its end, and the next one begins empty",
    async run(bench) {
      const { key, window, now, pass } = bench;
      const end = now() + window;
      await granted(bench, take(fixed(key, end), 1));
      same(await refused(bench, 0, take(fixed(key, end), 1)), end, "when it fits");
      await granted(bench, take(fixed(key, end + window), 1));
      await pass(window);
      await uses(bench, fixed(key, end), 0);
      await uses(bench, fixed(key, end + window), 1);
    },
  },
  {
    title: "a lease that nobody ends is given back after its time to live, each by itself",
    async run(bench) {
      const { key, window, pass, store } = bench;
      const brief = await granted(bench, take(lease(key, window), 2));
      await granted(bench, take(lease(key, window * 100), 2));
      await refused(bench, 0, take(lease(key, window), 2));
      await pass(window);
      await uses(bench, lease(key, window), 1);
      await granted(bench, take(lease(key, window * 100), 2));
      await store.settle(brief, []);
      await uses(bench, lease(key, window), 2);
    },
  },
  {
    title: "a lease that is renewed is held on, and one that is over stays over",
    async run(bench) {
      const { key, window, pass, store } = bench;
      const over = await granted(bench, take(lease(key, window / 4), 9, 2));
      const held = await granted(bench, take(lease(key, window), 9, 3));
      await pass(window / 2);
      await store.renew([held, over, "nobody knows this"]);
      await uses(bench, lease(key, window), 3);
      await pass((window * 3) / 4);
      await uses(bench, lease(key, window), 3);
      await store.settle(held, []);
      await store.renew([held]);
      await uses(bench, lease(key, window), 0);
    },
  },
];

function between(time: number | undefined, from: number, to: number): void {
  if (time === undefined || time < from || time > to) throw new Error(`${time} is said, not ${from} to ${to}`);
}

/** Asks until it is granted: never before the time, always after it, whatever a single question takes. */
async function opensAt({ store, now, pass }: StateBench, until: number, wanted: Take): Promise<void> {
  const left = until - now();
  if (left > 20) await pass(left - 20);
  for (;;) {
    const asked = now();
    const { granted: isGranted } = await store.reserve([wanted]);
    if (isGranted && now() < until - ROUNDING) throw new Error(`granted ${until - now()} ms too early`);
    if (!isGranted && asked > until + ROUNDING) throw new Error(`still refused ${asked - until} ms late`);
    if (isGranted) return;
    await pass(1);
  }
}
