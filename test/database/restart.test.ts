import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createProxy, definePlugin, type PluginInput } from "waygate";
import { cooldown } from "waygate/plugins/cooldown";
import { echo } from "waygate/plugins/echo";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { rotate } from "waygate/plugins/rotate";
import {
  answer,
  chunk,
  createTestProxy,
  createUpstream,
  gate,
  status,
  stream,
  type TestProxy,
  type VirtualClock,
  virtualClock,
} from "waygate/testing";
import { internalsOf } from "../../src/proxy.ts";
import { folder, query } from "./_folder.ts";

const start = Date.UTC(2026, 0, 1, 12);

interface Started extends TestProxy {
  readonly clock: VirtualClock;
}

interface Lab {
  /** A proxy over the same file and upstream, as if it had been started then; `now` in milliseconds after noon. */
  proxy(
    now: number,
    more?: { readonly keys?: readonly string[]; readonly plugins?: readonly PluginInput[] },
  ): Promise<Started>;
  readonly upstream: Awaited<ReturnType<typeof createUpstream>>;
  readonly path: string;
}

async function lab(): Promise<Lab> {
  const upstream = await createUpstream();
  const path = join(folder(), "waygate.db");
  return {
    upstream,
    path,
    async proxy(now, { keys = ["one", "two"], plugins = [cooldown()] } = {}) {
      const clock = virtualClock({ start: start + now });
      const proxy = await createTestProxy({
        plugins: [openaiCompatible({ name: "lab", baseURL: upstream.url, keys, models: ["m"] }), ...plugins],
        database: { path },
        runtime: { clock },
      });
      return Object.assign(proxy, { clock });
    },
  };
}

const asked = ({ upstream }: Lab): (string | undefined)[] => upstream.requests.map(({ key }) => key);

