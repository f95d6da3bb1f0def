import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { definePlugin, type Plugin } from "waygate";
import { echo } from "waygate/plugins/echo";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { proxyKey } from "waygate/plugins/proxy-key";
import { usage, type UsageOptions, type UsageReport } from "waygate/plugins/usage";
import { createTestProxy, type TestProxy, type TestProxyOptions } from "waygate/testing";
import { folder, query } from "../database/_folder.ts";

const keys = proxyKey({
  keys: [
    { key: "k-mia", label: "mia" },
    { key: "k-uli", label: "uli" },
    { key: "k-adm", label: "adm", admin: true },
  ],
});
const as = (key: string, headers: Record<string, string> = {}): RequestInit => ({
  headers: { "content-type": "application/json", authorization: `Bearer ${key}`, ...headers },
});

async function start(
  path: string,
  options: UsageOptions = {},
  more: { readonly plugins?: readonly Plugin[] } & Partial<Omit<TestProxyOptions, "plugins">> = {},
): Promise<TestProxy> {
  const { plugins = [], ...rest } = more;
  return createTestProxy({
    plugins: [keys, ...plugins, echo(), usage({ prices: { "echo/*": { input: 2, output: 10 } }, ...options })],
    database: { path },
    dataDir: dirname(path).startsWith("/dev") ? folder() : dirname(path),
    adminKey: "adm-secret",
    ...rest,
  });
}

const json = async <T>(response: Promise<Response>): Promise<T> => (await (await response).json()) as T;
const ask = async (proxy: TestProxy, key: string, headers: Record<string, string> = {}): Promise<void> => {
  const answer = await proxy.chat({ model: "echo/echo" }, as(key, headers));
  expect(answer.status).toBe(200);
  await answer.text();
};

