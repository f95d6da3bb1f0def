import { describe, expect, it } from "vitest";
import { type Config, ConfigError, createProxy, type PluginInput } from "waygate";
import { cooldown } from "waygate/plugins/cooldown";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { resilience } from "waygate/plugins/resilience";
import { rotate } from "waygate/plugins/rotate";
import { tiers } from "waygate/plugins/tiers";
import { answer, gate, later, pause, status } from "waygate/testing";
import { inTurn, keyOf, lab } from "./_lab.ts";

const limit = (seconds: number): ReturnType<typeof status> =>
  status(429, { error: { message: "Slow down" } }, { "retry-after": String(seconds) });
const oops = status(500, { error: { message: "Oops" } });
const many = (count: number): string[] => Array.from({ length: count }, (_, index) => `k${index}`);

describe("A9", () => {
  it("A9 a failure on the way to a fallback lets its key rest too", async () => {
    await using bench = await lab({
      providers: { one: ["a"], two: ["b"], three: ["c"] },
      models: { smart: ["one/m", "two/m", "three/m"] },
      plugins: [cooldown()],
      upstream: { a: limit(60), b: limit(120) },
    });
    await bench.ask("smart");
    expect(bench.rests()).toEqual(["a/m cooling 60", "b/m cooling 120"]);
    await bench.ask("smart");
    expect(bench.asked()).toBe("a b c c");
  });
});

describe("A10 when every key rests", () => {
  it("A10 answers 429 at once, with the earliest reset, and asks nobody (report 7)", async () => {
    await using bench = await lab({ plugins: [cooldown()], upstream: { a: limit(300), b: limit(60), c: limit(120) } });
    const first = await bench.ask();
    expect([first.status, first.headers.get("retry-after")]).toEqual([429, "60"]);
    expect(bench.asked()).toBe("a b c");
    await bench.clock.advance(10_000);
    const second = await bench.ask();
    expect([second.status, second.error.code, second.headers.get("retry-after")]).toEqual([
      429,
      "rate_limit_exceeded",
      "50",
    ]);
    expect(second.took).toBe(0);
    expect(second.headers.get("x-waygate-attempts")).toBe("0");
    expect(bench.asked()).toBe("");
  });

  it("A10 names the earliest reset among many keys, after rests that were extended, ended and begun anew", async () => {
    await using bench = await lab({ providers: { lab: many(300) }, plugins: [cooldown()] });
    const now = bench.clock.now();
    const rest = (label: string, seconds: number): void =>
      bench.pool.rest(
        { provider: "lab", credential: bench.id(label), model: "m" },
        { state: "cooling", until: now + seconds * 1000, policy: "test", reason: "test", kind: "rate_limited" },
      );
    expect((await bench.ask()).status).toBe(200);
    for (const label of many(300)) rest(label, 30);
    for (const [index, label] of many(300).entries()) if (index !== 217) rest(label, 1000 + index);
    bench.pool.wake({ provider: "lab", credential: bench.id("k217"), model: "m" });
    rest("k217", 400);
    const reply = await bench.ask();
    expect([reply.status, reply.headers.get("retry-after")]).toEqual([429, "400"]);
  });

  it("A10 answers 503 when not every reason is a limit (report 10)", async () => {
    await using bench = await lab({
      plugins: [cooldown()],
      retry: { sameCredential: 0 },
      upstream: { a: limit(60), b: oops, c: oops },
    });
    await bench.ask();
    await bench.ask();
    const reply = await bench.ask();
    expect(reply.headers.get("x-waygate-attempts")).toBe("0");
    expect([reply.status, reply.error.code]).toEqual([503, "all_credentials_exhausted"]);
    expect(Number(reply.headers.get("retry-after"))).toBeLessThanOrEqual(20);
  });

  it("A10 calls it a quota when nothing but quotas is used up", async () => {
    const used = status(429, { error: { message: "You have reached your daily limit" } }, { "retry-after": "3600" });
    await using bench = await lab({ plugins: [cooldown()], upstream: used });
    const reply = await bench.ask();
    expect([reply.status, reply.error.code, reply.headers.get("retry-after")]).toEqual([429, "quota_exceeded", "3600"]);
  });

  it("A10 names the rest of a ladder, not a guess, as the time to come back", async () => {
    await using bench = await lab({
      providers: { lab: ["a"] },
      plugins: [cooldown()],
      random: () => 0.5,
      upstream: status(429, { error: { message: "Slow down" } }),
    });
    expect((await bench.ask()).headers.get("retry-after")).toBe("10");
    await bench.clock.advance(10_000);
    expect((await bench.ask()).headers.get("retry-after")).toBe("30");
  });
});