describe("a restart", () => {
  it("A2 keeps cooldowns that still hold, and does not bring back those that are over (report 58)", async () => {
    const home = await lab();
    await using upstream = home.upstream;
    upstream.when({ key: "one" }, status(429, {}, { "retry-after": "3600" }));
    upstream.when({ key: "two" }, answer());
    const first = await home.proxy(0);
    expect((await first.chat({ model: "lab/m" })).status).toBe(200);
    const resting = first.app.credentials.rests();
    await first.close();

    const second = await home.proxy(1800_000);
    expect(second.app.credentials.rests()).toEqual(resting);
    expect((await second.chat({ model: "lab/m" })).status).toBe(200);
    await second.close();
    expect(asked(home)).toEqual(["one", "two", "two"]);

    const third = await home.proxy(3600_000);
    expect(third.app.credentials.rests()).toEqual([]);
    await third.chat({ model: "lab/m" });
    await third.close();
    expect(asked(home).slice(3)).toEqual(["one", "two"]);
  });

  it("H5 writes at the close what has waited to be written", async () => {
    const home = await lab();
    await using upstream = home.upstream;
    upstream.when({ key: "one" }, status(429, {}, { "retry-after": "3600" }));
    const hold = gate();
    upstream.when({ key: "two" }, stream([chunk({ content: "a" }), hold, chunk({}, { finish: "stop" })]));
    const proxy = await home.proxy(0, { plugins: [cooldown(), rotate({ mode: "sequential" })] });
    const response = await proxy.chat({ model: "lab/m", stream: true });
    const kept = (): number => Number(query(home.path, "SELECT count(*) AS n FROM snapshot")[0]?.["n"]);
    // No time has passed, so nothing has been written yet.
    expect(kept()).toBe(0);
    const closing = proxy.close();
    hold.open();
    await Promise.all([closing, response.text().catch(() => "")]);
    const sections = query(home.path, "SELECT DISTINCT section FROM snapshot ORDER BY section");
    expect(sections.map(({ section }) => section)).toEqual(["rests", "rotate"]);
  });

  it("A1 a clock that was wrong when it was saved makes no rest longer", async () => {
    const home = await lab();
    await using upstream = home.upstream;
    upstream.always(status(429, {}, { "retry-after": "3600" }));
    const years = 10 * 365 * 86_400_000;
    const first = await home.proxy(years, { keys: ["one"] });
    await first.chat({ model: "lab/m" });
    await first.close();
    const second = await home.proxy(0, { keys: ["one"] });
    expect(second.app.credentials.rests().map(({ rest }) => rest.until)).toEqual([start + 3_600_000]);
    await second.close();
  });

  it("A14 a rest that is to be tried out is half-open after a restart, not over", async () => {
    const home = await lab();
    await using _ = home.upstream;
    const first = await home.proxy(0);
    const until = start + 60_000;
    const rest = { state: "cooling", until, policy: "test", reason: "test", kind: "failing", probe: true } as const;
    first.app.credentials.rest({ provider: "lab" }, rest);
    await first.close();
    const second = await home.proxy(61_000);
    expect(second.app.credentials.restOf({ provider: "lab" })?.state).toBe("half-open");
    await second.close();
    const late = await home.proxy(2 * 3_600_000);
    expect(late.app.credentials.restOf({ provider: "lab" })).toBeUndefined();
    await late.close();
  });

  it("A8 keeps keys that wait for a human, and those of keys that are gone for a month (report 58)", async () => {
    const home = await lab();
    await using upstream = home.upstream;
    upstream.when({ key: "one" }, status(402, { error: { message: "no credit" } }));
    upstream.when({ key: "two" }, answer());
    const day = 86_400_000;
    const states = async (now: number, keys?: readonly string[]): Promise<string[]> => {
      const proxy = await home.proxy(now, { keys });
      const found = proxy.app.credentials.rests().map(({ rest }) => `${rest.state} ${rest.until}`);
      await proxy.close();
      return found;
    };
    const first = await home.proxy(0);
    await first.chat({ model: "lab/m" });
    await first.close();
    expect(await states(100 * day)).toEqual(["no-credit Infinity"]);
    // The key is taken out of the config: its state is kept for as long as it may be back.
    expect(await states(200 * day, ["two"])).toEqual(["no-credit Infinity"]);
    expect(await states(229 * day, ["two"])).toEqual(["no-credit Infinity"]);
    expect(await states(229 * day)).toEqual(["no-credit Infinity"]);
    expect(await states(300 * day, ["two"])).toEqual(["no-credit Infinity"]);
    expect(await states(331 * day, ["two"])).toEqual([]);
    expect(await states(331 * day)).toEqual([]);
  });

  it("A11 goes on with the ladder where it was, and begins anew on the next day (report 58)", async () => {
    const home = await lab();
    await using upstream = home.upstream;
    upstream.always(status(429, {}));
    const restOf = async (now: number): Promise<number> => {
      const proxy = await home.proxy(now, { keys: ["one"] });
      await proxy.chat({ model: "lab/m" });
      const [found] = proxy.app.credentials.rests();
      await proxy.close();
      return Math.round((found!.rest.until - start - now) / 1000);
    };
    // The ladder of a 429 without a time: 10, 30, 60 s; each varies by a tenth.
    expect(await restOf(0)).toBeLessThanOrEqual(11);
    expect(await restOf(20_000)).toBeGreaterThanOrEqual(27);
    expect(await restOf(80_000)).toBeGreaterThanOrEqual(54);
    expect(await restOf(16 * 3_600_000)).toBeLessThanOrEqual(11);
  });

  it("goes on with the counts of rotate until the day is over", async () => {
    const home = await lab();
    await using upstream = home.upstream;
    upstream.always(answer());
    const plugins = [rotate({ mode: "least-used" })];
    const first = await home.proxy(0, { plugins, keys: ["one"] });
    for (let time = 0; time < 3; time++) await first.chat({ model: "lab/m" });
    await first.close();
    const second = await home.proxy(1000, { plugins });
    for (let time = 0; time < 3; time++) await second.chat({ model: "lab/m" });
    await second.close();
    expect(asked(home).slice(3)).toEqual(["two", "two", "two"]);
    const nextDay = await home.proxy(86_400_000, { plugins });
    await nextDay.chat({ model: "lab/m" });
    await nextDay.close();
    expect(asked(home).at(-1)).toBe("one");
  });

  it("E5 keeps windows and values of the state for the time they have left, and never an emptier window", async () => {
    const home = await lab();
    await using _ = home.upstream;
    const minute = { kind: "sliding", key: "rpm", window: 60_000 } as const;
    const day = { kind: "fixed", key: "rpd", until: start + 15 * 3_600_000 } as const;
    const lease = { kind: "lease", key: "slot", ttl: 600_000 } as const;
    const all = [minute, day, lease];
    const first = await home.proxy(0);
    const { clock } = first;
    const { state } = first.app;
    const take = (amount: number) => state.reserve(all.map((counter) => ({ counter, amount, limit: 100 })));
    await take(5);
    await clock.advance(30_000);
    const late = await take(7);
    if (late.granted) await state.settle(late.id, [4, 3, undefined]);
    await state.set("seal", { of: "lab" }, 50_000);
    await state.set("gone", 1, 50_000);
    await state.delete("gone");
    expect(await state.used(all)).toEqual([9, 8, 5]);
    await first.close();

    const second = await home.proxy(40_000);
    expect(await second.app.state.used(all)).toEqual([9, 8, 0]);
    expect(await second.app.state.get("seal")).toEqual({ of: "lab" });
    expect(await second.app.state.get("gone")).toBeUndefined();
    const later = second.clock;
    await later.advance(20_000);
    expect(await second.app.state.used(all)).toEqual([4, 8, 0]);
    await later.advance(19_999);
    expect(await second.app.state.get("seal")).toBeDefined();
    await later.advance(1);
    expect(await second.app.state.get("seal")).toBeUndefined();
    await later.advance(10_000);
    expect(await second.app.state.used(all)).toEqual([0, 8, 0]);
    await second.close();
  });

  it("E5 keeps a busy window in pieces that end no earlier than what they hold", async () => {
    const home = await lab();
    await using _ = home.upstream;
    const tokens = { kind: "sliding", key: "tpm", window: 60_000 } as const;
    const first = await home.proxy(0);
    const { clock } = first;
    for (let time = 0; time < 3000; time++) {
      await first.app.state.reserve([{ counter: tokens, amount: 1, limit: 10_000 }]);
      if (time % 3 === 2) await clock.advance(10);
    }
    await first.close();
    const [row] = query(home.path, "SELECT value FROM snapshot WHERE section = 'state.counters'");
    expect(String(row!["value"]).length).toBeLessThan(2000);
    const second = await home.proxy(10_000);
    const later = second.clock;
    const usedAt = async (time: number): Promise<number> => {
      await later.advanceTo(start + time);
      return (await second.app.state.used([tokens]))[0]!;
    };
    expect(await usedAt(59_999)).toBe(3000);
    // Exact to the millisecond it would be 2850 now.
    expect(await usedAt(60_500)).toBe(3000);
    expect(await usedAt(65_500)).toBeGreaterThanOrEqual(1350);
    expect(await usedAt(65_500)).toBeLessThanOrEqual(1500);
    expect(await usedAt(69_990)).toBe(0);
    await second.close();
  });
});