describe("usage()", () => {
  it("keeps one row per request with its tokens, cost, attempts and tags, and no content", async () => {
    const path = join(folder(), "waygate.db");
    const proxy = await start(path);
    await ask(proxy, "k-mia", { "x-waygate-tags": "nightly, team-a, nightly", "x-request-id": "mine-1" });
    await proxy.close();
    const [row] = query(path, "SELECT * FROM usage");
    expect(row).toMatchObject({
      request_id: "mine-1",
      protocol: "openai-chat",
      operation: "generate",
      asked: "echo/echo",
      provider: "echo",
      model: "echo",
      status: 200,
      ended: "complete",
      stream: 0,
      fell_back: 0,
      tags: '["nightly","team-a"]',
    });
    const { input, output, cost } = row as { input: number; output: number; cost: number };
    expect(input).toBeGreaterThan(0);
    expect(cost).toBeCloseTo((input * 2 + output * 10) / 1_000_000, 12);
    const again = await start(path);
    const exported = await (await again.fetch("/api/usage/rows", as("adm-secret"))).text();
    await again.close();
    expect((JSON.parse(exported) as { attempts: unknown }).attempts).toEqual([
      {
        provider: "echo",
        model: "echo",
        credential: expect.stringContaining("echo"),
        status: 200,
        ms: expect.any(Number),
      },
    ]);
  });

  it("sums by hour in the same transaction, and the sums are those of the rows", async () => {
    const path = join(folder(), "waygate.db");
    const proxy = await start(path);
    for (let count = 0; count < 20; count++) await ask(proxy, count % 4 === 0 ? "k-mia" : "k-uli");
    await proxy.close();
    const sums = (table: string, count: string): string =>
      `SELECT user_id, ${count} AS requests, sum(input) AS input, sum(output) AS output FROM ${table} GROUP BY user_id ORDER BY 1`;
    const rows = query(path, sums("usage", "count(*)"));
    expect(rows.map(({ requests }) => Number(requests)).toSorted((a, b) => a - b)).toEqual([5, 15]);
    expect(query(path, sums("usage_users", "sum(requests)"))).toEqual(rows);
    expect(query(path, "SELECT sum(requests) AS n FROM usage_latency")).toEqual([{ n: 20 }]);
  });

  it("keeps nothing of callers who were not let in", async () => {
    const path = join(folder(), "waygate.db");
    const proxy = await start(path);
    expect((await proxy.chat({ model: "echo/echo" }, as("wrong"))).status).toBe(401);
    await proxy.close();
    expect(query(path, "SELECT count(*) AS n FROM usage")).toEqual([{ n: 0 }]);
  });

  it("D9 leaves out the cost of a model without a price, counts that, and says it once", async () => {
    const path = join(folder(), "waygate.db");
    const proxy = await start(path, { prices: {} });
    await ask(proxy, "k-adm");
    await ask(proxy, "k-adm");
    const report = await json<UsageReport>(proxy.fetch("/v1/usage", as("k-adm")));
    expect(report.totals).toMatchObject({ requests: 2, cost: 0, unpriced: 2 });
    expect(proxy.logged.filter((line) => line.includes("No price is known for echo/echo"))).toHaveLength(1);
    await proxy.close();
    expect(query(path, "SELECT cost FROM usage")).toEqual([{ cost: null }, { cost: null }]);
  });

  it("D7 does not bill a failed attempt, and keeps the price and the name of who answered", async () => {
    const path = join(folder(), "waygate.db");
    const refused = openaiCompatible({ name: "lab", baseURL: "http://127.0.0.1:1/v1", keys: ["x"], models: ["m"] });
    const proxy = await start(
      path,
      { prices: { "lab/*": { input: 1e6, output: 1e6 }, "echo/*": { input: 1, output: 1 } } },
      { plugins: [refused], models: { smart: ["lab/m", "echo/echo"] } },
    );
    const answer = await proxy.chat({ model: "smart" }, as("k-mia"));
    expect(answer.status).toBe(200);
    await answer.text();
    await proxy.close();
    const [row] = query(path, "SELECT asked, provider, fell_back, cost, attempts FROM usage");
    expect(row).toMatchObject({ asked: "smart", provider: "echo", fell_back: 1 });
    expect(Number(row!["cost"])).toBeLessThan(0.01);
    expect(JSON.parse(String(row!["attempts"]))).toMatchObject([
      { provider: "lab", error: "network" },
      { status: 200 },
    ]);
  });

  it("E7 never fails a request for a database that is away, and says that it is", async () => {
    const proxy = await start("/dev/null/waygate.db", {}, { faults: /./ });
    await ask(proxy, "k-mia");
    expect(await json(proxy.fetch("/health"))).toMatchObject({ database: { state: expect.any(String) as string } });
    expect((await proxy.fetch("/v1/usage", as("k-adm"))).status).toBe(500);
    await proxy.close();
  });

  it("does without addresses where it is told to, and else keeps none that could be read", async () => {
    const [without, withThem] = [join(folder(), "waygate.db"), join(folder(), "waygate.db")];
    for (const [path, addresses] of [
      [without, false],
      [withThem, true],
    ] as const) {
      const proxy = await start(path, { addresses }, { listen: true });
      await ask(proxy, "k-mia");
      await ask(proxy, "k-mia");
      await proxy.close();
    }
    expect(query(without, "SELECT DISTINCT ip FROM usage")).toEqual([{ ip: null }]);
    const kept = query(withThem, "SELECT DISTINCT ip FROM usage");
    expect(kept).toHaveLength(1);
    expect(kept[0]!["ip"]).toMatch(/^[\w-]{22}$/);
  });
});

