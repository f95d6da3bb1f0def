/** Waits that end when what they are for is there, however it came back. */
import { describe, expect, it } from "vitest";
import { definePlugin } from "waygate";
import { cooldown } from "waygate/plugins/cooldown";
import { answer, drop, gate, html, later, pause, silence, status } from "waygate/testing";
import { inTurn, type Lab, lab } from "../rules/_lab.ts";

const one = { lab: ["a"] };
const unavailable = status(503, { error: { message: "Unavailable" } });

/** The provider has paused, and one request may try it. */
function halfOpen(bench: Lab): void {
  bench.pool.rest(
    { provider: "lab" },
    { state: "cooling", until: bench.clock.now(), policy: "test", reason: "test", kind: "failing", probe: true },
  );
}

describe("a request that waits", () => {
  it("is the next to try a provider that may be back, when the one that tried it was left by its client", async () => {
    await using bench = await lab({
      providers: { lab: ["a", "b"], busy: ["c"] },
      models: { smart: ["lab/m", "busy/m"] },
      concurrency: 1,
      retry: { queueWait: 3000 },
      upstream: { a: inTurn(silence(), answer()), c: silence() },
    });
    halfOpen(bench);
    const [leaving, other] = [new AbortController(), new AbortController()];
    const stuck = [
      bench.proxy.chat({ model: "lab/m" }, { signal: leaving.signal }),
      bench.proxy.chat({ model: "busy/m" }, { signal: other.signal }),
    ];
    await bench.clock.advance(100);
    const waiting = bench.proxy.chat({ model: "smart" });
    await bench.clock.advance(900);
    expect(bench.asked()).toBe("a c");
    leaving.abort();
    expect(await bench.finish(waiting)).toMatchObject({ status: 200, took: 0 });
    other.abort();
    await Promise.all(stuck);
  });

  it("is answered by a key that is back in the very moment in which it would have given up", async () => {
    await using bench = await lab({
      providers: { lab: ["a", "b"] },
      concurrency: 1,
      retry: { queueWait: 3000 },
      upstream: inTurn(silence(), answer()),
    });
    const busy = new AbortController();
    const [key] = bench.pool.list("lab");
    const target = { provider: "lab", credential: key!.id };
    const rest = {
      state: "cooling",
      until: bench.clock.now() + 3000,
      policy: "test",
      reason: "test",
      kind: "failing",
    } as const;
    bench.pool.rest(target, rest);
    const stuck = bench.proxy.chat({ model: "lab/m" }, { signal: busy.signal });
    const waiting = bench.proxy.chat({ model: "lab/m" });
    expect(await bench.finish(waiting)).toMatchObject({ status: 200, took: 3000 });
    busy.abort();
    await stuck;
  });

  it("is not forgotten when a place became free while a policy thought about who would have been first", async () => {
    const thinking = gate();
    const slow = definePlugin({
      name: "slow",
      hooks: {
        selectKey: { precedence: "tier", handler: async (list) => (thinking.arrive(), await thinking.opened, list) },
      },
    });
    const held = gate();
    await using bench = await lab({
      providers: one,
      concurrency: 1,
      plugins: [slow],
      retry: { queueWait: 3000 },
      upstream: inTurn(later(answer(), held), answer()),
    });
    thinking.open();
    const first = bench.proxy.chat({ model: "lab/m" });
    await bench.clock.advance(0);
    const again = gate();
    Object.assign(thinking, again);
    const second = bench.proxy.chat({ model: "lab/m" });
    await again.reached;
    held.open();
    await bench.clock.advance(0);
    again.open();
    expect(await bench.finish(second)).toMatchObject({ status: 200, took: 0 });
    await bench.finish(first);
  });
});

