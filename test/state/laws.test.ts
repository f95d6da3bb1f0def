import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { redis } from "waygate/plugins/redis";
import { testState, virtualClock } from "waygate/testing";
import { type StateStore, systemClock } from "waygate";
import { memoryState } from "../../src/state/memory.ts";
import { hasRedis, type RedisServer, startRedis } from "./_redis.ts";

describe("the memory of a process", () => {
  it("obeys every law of stores, to the millisecond", async () => {
    const clock = virtualClock();
    await expect(testState(() => memoryState(clock), { clock })).resolves.toBeUndefined();
  });

  it("is not what finds the faults: a store that counts wrong is told so", async () => {
    const clock = virtualClock();
    const store = memoryState(clock);
    const forgetful: StateStore = { ...store, settle: () => undefined };
    await expect(testState(() => forgetful, { clock })).rejects.toThrow(/0 gives it back/);
    const late: StateStore = {
      ...store,
      reserve: (takes) =>
        store.reserve(
          takes.map((each) => (each.counter.kind === "sliding" ? { ...each, limit: each.limit + 1 } : each)),
        ),
    };
    await expect(testState(() => late, { clock })).rejects.toThrow(/a limit of N/);
  });
});

describe.skipIf(!hasRedis)("redis", () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  it("obeys every law of stores", async () => {
    const log = { warn: () => expect.fail("it was away"), info: () => expect.fail("it was away") };
    const driver = redis({ url: server.url, wait: 10_000 }).state!;
    await expect(testState(() => driver.open({ clock: systemClock(), log }))).resolves.toBeUndefined();
  });
});
