import { readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished, test } from "vitest";
import { query } from "../database/_folder.ts";
import { folderWith, run, type Server, startServer } from "./spawn.ts";

const keys = Array.from({ length: 8 }, (_, index) => `key-${index}`);

const configFor = (port: number): string => `
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { resilience } from "waygate/plugins/resilience";
export default {
  plugins: [
    openaiCompatible({ name: "up", baseURL: "http://127.0.0.1:${port}/v1", keys: ${JSON.stringify(keys)}, models: ["m"] }),
    resilience(),
  ],
  log: { requests: false },
};`;

interface Upstream {
  readonly port: number;
  /** Keys that have no credit any more. */
  readonly empty: Set<string>;
  /** Answers that were given. */
  served: number;
  /** Requests are not answered. */
  isHolding: boolean;
  held: number;
}

async function createUpstream(): Promise<Upstream> {
  const server = createServer((req, res) => {
    req.resume().on("end", () => {
      const key = req.headers.authorization?.replace("Bearer ", "") ?? "";
      if (upstream.isHolding) return void upstream.held++;
      res.setHeader("content-type", "application/json");
      if (upstream.empty.has(key)) return void res.writeHead(402).end('{"error":{"message":"no credit"}}');
      upstream.served++;
      res.end(
        '{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}',
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const upstream: Upstream = { port, empty: new Set(), served: 0, isHolding: false, held: 0 };
  return upstream;
}

const ask = ({ url }: Server): Promise<Response> =>
  fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "up/m", messages: [{ role: "user", content: "hi" }] }),
  });

async function states({ url }: Server): Promise<Record<string, number>> {
  return ((await (await fetch(`${url}/health`)).json()) as { keys: Record<string, number> }).keys;
}

const usesOf = (path: string): number =>
  query(path, "SELECT value FROM snapshot WHERE section = 'rotate'")
    .map(({ value }) => (JSON.parse(String(value)) as [number])[0])
    .reduce((sum, uses) => sum + uses, 0);

test(
  "H5 kill -9 under load loses nothing that was committed of what rests and is counted, and never damages the file",
  { timeout: 30_000 },
  async () => {
    const upstream = await createUpstream();
    const cwd = folderWith({ "proxy.config.mjs": configFor(upstream.port) });
    const path = join(cwd, ".waygate", "waygate.db");
    let counted = 0;
    for (let round = 1; round <= 3; round++) {
      const server = await startServer(["--port", "0"], { cwd });
      expect(await states(server)).toEqual(round === 1 ? { active: 8 } : { active: 9 - round, "no-credit": round - 1 });
      upstream.empty.add(keys[round - 1]!);
      let isRunning = true;
      const client = async (): Promise<void> => {
        while (isRunning)
          await ask(server).then(
            (response) => response.text(),
            () => (isRunning = false),
          );
      };
      const clients = Array.from({ length: 8 }, client);
      await expect.poll(async () => (await states(server))["no-credit"], { timeout: 3000 }).toBe(round);
      const before = upstream.served;
      // A second from each change to its commit; machines that run tests may be slower.
      await expect.poll(() => usesOf(path), { timeout: 5000, interval: 100 }).toBeGreaterThanOrEqual(before);
      await server.stop("SIGKILL");
      await Promise.all(clients);
      expect(readdirSync(join(cwd, ".waygate")).filter((name) => name.includes("corrupt"))).toEqual([]);
      expect(query(path, "PRAGMA integrity_check")).toEqual([{ integrity_check: "ok" }]);
      const uses = usesOf(path);
      expect(uses).toBeGreaterThanOrEqual(before);
      expect(uses).toBeGreaterThan(counted);
      counted = uses;
    }
  },
);

test(
  "H5 a signal lets nothing be forgotten, a second one ends at once, and damage is set aside with a warning",
  { timeout: 30_000 },
  async () => {
    const upstream = await createUpstream();
    const cwd = folderWith({ "proxy.config.mjs": configFor(upstream.port) });
    const path = join(cwd, ".waygate", "waygate.db");
    upstream.empty.add(keys[0]!);
    const first = await startServer(["--port", "0"], { cwd });
    while ((await states(first))["no-credit"] === undefined) expect((await ask(first)).status).toBe(200);
    expect(await first.stop("SIGTERM")).toBe(0);

    const second = await startServer(["--port", "0"], { cwd });
    expect(await states(second)).toEqual({ active: 7, "no-credit": 1 });
    upstream.isHolding = true;
    const pending = ask(second).catch((error: unknown) => error);
    await expect.poll(() => upstream.held).toBe(1);
    const ended = second.stop("SIGINT");
    await second.saw(/SIGINT: no new requests; those under way have 10 s/);
    expect((await ask(second)).status).toBe(503);
    const began = performance.now();
    expect(await second.stop("SIGTERM")).toBe(1);
    expect(performance.now() - began).toBeLessThan(2000);
    await ended;
    expect(await pending).toBeInstanceOf(TypeError);

    writeFileSync(path, "garbage".repeat(2000));
    const third = await startServer(["--port", "0"], { cwd });
    await third.saw(
      /! The database was damaged, and a new one has been made +database_set_aside\n {2}at +.*waygate\.db/,
    );
    expect(await states(third)).toEqual({ active: 8 });
    expect(await third.stop("SIGTERM")).toBe(0);
    expect(readdirSync(join(cwd, ".waygate")).filter((name) => name.startsWith("waygate.db.corrupt-"))).toHaveLength(1);

    const connection = new DatabaseSync(path);
    connection.exec("PRAGMA user_version = 99; UPDATE meta SET value = '9.9.9' WHERE name = 'writer'");
    connection.close();
    const fourth = await run(["start", "--port", "0"], { cwd });
    expect(fourth.code).toBe(1);
    expect(fourth.stderr).toMatch(/✘ The database was written by a later version of waygate +schema_newer\n/);
    expect(fourth.stderr).toContain("waygate.db");
    expect(fourth.stderr).toContain("Use waygate 9.9.9");
  },
);