describe("A12 the upstream's failure stays what it is", () => {
  it("A12 a 520 of the last key is a 520 for the client, and no rate limit (report 10)", async () => {
    const strange = status(520, { error: { message: "Web server returned an unknown error" } });
    await using bench = await lab({ plugins: [cooldown()], upstream: { a: limit(60), b: limit(60), c: strange } });
    const reply = await bench.ask();
    expect([reply.status, reply.error.code]).toEqual([520, "upstream_error"]);
    expect(Number(reply.headers.get("retry-after"))).toBeLessThanOrEqual(20);
  });

  it.each([418, 403, 405, 520, 599])("A12 an unknown failure (%i) goes on to the next key", async (code) => {
    await using bench = await lab({
      plugins: [cooldown()],
      upstream: { a: status(code, { error: { message: "Hm." } }) },
    });
    expect((await bench.ask()).status).toBe(200);
    expect(bench.asked().split(" ").at(-1)).toBe("b");
  });

  it("A12 attempts used up: the last upstream status, as upstream_error", async () => {
    await using bench = await lab({
      providers: { lab: many(9) },
      retry: { attempts: 4, sameCredential: 0 },
      upstream: status(521, { error: { message: "Down" } }),
    });
    const reply = await bench.ask();
    expect([reply.status, reply.error.code, bench.calls.length]).toEqual([521, "upstream_error", 4]);
  });
});

