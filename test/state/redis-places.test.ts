/** Places in flight that two processes share over one Redis: the real command, real sockets, `kill -9`. */
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { folderWith, type Server, startServer } from "../cli/spawn.ts";
import { hasRedis, type RedisServer, startRedis } from "./_redis.ts";

const said = JSON.stringify({
  id: "1",
  object: "chat.completion",
  created: 1,
  model: "m",
  choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }],
});

interface Upstream {
  readonly url: string;
  /** Calls that were begun and not answered, and the most there ever were. */
  open: number;
  most: number;
  /** When each call came, epoch milliseconds. */
  readonly began: number[];
  /** Milliseconds until an answer, by turn. */
  takes: (turn: number) => number;
}

async function createUpstream(): Promise<Upstream> {
  const server = createServer((request, response: ServerResponse) => {
    request.resume().on("end", () => {
      upstream.began.push(Date.now());
      upstream.most = Math.max(upstream.most, ++upstream.open);
      let isOver = false;
      // Before the answer goes out: whoever has it may send the next.
      const over = (): void => {
        if (!isOver) upstream.open--;
        isOver = true;
      };
      response.once("close", over);
      setTimeout(() => {
        over();
        response.writeHead(200, { "content-type": "application/json" }).end(said);
      }, upstream.takes(upstream.began.length));
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const upstream: Upstream = {
    url: `http://127.0.0.1:${port}/v1`,
    open: 0,
    most: 0,
    began: [],
    takes: () => 20,
  };
  return upstream;
}

const ask = async ({ url }: Server): Promise<number> => {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "up/m", messages: [{ role: "user", content: "hi" }] }),
  });
  await response.text();
  return response.status;
};

describe.skipIf(!hasRedis)("two processes that share places over a redis", () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());
  beforeEach(async () => {
    await redis.ask("FLUSHALL");
  });

  const start = (upstream: Upstream, places: number, shared: string): Promise<[Server, Server]> => {
    const one = (): Promise<Server> => {
      const config = `
import { concurrency } from "waygate/plugins/concurrency";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { redis } from "waygate/plugins/redis";
export default {
  plugins: [
    openaiCompatible({ name: "up", baseURL: "${upstream.url}", keys: ["shared-key"], models: ["m"], discover: false }),
    concurrency({ perCredential: ${places}, shared: ${shared} }),
    redis({ url: "${redis.url}", wait: 10_000 }),
  ],
  retry: { queueWait: 30_000 },
  log: { requests: false },
};`;
      return startServer(["--port", "0"], { cwd: folderWith({ "proxy.config.mjs": config }) });
    };
    return Promise.all([one(), one()]);
  };

  it("D8 E2 never have more than N in flight together under load, and lose no place", { timeout: 60_000 }, async () => {
    const upstream = await createUpstream();
    const servers = await start(upstream, 3, "true");
    upstream.takes = (turn) => 5 + ((turn * 7) % 40);
    const statuses = await Promise.all(Array.from({ length: 80 }, (_, index) => ask(servers[index % 2]!)));
    expect(statuses.filter((status) => status === 200)).toHaveLength(80);
    expect(upstream.began).toHaveLength(80);
    expect(upstream.most).toBe(3);
    // All places have come back: three at once are had again, by one process alone.
    upstream.most = 0;
    upstream.takes = () => 300;
    await Promise.all([1, 2, 3].map(() => ask(servers[0])));
    expect(upstream.most).toBe(3);
  });

  it(
    "C3 E1 a request keeps its place beyond the time to live, and others wait for it",
    { timeout: 60_000 },
    async () => {
      const upstream = await createUpstream();
      const [first, second] = await start(upstream, 1, "{ ttl: 1200 }");
      upstream.takes = (turn) => (turn === 1 ? 2800 : 5);
      const long = ask(first);
      await expect.poll(() => upstream.open, { timeout: 5000 }).toBe(1);
      const waiting = ask(second);
      expect(await long).toBe(200);
      expect(await waiting).toBe(200);
      expect(upstream.most).toBe(1);
      expect(upstream.began[1]! - upstream.began[0]!).toBeGreaterThanOrEqual(2700);
    },
  );

  it(
    "E1 places of a killed process are free when their time is over, and not before",
    { timeout: 60_000 },
    async () => {
      const upstream = await createUpstream();
      const [first, second] = await start(upstream, 2, "{ ttl: 2000 }");
      upstream.takes = (turn) => (turn <= 2 ? 60_000 : 5);
      const lost = [1, 2].map(() => ask(first).catch(() => "cut"));
      await expect.poll(() => upstream.open, { timeout: 5000 }).toBe(2);
      // Long enough that they have been renewed once at least.
      await sleep(2200);
      const killed = Date.now();
      await first.stop("SIGKILL");
      expect(await Promise.all(lost)).toEqual(["cut", "cut"]);
      expect(await Promise.all([ask(second), ask(second)])).toEqual([200, 200]);
      // Renewed a quarter of the time before, at the latest.
      const waited = upstream.began[2]! - killed;
      expect(waited).toBeGreaterThan(2000 * 0.75 - 300);
      expect(waited).toBeLessThan(2000 + 3000);
    },
  );
});
