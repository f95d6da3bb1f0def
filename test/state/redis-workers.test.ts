import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "waygate";
import { redis } from "waygate/plugins/redis";
import { answer, createTestProxy, createUpstream, type TestProxy } from "waygate/testing";
import { echo } from "waygate/plugins/echo";
import { runFile } from "../examples/_spawn.ts";
import { hasRedis, type RedisServer, startRedis } from "./_redis.ts";

const log = { warn: () => undefined, info: () => undefined };
const day = 86_400_000;

describe.skipIf(!hasRedis)("workers that share a redis", () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    await server.ask("FLUSHALL");
  });

  const plugin = (): ReturnType<typeof redis> => redis({ url: server.url, wait: 10_000 });
  const open = async (): Promise<Awaited<ReturnType<NonNullable<ReturnType<typeof redis>["state"]>["open"]>>> =>
    plugin().state!.open({ clock: systemClock(), log });

  it("E2 two processes with two workers each keep a limit of N at exactly N under load", async () => {
    await using upstream = await createUpstream();
    upstream.always(answer({ text: "ok" }));
    const file = new URL("_worker.ts", import.meta.url);
    const env = { UPSTREAM_URL: upstream.url, REDIS_URL: server.url, REQUESTS: "80", LIMIT: "50" };
    const processes = [runFile(file, { env }), runFile(file, { env })];
    expect(await Promise.all(processes.map(({ exited }) => exited))).toEqual([0, 0]);
    const statuses = processes.flatMap((each) => JSON.parse(each.output().stdout) as number[]);
    expect(statuses.filter((status) => status === 200)).toHaveLength(50);
    expect(statuses.filter((status) => status === 429)).toHaveLength(110);
    expect(upstream.requests).toHaveLength(50);
  }, 60_000);

  it("E3 E5 a reservation is all or none and exact, whichever worker asks", async () => {
    const [one, two] = [await open(), await open()];
    const minute = { kind: "sliding", key: "ü key", window: 60_000 } as const;
    const held = { kind: "lease", key: "ü key", ttl: day } as const;
    const takes = [
      { counter: minute, limit: 30, amount: 1 },
      { counter: held, limit: 20, amount: 1 },
    ];
    const said = await Promise.all(Array.from({ length: 100 }, (_, index) => (index % 2 ? one : two).reserve(takes)));
    expect(said.filter(({ granted }) => granted)).toHaveLength(20);
    expect(await one.used([minute, held])).toEqual([20, 20]);
    await Promise.all([one.close?.(), two.close?.()]);
  });

  it("D8 what one worker gives back another may take, and only who took it can give it back", async () => {
    const [one, two] = [await open(), await open()];
    const take = { counter: { kind: "lease", key: "k", ttl: day }, limit: 1, amount: 1 } as const;
    const said = await one.reserve([take]);
    if (!said.granted) return expect.fail("refused");
    await two.settle(said.id, []);
    expect((await two.reserve([take])).granted).toBe(false);
    await one.settle(said.id, []);
    expect((await two.reserve([take])).granted).toBe(true);
    await Promise.all([one.close?.(), two.close?.()]);
  });

  it("a reservation of many counters is one round trip", async () => {
    const store = await open();
    const takes = Array.from({ length: 6 }, (_, index) => ({
      counter: { kind: "sliding", key: `k${index}`, window: day } as const,
      limit: 10,
      amount: 1,
    }));
    await server.ask("CONFIG", "RESETSTAT");
    for (let count = 0; count < 10; count++) await store.reserve(takes);
    const calls = await server.ask("INFO", "commandstats");
    expect(/cmdstat_evalsha:calls=(\d+)/.exec(calls)?.[1]).toBe("10");
    expect(calls).not.toMatch(/cmdstat_(?:eval|script)\b/);
    await store.close?.();
  });

  it("a script that redis has forgotten is sent again", async () => {
    const store = await open();
    const take = { counter: { kind: "sliding", key: "k", window: day }, limit: 1, amount: 1 } as const;
    await server.ask("SCRIPT", "FLUSH");
    expect((await store.reserve([take])).granted).toBe(true);
    expect((await store.reserve([take])).granted).toBe(false);
    await store.close?.();
  });

  it("leaves nothing in redis that does not end by itself, and all under one hash tag", async () => {
    const store = await open();
    await store.set("value", 1, day);
    await store.reserve([
      { counter: { kind: "sliding", key: "s", window: day }, limit: 1, amount: 1 },
      { counter: { kind: "fixed", key: "f", until: Date.now() + day }, limit: 1, amount: 1 },
      { counter: { kind: "lease", key: "l", ttl: day }, limit: 1, amount: 1 },
    ]);
    const keys = [...(await server.ask("KEYS", "*")).matchAll(/\r\n(\{[^\r]+)/g)].map(([, key = ""]) => key);
    expect(keys).toHaveLength(5);
    for (const key of keys) {
      expect(key).toMatch(/^\{waygate\}:/);
      expect(Number((await server.ask("PTTL", key)).slice(1))).toBeGreaterThan(1000);
    }
    await store.close?.();
  });

  describe("rests", () => {
    const worker = (): Promise<TestProxy> => createTestProxy({ plugins: [plugin(), echo()] });
    const target = { provider: "echo" };
    const until = Date.now() + day;
    const rest = { state: "cooling", until, policy: "test", reason: "429", kind: "rate_limited" } as const;
    const within = async (isTrue: () => boolean): Promise<boolean> => {
      for (const end = Date.now() + 5000; Date.now() < end; await sleep(10)) if (isTrue()) return true;
      return false;
    };

    it("what rests on one worker rests on the others, also on one that starts later, until it is woken", async () => {
      const [one, two] = [await worker(), await worker()];
      one.app.credentials.rest(target, rest);
      expect(await within(() => two.app.credentials.restOf(target) !== undefined)).toBe(true);
      expect(two.app.credentials.restOf(target)).toEqual(rest);
      const three = await worker();
      expect(await within(() => three.app.credentials.restOf(target)?.until === until)).toBe(true);
      three.app.credentials.wake(target);
      expect(await within(() => one.app.credentials.restOf(target) === undefined)).toBe(true);
      expect(await within(() => two.app.credentials.restOf(target) === undefined)).toBe(true);
      // One that rested and one that woke; nobody has told on what was heard.
      expect(await server.ask("XLEN", "{waygate}:rests")).toBe(":2\r\n");
      for (const each of [one, two, three]) await each.close();
    });

    it("one without an end arrives as such, and a longer one replaces a shorter", async () => {
      const [one, two] = [await worker(), await worker()];
      one.app.credentials.rest(target, rest);
      one.app.credentials.rest(target, { ...rest, state: "banned", until: Number.POSITIVE_INFINITY });
      expect(await within(() => two.app.credentials.restOf(target)?.state === "banned")).toBe(true);
      expect(two.app.credentials.restOf(target)?.until).toBe(Number.POSITIVE_INFINITY);
      await one.close();
      await two.close();
    });
  });
});