describe("A13 a key that was taken out", () => {
  it.each<[string, (bench: Awaited<ReturnType<typeof lab>>) => void]>([
    ["removed", (bench) => bench.pool.remove(bench.id("b"))],
    [
      "disabled",
      (bench) =>
        bench.pool.rest(
          { provider: "lab", credential: bench.id("b") },
          { state: "disabled", until: Number.POSITIVE_INFINITY, policy: "human", reason: "disabled", kind: "dead" },
        ),
    ],
    [
      "edited",
      (bench) => {
        bench.pool.remove(bench.id("b"));
        bench.pool.add(keyOf("lab", "b2"));
      },
    ],
  ])("A13 while a request runs: a key that was %s is not asked by its next attempt", async (_how, change) => {
    const held = gate();
    await using bench = await lab({
      retry: { sameCredential: 0 },
      upstream: (request) => (request.key === "a" ? { ...oops, before: [held] } : answer()),
    });
    const pending = bench.proxy.chat({ model: "lab/m" });
    await bench.clock.advance(0);
    await held.reached;
    change(bench);
    held.open();
    expect((await bench.finish(pending)).status).toBe(200);
    expect(bench.asked()).toBe("a c");
  });

  it("A13 a key removed in the pause before it is asked once more is left, and the next one is asked", async () => {
    await using bench = await lab({ upstream: { a: oops } });
    const pending = bench.proxy.chat({ model: "lab/m" });
    await bench.clock.advance(50);
    expect(bench.asked()).toBe("a");
    bench.pool.remove(bench.id("a"));
    expect((await bench.finish(pending)).status).toBe(200);
    expect(bench.asked()).toBe("b");
  });

  it("A13 a key that the request has left is not asked again, although it is back before the request ends", async () => {
    await using bench = await lab({
      providers: { lab: ["a", "b"] },
      upstream: { a: oops, b: later(limit(60), pause(2000)) },
    });
    const pending = bench.proxy.chat({ model: "lab/m" });
    await bench.clock.advance(50);
    bench.pool.rest(
      { provider: "lab", credential: bench.id("a") },
      { state: "cooling", until: bench.clock.now() + 1000, policy: "test", reason: "test", kind: "failing" },
    );
    expect((await bench.finish(pending)).status).toBe(429);
    expect(bench.asked()).toBe("a b");
  });

  it("A13 a key with new data under the same id is used with the new data from the next attempt on", async () => {
    await using bench = await lab({ providers: { lab: ["a"] }, upstream: { a: oops } });
    const pending = bench.proxy.chat({ model: "lab/m" });
    await bench.clock.advance(50);
    const fresh = Object.defineProperty({ ...bench.pool.get(bench.id("a"))! }, "data", { value: { key: "a-new" } });
    bench.pool.add(fresh);
    expect((await bench.finish(pending)).status).toBe(200);
    expect(bench.asked()).toBe("a a-new");
  });

  it("A13 a key removed while a request waits for it is not asked", async () => {
    const held = gate();
    await using bench = await lab({
      providers: { lab: ["a"] },
      concurrency: 1,
      upstream: (request) => (request.index === 0 ? { ...oops, before: [held] } : answer()),
      retry: { sameCredential: 0 },
    });
    const first = bench.proxy.chat({ model: "lab/m" });
    await bench.clock.advance(0);
    const second = bench.proxy.chat({ model: "lab/m" });
    await bench.clock.advance(0);
    bench.pool.remove(bench.id("a"));
    bench.pool.add(keyOf("lab", "b"));
    held.open();
    expect((await bench.finish(second)).status).toBe(200);
    await bench.finish(first);
    expect(
      bench
        .asked()
        .split(" ")
        .filter((key) => key === "a"),
    ).toEqual(["a"]);
  });

  it.each([
    ["without policies", []],
    ["with rotation and cooldown", [resilience()]],
  ])("A13 no key is tried twice in one request, %s", async (_name, plugins) => {
    await using bench = await lab({
      providers: { lab: many(12) },
      plugins,
      retry: { attempts: 30, sameCredential: 0 },
      upstream: (request) => (request.index % 2 ? oops : limit(1)),
    });
    await bench.ask();
    const keys = bench.asked().split(" ");
    expect(keys).toHaveLength(12);
    expect(new Set(keys).size).toBe(12);
  });
});

describe("A16 retries have a budget", () => {
  it("A16 no more attempts than retry.attempts, fallbacks included", async () => {
    await using bench = await lab({
      providers: { lab: many(5), other: ["x", "y", "z"] },
      models: { smart: ["lab/m", "other/m"] },
      upstream: oops,
    });
    const reply = await bench.ask("smart");
    expect([reply.status, bench.calls.length]).toEqual([500, 6]);
  });

  it.each([
    ["429 only", limit(60), 4],
    [
      "429 with other failures between",
      (request: { index: number }) => (request.index % 3 === 2 ? oops : limit(60)),
      6,
    ],
  ])("A16 at most four rate-limited attempts in three seconds: %s", async (_name, upstream, most) => {
    await using bench = await lab({
      providers: { lab: many(40) },
      plugins: [resilience()],
      retry: { attempts: 20, sameCredential: 0 },
      upstream,
    });
    await bench.ask();
    expect(bench.calls).toHaveLength(20);
    const refused = bench.calls.filter((_, index) => upstream === undefined || most === 4 || index % 3 !== 2);
    for (const { at } of refused) {
      expect(refused.filter((call) => call.at >= at && call.at < at + 3000).length).toBeLessThanOrEqual(4);
    }
    // Slowed down, not stopped.
    expect(bench.calls.at(-1)!.at).toBeLessThan(20_000);
  });

  it("A16 no attempt begins after the deadline, and the answer is a 504", async () => {
    await using bench = await lab({
      providers: { lab: many(9) },
      retry: { attempts: 9, sameCredential: 0, deadline: 5000 },
      upstream: { ...oops, before: [pause(2000)] },
    });
    const reply = await bench.ask();
    expect(bench.calls.map((call) => call.at)).toEqual([0, 2000, 4000]);
    expect([reply.status, reply.error.code]).toEqual([504, "deadline_exceeded"]);
    expect(reply.error.details!.attempts).toHaveLength(3);
  });

  it("A16 the deadline ends no attempt that has begun", async () => {
    await using bench = await lab({ retry: { deadline: 5000 }, upstream: later(answer(), pause(20_000)) });
    const reply = await bench.ask();
    expect([reply.status, reply.took]).toEqual([200, 20_000]);
  });
});