describe("who asks for the database", () => {
  const file = async (config: object, options: object = {}): Promise<boolean> => {
    const root = folder();
    const proxy = createProxy(
      { plugins: [echo(), cooldown()], log: { level: "silent" }, ...config },
      { root, discover: false, ...options },
    );
    await proxy.ready();
    await proxy.close();
    return existsSync(join(root, ".waygate", "waygate.db")) || existsSync(join(root, "kept", "my.db"));
  };
  const asks = definePlugin({ name: "asks", usesDatabase: true });

  it("is nobody in an embedded proxy, so that no disk is touched", async () => {
    expect(await file({})).toBe(false);
  });

  it("is the config, a plugin or the command line, and the config can say no to each", async () => {
    expect(await file({ database: { path: "kept/my.db" } })).toBe(true);
    expect(await file({ plugins: [echo(), asks] })).toBe(true);
    expect(await file({}, { database: true })).toBe(true);
    expect(await file({ plugins: [echo(), asks], database: false })).toBe(false);
    expect(await file({ database: false }, { database: true })).toBe(false);
    expect(await file({ database: { path: "kept/my.db" } }, { database: false })).toBe(false);
  });

  it("gives a plugin the database from setup on", async () => {
    const seen: unknown[] = [];
    const plugin = definePlugin({
      name: "asks",
      usesDatabase: true,
      async setup(app) {
        seen.push(await app.database?.read("SELECT 1 AS one"));
        seen.push(typeof app.snapshot?.add);
      },
    });
    expect(await file({ plugins: [echo(), plugin] })).toBe(true);
    expect(seen).toEqual([[{ one: 1 }], "function"]);
  });
});

describe("GET /health", () => {
  it("tells of a database that cannot be written, without names of files, and stays 200", async () => {
    const root = folder();
    mkdirSync(join(root, "data"));
    writeFileSync(join(root, "data", "taken"), "");
    const health = async (path: string): Promise<unknown> => {
      await using proxy = await createTestProxy({ plugins: [echo()], database: { path } });
      const response = await proxy.fetch("/health");
      expect(response.status).toBe(200);
      return response.json();
    };
    expect(await health(join(root, "data", "waygate.db"))).toMatchObject({ status: "ok", database: { state: "ok" } });
    const bad = await health(join(root, "data", "taken", "waygate.db"));
    expect(bad).toMatchObject({ status: "ok", database: { state: "read_only", since: expect.any(String) as string } });
    expect(JSON.stringify(bad)).not.toContain("taken");
  });
});

describe("a reload", () => {
  it("A13 what the old proxy lets rest while it drains rests in the new one too, and what is woken is back", async () => {
    const before = await createTestProxy({
      plugins: [openaiCompatible({ name: "lab", baseURL: "http://127.0.0.1:9", keys: ["a", "b"], models: ["m"] })],
    });
    const { rests, durable } = internalsOf(before.proxy);
    const after = createProxy(
      {
        plugins: [openaiCompatible({ name: "lab", baseURL: "http://127.0.0.1:9", keys: ["a", "b"], models: ["m"] })],
        log: { level: "silent" },
      },
      {},
      { rests, durable },
    );
    const app = await after.ready();
    const { pool } = internalsOf(after).pipeline;
    const target = app.models.resolve("lab/m")[0]!;
    // Made before anything rests: a ring is kept from request to request.
    expect(pool.ring(target).readyCount).toBe(2);
    const [key] = before.app.credentials.list("lab");
    const place = { provider: "lab", credential: key!.id, model: "m" };
    const until = Date.now() + 60_000;
    before.app.credentials.rest(place, { state: "cooling", until, policy: "test", reason: "test", kind: "failing" });
    expect(pool.ring(target).readyCount).toBe(1);
    app.credentials.wake(place);
    expect(internalsOf(before.proxy).pipeline.pool.ring(target).readyCount).toBe(2);
    await before.close();
    await after.close();
  });
});
