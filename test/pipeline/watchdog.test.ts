import { describe, expect, it } from "vitest";
import { type VirtualClock, virtualClock } from "waygate/testing";
import { Watchdog } from "../../src/pipeline/watchdog.ts";

function watched(): { clock: VirtualClock; watchdog: Watchdog; expired: string[] } {
  const clock = virtualClock();
  const expired: string[] = [];
  const start = clock.now();
  const watchdog = new Watchdog(clock, (error) => {
    expired.push(
      `${clock.now() - start} ${error.kind} ${/timeouts\.(\w+) of (\d+)/.exec(error.message)?.slice(1).join(" ")}`,
    );
  });
  return { clock, watchdog, expired };
}

describe("Watchdog", () => {
  it.each(["total", "firstToken", "idle"] as const)(
    "expires at its %s limit, alone, once, and not before",
    async (limit) => {
      const { clock, watchdog, expired } = watched();
      watchdog[limit](1000);
      await clock.advance(999);
      expect(expired).toEqual([]);
      await clock.advance(10_000);
      expect(expired).toEqual([`1000 timeout ${limit} 1000`]);
    },
  );

  it.each(["total", "firstToken", "idle"] as const)("takes 0 for no %s limit and sets no timer", (limit) => {
    const { clock, watchdog } = watched();
    watchdog[limit](0);
    expect(clock.pending).toBe(0);
  });

  it("is not idle as long as there is progress", async () => {
    const { clock, watchdog, expired } = watched();
    watchdog.idle(1000);
    for (let step = 0; step < 10; step++) {
      await clock.advance(900);
      watchdog.progress();
    }
    expect(expired).toEqual([]);
    await clock.advance(10_000);
    expect(expired).toEqual(["10000 timeout idle 1000"]);
  });

  it("sets one timer for a whole idle limit, however much comes", async () => {
    const { clock, watchdog } = watched();
    watchdog.idle(1000);
    for (let step = 0; step < 1000; step++) watchdog.progress();
    expect(clock.pending).toBe(1);
    await clock.advance(5);
    watchdog.progress();
    expect(clock.pending).toBe(1);
  });

  it("does not mind a wall clock that is set", async () => {
    const { clock, watchdog, expired } = watched();
    watchdog.idle(1000);
    clock.shift(-3_600_000);
    await clock.advance(999);
    clock.shift(7_200_000);
    expect(expired).toEqual([]);
    await clock.advance(1);
    expect(expired).toHaveLength(1);
  });

  it("waits for a first token whatever else comes", async () => {
    const { clock, watchdog, expired } = watched();
    watchdog.firstToken(1000);
    await clock.advance(600);
    watchdog.progress();
    await clock.advance(600);
    expect(expired).toEqual(["1000 timeout firstToken 1000"]);
  });

  it("ends one phase with the next, and never the total", async () => {
    const { clock, watchdog, expired } = watched();
    watchdog.total(5000);
    watchdog.firstToken(1000);
    await clock.advance(900);
    watchdog.idle(2000);
    await clock.advance(1900);
    watchdog.idle(0);
    await clock.advance(2000);
    expect(expired).toEqual([]);
    watchdog.idle(1000);
    await clock.advance(200);
    expect(expired).toEqual(["5000 timeout total 5000"]);
  });

  it("calls back after a grace and blames nobody, unless another phase begins", async () => {
    const { clock, watchdog, expired } = watched();
    const calls: string[] = [];
    watchdog.idle(50);
    watchdog.grace(100, () => calls.push("first"));
    await clock.advance(100);
    watchdog.grace(100, () => calls.push("second"));
    await clock.advance(99);
    watchdog.grace(100, () => calls.push("third"));
    await clock.advance(100);
    watchdog.grace(100, () => calls.push("fourth"));
    watchdog.idle(0);
    await clock.advance(1000);
    expect(calls).toEqual(["first", "third"]);
    expect(expired).toEqual([]);
  });

  it("leaves nothing behind once stopped, and sets nothing up again", async () => {
    const { clock, watchdog, expired } = watched();
    watchdog.total(100);
    watchdog.idle(50);
    watchdog.stop();
    expect(clock.pending).toBe(0);
    watchdog.total(1);
    watchdog.firstToken(1);
    watchdog.idle(1);
    watchdog.grace(1, () => expired.push("grace"));
    expect(clock.pending).toBe(0);
    await clock.advance(1000);
    expect(expired).toEqual([]);
  });
});
