/** Budgets over `kill -9`, over a store that has lost everything, and of several workers. */
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type UserDocument, users } from "waygate/plugins/users";
import { answer, createTestProxy, createUpstream } from "waygate/testing";
import { runFile } from "../examples/_spawn.ts";
import { hasRedis, type RedisServer, startRedis } from "../state/_redis.ts";
import { adminKey, folder, people } from "./_people.ts";

const worker = new URL("_worker.ts", import.meta.url);
const usage = { prompt_tokens: 60, completion_tokens: 40, total_tokens: 100 };

describe("kill -9", () => {
  it("keeps what three users have used, but for the last second", { timeout: 30_000 }, async () => {
    const dataDir = folder();
    const bench = await people({ dataDir });
    const made = [];
    for (const period of ["monthly", "0 0 1 1 *", "total"]) {
      made.push(await bench.add({ quotas: [{ unit: "tokens", period, amount: 1e9 }] }));
    }
    await bench.proxy.close();
    await using upstream = await createUpstream();
    upstream.always(answer({ usage }));
    const running = runFile(worker, {
      env: {
        ...{ UPSTREAM_URL: upstream.url, DATA_DIR: dataDir, DATABASE: join(dataDir, "waygate.db") },
        ...{ TOKENS: made.map(({ token }) => token).join(), REQUESTS: "endless" },
      },
    });
    const lines = (): (readonly [user: number, status: number, at: number])[] =>
      running
        .output()
        .stdout.split("\n")
        .slice(0, -1)
        .map((line) => line.split(" ").map(Number) as [number, number, number]);
    await expect.poll(() => lines().length, { timeout: 20_000 }).toBeGreaterThan(30);
    await sleep(1500);
    const at = Date.now();
    running.kill();
    await running.exited;
    const all = lines();
    expect(all.every(([, status]) => status === 200)).toBe(true);

    const file = new DatabaseSync(join(dataDir, "waygate.db"));
    const saved = file.prepare("SELECT owner, used FROM quota_use").all() as { owner: string; used: number }[];
    file.close();
    await using again = await createTestProxy({ plugins: [users()], dataDir, adminKey });
    for (const [index, { id }] of made.entries()) {
      const mine = all.filter(([user]) => user === index);
      const old = mine.filter(([, , time]) => time < at - 1200).length;
      const found = saved.find(({ owner }) => owner === `user:${id}`)!.used;
      expect(found).toBeGreaterThanOrEqual(old * 100);
      expect(found).toBeLessThanOrEqual((mine.length + 1) * 100);
      const shown = await again.fetch(`/api/users/${id}`, { headers: { authorization: `Bearer ${adminKey}` } });
      expect(((await shown.json()) as UserDocument).quotas[0]!.used).toBe(found);
    }
  });

  it("and a snapshot that is lost with it do not open a budget again", async () => {
    const dataDir = folder();
    const bench = await people({ dataDir });
    const { token, id } = await bench.add({ quotas: [{ unit: "requests", period: "total", amount: 3 }] });
    for (let count = 0; count < 2; count++) await bench.as(token);
    await bench.proxy.close();
    const file = new DatabaseSync(join(dataDir, "waygate.db"));
    file.exec("DELETE FROM snapshot");
    file.close();
    await using again = await people({ dataDir });
    expect(await again.used(id)).toEqual([2]);
    expect([(await again.as(token)).status, (await again.as(token)).status]).toEqual([200, 429]);
  });
});

describe.skipIf(!hasRedis)("workers that share a redis", () => {
  let server: RedisServer;
  beforeAll(async () => void (server = await startRedis()));
  afterAll(() => server.stop());

  /** Two processes that send at once; how many of their requests were answered, and what the database says is used. */
  async function race(
    quotas: readonly object[],
    requests: number,
    dataDir: string,
  ): Promise<{ ok: number; used: number[] }> {
    const bench = await people({ dataDir });
    const { token, id } = await bench.add({ quotas });
    await bench.proxy.close();
    await using upstream = await createUpstream();
    upstream.always(answer({ usage }));
    const env = {
      ...{
        UPSTREAM_URL: upstream.url,
        DATA_DIR: dataDir,
        DATABASE: join(dataDir, "waygate.db"),
        REDIS_URL: server.url,
      },
      ...{ TOKENS: token, REQUESTS: String(requests) },
    };
    const both = [runFile(worker, { env }), runFile(worker, { env })];
    expect(await Promise.all(both.map(({ exited }) => exited))).toEqual([0, 0]);
    const statuses = both.flatMap((each) => JSON.parse(each.output().stdout) as number[]);
    expect(new Set(statuses)).toEqual(new Set([200, 429]));
    expect(upstream.requests.length).toBe(statuses.filter((status) => status === 200).length);
    await using after = await people({ dataDir });
    return { ok: upstream.requests.length, used: [...(await after.used(id))] };
  }

  it("E2 admit exactly N of a budget of N requests", { timeout: 30_000 }, async () => {
    const { ok, used } = await race([{ unit: "requests", period: "total", amount: 37 }], 60, folder());
    expect(ok).toBe(37);
    expect(used).toEqual([37]);
  });

  it(
    "E2 overrun a budget of tokens by no more than the requests in flight, streaming or not",
    { timeout: 30_000 },
    async () => {
      const { ok, used } = await race([{ unit: "tokens", period: "total", amount: 5000 }], 60, folder());
      expect(used).toEqual([ok * 100]);
      expect(used[0]).toBeLessThanOrEqual(5000 + 16 * 100);
      expect(used[0]).toBeGreaterThan(4900);
    },
  );

  it("E2 hold what was used before redis lost everything", { timeout: 30_000 }, async () => {
    const dataDir = folder();
    const first = await race([{ unit: "requests", period: "total", amount: 10 }], 20, dataDir);
    expect(first.ok).toBe(10);
    await server.ask("FLUSHALL");
    const file = new DatabaseSync(join(dataDir, "waygate.db"));
    file.exec("UPDATE quotas SET amount = 13");
    file.close();
    const bench = await people({ dataDir });
    const { body } = await bench.api<{ users: { id: string }[] }>("GET /api/users");
    const { body: rotated } = await bench.api<{ token: string }>(`POST /api/users/${body.users[0]!.id}/rotate`);
    await bench.proxy.close();
    await using upstream = await createUpstream();
    upstream.always(answer({ usage }));
    const env = {
      ...{
        UPSTREAM_URL: upstream.url,
        DATA_DIR: dataDir,
        DATABASE: join(dataDir, "waygate.db"),
        REDIS_URL: server.url,
      },
      ...{ TOKENS: rotated.token, REQUESTS: "20" },
    };
    const both = [runFile(worker, { env }), runFile(worker, { env })];
    await Promise.all(both.map(({ exited }) => exited));
    expect(upstream.requests.length).toBe(3);
  });
});