describe("A17 a chain of fallbacks", () => {
  const start = (models: { [alias: string]: string[] }): unknown => {
    const plugins: readonly PluginInput[] = [
      openaiCompatible({ name: "lab", baseURL: "http://lab.invalid", keys: ["a"], models: ["m"] }),
    ];
    return createProxy({ plugins, models } as Config);
  };

  it("A17 visits every target once, however often the aliases name it", async () => {
    await using bench = await lab({
      providers: { one: ["a"], two: ["b"] },
      models: { smart: ["one/m", "backup", "one/m", "two/m"], backup: ["two/m", "one/m"] },
      retry: { sameCredential: 0 },
      upstream: oops,
    });
    await bench.ask("smart");
    expect(bench.asked()).toBe("a b");
  });

  it.each([
    ["two aliases", { a: ["b"], b: ["a"] }],
    ["an alias that names itself", { a: ["lab/m", "a"] }],
    ["a long way round", { a: ["b"], b: ["c"], c: ["lab/m", "a"] }],
  ])("A17 a loop is refused at the start: %s", (_name, models) => {
    expect(() => start(models)).toThrow(ConfigError);
    expect(() => start(models)).toThrow(/lead back to themselves/);
  });

  it("A17 an alias may stand before the provider's own model of the same name, and have it as its first target", async () => {
    await using bench = await lab({
      providers: { one: ["a"], two: ["b"] },
      models: { "one/m": ["one/m", "two/m"] },
      retry: { sameCredential: 0 },
      upstream: { a: oops },
    });
    expect((await bench.ask("one/m")).status).toBe(200);
    expect(bench.asked()).toBe("a b");
  });

  it.each([
    ["an alias", "smart"],
    ["a model that tiers() would ask elsewhere", "one/m"],
  ])("A17 x-waygate-fallback: off keeps %s at its first target", async (_name, model) => {
    await using bench = await lab({
      providers: { one: ["a", "a2"], two: ["b"] },
      models: { smart: ["one/m", "two/m"] },
      plugins: [tiers([["one"], ["two"]])],
      retry: { sameCredential: 0 },
      upstream: { a: oops, a2: oops },
    });
    const reply = await bench.ask(model, { headers: { "x-waygate-fallback": "off" } });
    expect(reply.status).toBe(500);
    expect(bench.asked()).toBe("a a2");
    expect((await bench.ask(model)).status).toBe(200);
    expect(bench.asked()).toBe("a a2 b");
  });
});

describe("rotation in general", () => {
  it("A5 every key is back in rotation after the trouble", async () => {
    let broken = true;
    await using bench = await lab({
      plugins: [rotate({ mode: "round-robin" }), cooldown()],
      upstream: () => (broken ? oops : answer()),
    });
    for (let request = 0; request < 5; request++) await bench.ask();
    broken = false;
    await bench.clock.advance(20_000);
    bench.asked();
    for (let request = 0; request < 6; request++) await bench.ask();
    expect(bench.asked().split(" ").toSorted()).toEqual(["a", "a", "b", "b", "c", "c"]);
  });

  it("A1 a wait up to shortWait is waited out on the only key, a longer one is not", async () => {
    await using bench = await lab({
      providers: { lab: ["a"] },
      plugins: [cooldown()],
      upstream: inTurn(limit(3), answer(), limit(4)),
    });
    const waited = await bench.ask();
    expect([waited.status, waited.took]).toEqual([200, 3000]);
    const refused = await bench.ask();
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "4"]);
  });
});
