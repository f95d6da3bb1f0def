import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Counter, type StateStore, systemClock } from "waygate";
import { echo } from "waygate/plugins/echo";
import { limits } from "waygate/plugins/limits";
import { redis } from "waygate/plugins/redis";
import { createTestProxy } from "waygate/testing";
import { hasRedis, type RedisServer, startRedis } from "./_redis.ts";

const day = 86_400_000;
const sliding = (key: string): Counter => ({ kind: "sliding", key, window: day });
const lease = (key: string): Counter => ({ kind: "lease", key, ttl: day });

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 10_000;
  while (!(await isTrue())) {
    if (Date.now() > end) throw new Error(`it does not come true: ${String(isTrue)} `);
    await sleep(10);
  }
}

describe.skipIf(!hasRedis)("redis that goes away", () => {
  let server: RedisServer;
  const lines: string[] = [];
  const log = { warn: (line: string) => void lines.push(line), info: (line: string) => void lines.push(line) };
  const open = async (wait: number = 1000): Promise<StateStore> =>
    redis({ url: server.url, wait }).state!.open({ clock: systemClock(), log });
  const isOk = (store: StateStore): boolean => store.health?.().ok === true;
  const take = (store: StateStore, counter: Counter, limit: number, amount: number = 1) =>
    store.reserve([{ counter, limit, amount }]);

  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    lines.length = 0;
    await server.ask("FLUSHALL");
  });

  it("the process goes on alone with what it has taken before, says so once, and tells all when redis is back empty", async () => {
    const store = await open();
    const held: string[] = [];
    for (let count = 0; count < 3; count++) {
      const said = await store.reserve([
        { counter: sliding("k"), limit: 5, amount: 1 },
        { counter: lease("k"), limit: 5, amount: 1 },
      ]);
      if (said.granted) held.push(said.id);
    }
    await server.kill();
    await until(() => !isOk(store));
    expect(store.health?.().reason).toMatch(/is away .*limits are kept per process/);
    const said = await Promise.all(Array.from({ length: 20 }, () => take(store, sliding("k"), 5)));
    expect(said.filter(({ granted }) => granted)).toHaveLength(2);
    await store.settle(held[0]!, [0]);
    expect(await store.used([sliding("k"), lease("k")])).toEqual([4, 2]);

    await server.start();
    await until(() => isOk(store));
    const other = await open();
    expect(await other.used([sliding("k"), lease("k")])).toEqual([4, 2]);
    for (const id of held) await store.settle(id, []);
    expect(await other.used([sliding("k"), lease("k")])).toEqual([4, 0]);
    expect(lines.filter((line) => line.includes("is away"))).toHaveLength(1);
    expect(lines.filter((line) => line.includes("is back after"))).toHaveLength(1);
    await Promise.all([store.close?.(), other.close?.()]);
  });

  it("redis that stands still costs a request the bounded wait, later ones nothing, and is told what was taken meanwhile", async () => {
    const store = await open(100);
    await take(store, sliding("k"), 10);
    server.freeze();
    const began = performance.now();
    expect((await take(store, sliding("k"), 10)).granted).toBe(true);
    expect(performance.now() - began).toBeLessThan(1500);
    // No promise: nothing is asked and nothing is queued.
    for (let count = 0; count < 5000; count++) expect(take(store, sliding("many"), 100)).not.toBeInstanceOf(Promise);
    server.thaw();
    await until(() => isOk(store));
    const other = await open();
    // The first one taken while it stood still was done there too, late, and has been given back.
    await until(async () => JSON.stringify(await other.used([sliding("k"), sliding("many")])) === "[2,100]");
    await Promise.all([store.close?.(), other.close?.()]);
  });

  it("corrections, values and ends of leases that fall into an outage arrive afterwards", async () => {
    const store = await open();
    const before = await store.reserve([
      { counter: sliding("k"), limit: 100, amount: 10 },
      { counter: lease("k"), limit: 9, amount: 1 },
    ]);
    await store.set("kept", "old", day);
    await store.set("gone", 1, day);
    server.freeze();
    await take(store, sliding("other"), 1);
    await until(() => !isOk(store));
    if (before.granted) await store.settle(before.id, [4]);
    const during = await store.reserve([
      { counter: sliding("k"), limit: 100, amount: 20 },
      { counter: lease("k"), limit: 9, amount: 1 },
    ]);
    await store.set("kept", "new", day);
    await store.delete("gone");
    expect(await store.get("kept")).toBe("new");
    server.thaw();
    await until(() => isOk(store));
    const other = await open();
    await until(async () => JSON.stringify(await other.used([sliding("k"), lease("k")])) === "[24,1]");
    if (during.granted) await store.settle(during.id, [5]);
    expect(await other.used([sliding("k"), lease("k")])).toEqual([9, 0]);
    await until(async () => (await other.get("kept")) === "new" && (await other.get("gone")) === undefined);
    await Promise.all([store.close?.(), other.close?.()]);
  });

  it("killed and started again under load, no error reaches a client, limits hold and /health says how it is", async () => {
    await using proxy = await createTestProxy({
      plugins: [redis({ url: server.url, wait: 100 }), echo(), limits({ rules: [{ provider: "echo", rpm: 300 }] })],
      retry: { queueWait: 0 },
    });
    const health = async (): Promise<unknown> =>
      ((await (await proxy.fetch("/health")).json()) as { state: unknown }).state;
    expect(await health()).toEqual({ state: "ok" });
    const statuses: number[] = [];
    let isLoad = true;
    const client = async (): Promise<void> => {
      while (isLoad) {
        const response = await proxy.chat({ model: "echo/echo" });
        await response.text();
        statuses.push(response.status);
        await sleep(5);
      }
    };
    const clients = Array.from({ length: 4 }, client);
    await until(() => statuses.length > 50);
    await server.kill();
    await until(async () => JSON.stringify(await health()) === '{"state":"away","limits":"per process"}');
    const during = statuses.length;
    await until(() => statuses.length > during + 100);
    await server.start();
    await until(async () => JSON.stringify(await health()) === '{"state":"ok"}');
    await until(() => statuses.filter((status) => status === 429).length > 20);
    isLoad = false;
    await Promise.all(clients);
    expect([...new Set(statuses)].sort()).toEqual([200, 429]);
    expect(statuses.filter((status) => status === 200)).toHaveLength(300);
    expect(proxy.logged.filter((line) => line.includes("is away"))).toHaveLength(1);
    expect(proxy.logged.filter((line) => line.includes("is back after"))).toHaveLength(1);
  }, 30_000);

  it("a start without redis goes on alone and is joined later", async () => {
    await server.kill();
    const store = await open();
    expect(isOk(store)).toBe(false);
    expect((await take(store, sliding("k"), 1)).granted).toBe(true);
    expect((await take(store, sliding("k"), 1)).granted).toBe(false);
    await server.start();
    await until(() => isOk(store));
    expect((await take(store, sliding("k"), 1)).granted).toBe(false);
    expect(await server.ask("EXISTS", `{waygate}:s${day}:k`)).toBe(":1\r\n");
    await store.close?.();
  });
});

describe.skipIf(!hasRedis)("redis that does not let us in", () => {
  it("is an error of the start that shows no password", async () => {
    const server = await startRedis(["--requirepass", "right-secret"]);
    const url = `redis://:wrong%2Dsecret@127.0.0.1:${server.port}`;
    const error = await createTestProxy({ plugins: [redis({ url })] }).catch((reason: unknown) => reason as Error);
    expect(String((error as Error).message)).toMatch(/does not let us in/);
    expect(JSON.stringify(error) + String((error as Error).message)).not.toMatch(/wrong.{0,3}secret/);
    const store = await redis({ url: `redis://:right-secret@127.0.0.1:${server.port}` }).state!.open({
      clock: systemClock(),
      log: { warn: () => undefined, info: () => undefined },
    });
    expect(store.health?.()).toEqual({ ok: true });
    await store.close?.();
    await server.stop();
  });
});