it("those who wait for a limit do not hand places to each other without an end when places become free", async () => {
  let asked = 0;
  let full = false;
  const limit = definePlugin({
    name: "limit",
    setup({ credentials, runtime }) {
      credentials.addGate({
        name: "limit",
        reserve() {
          if (++asked > 2000) throw new Error("asked too often");
          if (!full) return undefined;
          return { refused: "too much", kind: "rate_limited", until: runtime.clock.now() + 10_000 };
        },
      });
    },
  });
  const held = gate();
  await using bench = await lab({
    providers: { lab: ["a", "b"] },
    concurrency: 2,
    plugins: [limit],
    retry: { queueWait: 5000 },
    upstream: later(answer(), held),
  });
  const ask = (model: string): Promise<Response> => bench.proxy.chat({ model });
  const first = ["lab/m", "lab/n", "lab/o", "lab/p"].map(ask);
  await bench.clock.advance(0);
  expect(bench.calls.length).toBe(4);
  full = true;
  const waiting = ["lab/m", "lab/n", "lab/o", "lab/p", "lab/m", "lab/n", "lab/o", "lab/p"].map(ask);
  await bench.clock.advance(100);
  asked = 0;
  held.open();
  for (const each of first) expect((await bench.finish(each)).status).toBe(200);
  for (const each of waiting) expect((await bench.finish(each)).status).toBe(429);
  expect(asked).toBeLessThan(100);
});

it("A16 four refusals for too many requests in three seconds slow a request down, whoever refuses", async () => {
  const limited = status(429, { error: { message: "Slow down" } });
  await using bench = await lab({
    providers: { lab: ["a", "b", "c"], front: ["d"], other: ["e"] },
    models: { smart: ["lab/m", "front/m", "other/m"] },
    upstream: { a: limited, b: limited, c: limited, d: html(429) },
  });
  expect((await bench.ask("smart")).status).toBe(200);
  expect(bench.calls.map((call) => call.at)).toEqual([0, 0, 0, 0, 3000]);
});

describe("a failed request whose key is given to another one", () => {
  const options = { concurrency: 1, retry: { queueWait: 5000 } };

  it("goes to a key that is free", async () => {
    const held = gate();
    await using bench = await lab({
      ...options,
      providers: { lab: ["a", "b"] },
      plugins: [
        definePlugin({
          name: "order",
          hooks: { selectKey: (list) => list.toSorted((x, y) => (x.credential.label! < y.credential.label! ? -1 : 1)) },
        }),
      ],
      upstream: { a: inTurn(later(unavailable, pause(1000)), silence()), b: later(answer(), held) },
    });
    const leaving = new AbortController();
    const first = bench.proxy.chat({ model: "lab/m" });
    const filling = bench.proxy.chat({ model: "lab/m" });
    await bench.clock.advance(0);
    const other = bench.proxy.chat({ model: "lab/m" }, { signal: leaving.signal });
    await bench.clock.advance(1500);
    expect(bench.asked()).toBe("a b a");
    held.open();
    expect(await bench.finish(first)).toMatchObject({ status: 200, took: 0 });
    expect(bench.asked()).toBe("b");
    leaving.abort();
    await bench.finish(filling);
    await bench.finish(other);
  });

  it.each([
    ["a lost connection", drop(), 0],
    ["a short limit", status(429, {}, { "retry-after": "1" }), 1000],
  ])("waits for it where there is no other, after %s", async (_name, failure, back) => {
    await using bench = await lab({
      ...options,
      providers: one,
      plugins: [cooldown()],
      upstream: inTurn(later(failure, pause(1000)), later(answer(), pause(1000))),
    });
    let second: Promise<Response> | undefined;
    // Right before the first one would be asked once more.
    bench.clock.timer(() => (second = bench.proxy.chat({ model: "lab/m" })), 1000 + back);
    const first = bench.proxy.chat({ model: "lab/m" });
    await bench.clock.advance(1000 + back);
    for (const each of [first, second!]) expect(await bench.finish(each)).toMatchObject({ status: 200 });
    expect(bench.asked()).toBe("a a a");
  });

  it("does not come back to it from another key", async () => {
    await using bench = await lab({
      ...options,
      providers: { lab: ["a", "b"] },
      upstream: { a: inTurn(later(unavailable, pause(1000)), later(answer(), pause(1000))), b: unavailable },
    });
    const [first, second] = [bench.proxy.chat({ model: "lab/m" }), bench.proxy.chat({ model: "lab/m" })];
    await bench.clock.advance(0);
    expect(bench.asked()).toBe("a b");
    await bench.finish(second);
    await bench.finish(first);
    const asked = bench.asked();
    expect(asked.split(" ").filter((key) => key === "b").length).toBeLessThanOrEqual(3);
  });
});