describe("GET /v1/usage", () => {
  it("shows everybody their own, and administrators all of it by user, model or day", async () => {
    await using proxy = await start(join(folder(), "waygate.db"));
    await ask(proxy, "k-mia");
    await ask(proxy, "k-uli");
    await ask(proxy, "k-uli");
    const own = await json<UsageReport>(proxy.fetch("/v1/usage?by=model", as("k-uli")));
    expect(own.totals.requests).toBe(2);
    expect(own.data).toMatchObject([{ name: "echo/echo", requests: 2 }]);
    const all = await json<UsageReport>(proxy.fetch("/v1/usage?by=user", as("k-adm")));
    expect(all.data.map(({ requests }) => requests)).toEqual([2, 1]);
    const days = await json<UsageReport>(proxy.fetch("/api/usage?by=day&last=2d", as("adm-secret")));
    expect(days.totals).toMatchObject({ requests: 3, failed: 0, unpriced: 0 });
    expect(days.data[0]!.first_byte_ms!.p50).toBeGreaterThan(0);
    expect(days.data[0]!.name).toMatch(/^\d{4}-\d\d-\d\d$/);
  });

  it("does not show anybody the usage of others", async () => {
    await using proxy = await start(join(folder(), "waygate.db"));
    expect((await proxy.fetch("/v1/usage?user=uli", as("k-mia"))).status).toBe(403);
    expect((await proxy.fetch("/api/usage", as("k-mia"))).status).toBe(403);
    expect((await proxy.fetch("/v1/usage")).status).toBe(401);
  });

  it.each([
    ["last=yesterday", "last"],
    ["by=colour", "by"],
    ["by=key&user=mia", "by"],
    ["by=group&provider=lab", "by"],
    ["from=2026-01-02&to=2026-01-01", "from"],
    ["from=soon", "from"],
    ["zone=Mars/Base", "zone"],
    ["by=user%27%3B%20DROP%20TABLE%20usage%3B--", "by"],
  ])("refuses ?%s by name", async (text, name) => {
    await using proxy = await start(join(folder(), "waygate.db"));
    const answer = await proxy.fetch(`/v1/usage?${text}`, as("k-adm"));
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain(`\\"${name}\\" must be`);
  });

  it("gives the ledger as CSV that no spreadsheet takes for a formula, and as JSON lines", async () => {
    await using proxy = await start(join(folder(), "waygate.db"));
    const name = '=cmd|"/c calc",x';
    const refused = await proxy.chat({ model: name }, as("k-mia"));
    expect(refused.status).toBe(404);
    const csv = await (await proxy.fetch("/api/usage/rows?format=csv", as("adm-secret"))).text();
    const [head, line] = csv.split("\r\n");
    expect(head).toMatch(/^id,request_id,at,/);
    expect(line).toContain(`"'=cmd|""/c calc"",x"`);
    const rows = await (await proxy.fetch("/api/usage/rows", as("adm-secret"))).text();
    expect(JSON.parse(rows.trim())).toMatchObject({ asked: name, status: 404, ended: "refused", attempts: [] });
  });
});

describe("/v1/quota-stats", () => {
  it("has every key with its state and totals, without the key", async () => {
    const secret = "sk-secret-secret-secret-1234";
    const dead = definePlugin(
      openaiCompatible({ name: "lab", baseURL: "http://127.0.0.1:1/v1", keys: [secret], models: ["m"] }),
    );
    await using proxy = await start(join(folder(), "waygate.db"), {}, { plugins: [dead] });
    await ask(proxy, "k-mia");
    await (await proxy.chat({ model: "lab/m" }, as("k-mia"))).text();
    const stats = await json<{ providers: Record<string, object>; summary: object }>(
      proxy.fetch("/v1/quota-stats", as("k-mia")),
    );
    expect(stats.providers["echo"]).toMatchObject({ credential_count: 1, active_count: 1, total_requests: 1 });
    expect(stats.summary).toMatchObject({ total_requests: 2, total_providers: 2 });
    expect(JSON.stringify(stats)).not.toContain(secret);
  });

  it("asks the keys again for administrators only", async () => {
    await using proxy = await start(join(folder(), "waygate.db"));
    await ask(proxy, "k-mia");
    const refresh = (key: string, body: object): Promise<Response> =>
      proxy.fetch("/v1/quota-stats", { ...as(key), method: "POST", body: JSON.stringify(body) });
    expect((await refresh("k-mia", { action: "reload" })).status).toBe(403);
    expect(await json(refresh("adm-secret", { action: "reload", scope: "all" }))).toMatchObject({
      refresh_result: { action: "reload", success: true },
    });
    expect((await refresh("adm-secret", { action: "explode" })).status).toBe(400);
  });
});
