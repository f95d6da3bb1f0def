import { describe, expect, it } from "vitest";
import type { Attempt } from "waygate";
import { cooldown } from "waygate/plugins/cooldown";
import { resilience } from "waygate/plugins/resilience";
import { answer, chunk, drop, gate, later, silence, status, type Step, stream } from "waygate/testing";
import { createBreaker } from "../../plugins/cooldown/breaker.ts";
import { inTurn, type Lab, lab, type LabOptions } from "./_lab.ts";

const broken = status(500, { error: { message: "Oops" } });
const keys = ["a", "b", "c", "d", "e"];
const backup = { lab: keys, other: ["x"] };
const smart = { models: { smart: ["lab/m", "other/m"] } };

/** A provider that is down until somebody says otherwise, and another that always answers. */
async function down(options: LabOptions = {}, failing: Step = broken): Promise<Lab & { up: boolean }> {
  const state = { up: false };
  const bench = await lab({
    providers: backup,
    plugins: [cooldown()],
    retry: { sameCredential: 0 },
    random: () => 0.5,
    upstream: (request) => (request.key === "x" || state.up ? answer() : failing),
    ...smart,
    ...options,
  });
  return Object.defineProperty(bench as Lab & { up: boolean }, "up", {
    get: () => state.up,
    set(up: boolean) {
      state.up = up;
    },
  });
}

/** Asks at once and lets time pass until all are answered. */
async function crowd(bench: Lab, count: number, model = "smart"): Promise<number[]> {
  const replies = await Promise.all(
    Array.from({ length: count }, () => bench.proxy.chat({ model }).then((response) => response.status)),
  );
  return replies;
}

const provider = (bench: Lab): string | undefined => bench.rests().find((rest) => rest.startsWith("lab "));
const ofLab = (bench: Lab): number => bench.calls.filter((call) => call.provider === "lab").length;

describe("A14 a provider that is down", () => {
  it.each([
    ["5xx", broken],
    ["lost connections", drop()],
    ["overload", status(529, { error: { message: "Overloaded", type: "overloaded_error" } })],
  ])(
    "A14 pauses as a whole after %s of several keys and requests, and no more of its keys are asked",
    async (_name, failing) => {
      await using bench = await down({}, failing);
      // One request alone may be what it cannot stand.
      expect((await bench.ask("smart")).status).toBe(200);
      expect([bench.asked(), provider(bench)]).toEqual(["a b c d e x", undefined]);
      await bench.ask("smart");
      expect(bench.asked()).toBe("a x");
      expect(provider(bench)).toBe("lab cooling 5");
      for (let request = 0; request < 3; request++) await bench.ask("smart");
      expect(bench.asked()).toBe("x x x");
    },
  );

  it("A14 lets exactly one request through at a time, all others go elsewhere", async () => {
    const door = gate();
    const bench = await down({
      upstream: (request) =>
        request.key === "x" ? answer() : request.index > 7 ? { ...broken, before: [door] } : broken,
    });
    await using _ = bench;
    await bench.ask("smart");
    await bench.ask("smart");
    const before = ofLab(bench);
    await bench.clock.advance(5000);
    expect(bench.rests()).toContain("lab half-open 0");
    const first = bench.proxy.chat({ model: "smart" });
    await door.reached;
    expect(await crowd(bench, 20)).toEqual(Array.from({ length: 20 }, () => 200));
    expect(ofLab(bench) - before).toBe(1);
    expect(provider(bench)).toBe("lab half-open 10");
    door.open();
    expect((await bench.finish(first)).status).toBe(200);
    expect(provider(bench)).toBe("lab cooling 10");
  });

  it("A14 refuses with the time to come back where there is nobody else", async () => {
    const bench = await down({
      upstream: (request) => (request.index > 5 ? { ...broken, before: [gate()] } : broken),
    });
    await using _ = bench;
    await bench.ask("lab/m");
    await bench.ask("lab/m");
    const paused = await bench.proxy.chat({ model: "lab/m" });
    expect([paused.status, paused.headers.get("retry-after")]).toEqual([503, "5"]);
    await bench.clock.advance(5000);
    const leave = new AbortController();
    const first = bench.proxy.chat({ model: "lab/m" }, { signal: leave.signal });
    await bench.clock.advance(0);
    const other = await bench.proxy.chat({ model: "lab/m" });
    expect([other.status, other.headers.get("retry-after")]).toEqual([503, "10"]);
    // Who leaves has not found out anything, and the next may try.
    const asked = ofLab(bench);
    leave.abort();
    await first.catch(() => {});
    expect(provider(bench)).toBe("lab half-open 0");
    void bench.proxy.chat({ model: "lab/m" }, { signal: AbortSignal.timeout(1) }).catch(() => {});
    await bench.clock.advance(0);
    expect(ofLab(bench)).toBe(asked + 1);
  });

  it("A14 pauses twice as long after each failed try, up to 20 s", async () => {
    await using bench = await down();
    await bench.ask("smart");
    const pauses: number[] = [];
    for (let round = 0; round < 5; round++) {
      await bench.ask("smart");
      pauses.push(Number(/\d+/.exec(provider(bench) ?? "")?.[0]));
      await bench.clock.advance(pauses.at(-1)! * 1000);
    }
    expect(pauses).toEqual([5, 10, 20, 20, 20]);
  });

  it("A14 pauses again after one failed try, however long ago the trouble was", async () => {
    await using bench = await down();
    for (let request = 0; request < 2; request++) await bench.ask("smart");
    await bench.clock.advance(600_000);
    expect(provider(bench)).toMatch(/half-open/);
    await bench.ask("smart");
    expect(provider(bench)).toBe("lab cooling 10");
  });

  it("A14 is open to all again as soon as one request has been answered, with no memory of the trouble", async () => {
    await using bench = await down();
    for (let request = 0; request < 2; request++) await bench.ask("smart");
    await bench.clock.advance(5000);
    await bench.ask("smart");
    await bench.clock.advance(10_000);
    bench.up = true;
    bench.asked();
    await bench.ask("smart");
    expect(provider(bench)).toBeUndefined();
    await bench.clock.advance(60_000);
    bench.asked();
    await crowd(bench, 10);
    expect(bench.asked()).not.toContain("x");
    bench.up = false;
    await bench.ask("smart");
    await bench.clock.advance(20_000);
    await bench.ask("smart");
    expect(provider(bench)).toBe("lab cooling 5");
  });

  it("A14 ends with the first content of a long stream, not with its end", async () => {
    const door = gate();
    await using bench = await lab({
      providers: { lab: keys },
      plugins: [cooldown()],
      retry: { sameCredential: 0 },
      random: () => 0.5,
      upstream: (request) =>
        request.index > 5
          ? stream([chunk({ content: "one" }), door, chunk({ content: "two" }, { finish: "stop" })])
          : broken,
    });
    for (let request = 0; request < 2; request++) await bench.ask("lab/m");
    await bench.clock.advance(5000);
    const long = await bench.proxy.chat({ model: "lab/m", stream: true });
    expect(long.status).toBe(200);
    expect(provider(bench)).toBeUndefined();
    door.open();
    await bench.finish(Promise.resolve(long));
  });

  it("A14 answers again within 30 s of its recovery, whenever that is and however it was down", async () => {
    for (const failing of [broken, drop(), silence()]) {
      for (let more = 0; more < 60_000; more += 3700) {
        await using bench = await down({ timeouts: { headers: 30_000, whole: 30_000 } }, failing);
        const end = bench.clock.now() + 40_000 + more;
        while (bench.clock.now() < end) {
          void bench.proxy.chat({ model: "smart" });
          await bench.clock.advance(1000);
        }
        bench.up = true;
        bench.asked();
        let waited = 0;
        while (!/[a-e]/.test(await answeredBy(bench))) {
          await bench.clock.advance(1000);
          waited += 1000;
          expect(waited).toBeLessThanOrEqual(30_000);
        }
      }
    }
  });

  it("A14 requests from before a pause that fail late do not make it longer", async () => {
    const doors = [gate(), gate(), gate()];
    const late = { lab: [...keys, "l1", "l2", "l3"], other: ["x"] };
    await using bench = await lab({
      providers: late,
      plugins: [cooldown()],
      retry: { attempts: 1 },
      random: () => 0.5,
      upstream: (request) => {
        if (request.key === "x") return answer();
        return request.index < 3 ? { ...broken, before: [doors[request.index]!] } : broken;
      },
      ...smart,
    });
    const slow = doors.map(() => bench.proxy.chat({ model: "smart" }));
    await Promise.all(doors.map((door) => door.reached));
    for (let request = 0; request < 6; request++) await bench.ask("smart");
    expect(provider(bench)).toBe("lab cooling 5");
    await bench.clock.advance(5000);
    for (const door of doors) door.open();
    for (const pending of slow) await bench.finish(pending);
    expect(provider(bench)).toBe("lab half-open 0");
  });
});

describe("A14 what piles up", () => {
  const ctx = (): Attempt["ctx"] => ({}) as Attempt["ctx"];
  const failure = (key: string, model: string, of: Attempt["ctx"]): Attempt =>
    ({ provider: { name: "lab" }, credential: { id: key }, model, ctx: of, startedAt: 0 }) as unknown as Attempt;
  /** Failures as `key/model`, each of a request of its own; true from the one that pauses. */
  const piled = (held: number, failures: readonly string[], step = 1): boolean[] => {
    const breaker = createBreaker();
    return failures.map((each, index) => {
      const [key = "", model = ""] = each.split("/");
      return breaker.failed(failure(key, model, ctx()), held, index * step);
    });
  };

  it.each([
    [5, ["a/m", "b/m", "c/m", "d/m"], true],
    [5, ["a/m", "b/m", "a/m", "b/m", "a/m"], false],
    [5, ["a/m", "a/n", "a/o", "a/p", "a/q"], false],
    [5, ["a/m", "a/n", "b/m", "a/o"], false],
    [5, ["a/m", "a/n", "b/m", "c/o"], true],
    [2, ["a/m", "b/m", "a/m", "b/m"], true],
    [1, ["a/m", "a/n", "a/m", "a/n"], true],
    [1, ["a/m", "a/m", "a/m", "a/m", "a/m", "a/m"], false],
    [5, ["a/m", "b/m", "c/m"], false],
  ])("A14 of %i keys the failures of %j pause the provider: %j", (held, failures, expected) => {
    expect(piled(held, failures).at(-1)).toBe(expected);
  });

  it("A14 is what happened in the last minute, and since the last success", () => {
    expect(piled(5, ["a/m", "b/m", "c/m", "d/m", "e/m"], 20_001).at(-1)).toBe(false);
    const breaker = createBreaker();
    for (const key of ["a", "b", "c"]) breaker.failed(failure(key, "m", ctx()), 5, 0);
    breaker.forget("lab", 100);
    expect(breaker.failed(failure("d", "m", ctx()), 5, 1100)).toBe(false);
    const request = ctx();
    const failing = (at: number): boolean[] =>
      ["a", "b", "c"].map((key) => breaker.failed(failure(key, "m", request), 5, at));
    // What answered a moment ago is not down, however many fail right now.
    expect(failing(1099)).toEqual([false, false, false]);
    expect(failing(1100).at(0)).toBe(true);
    expect(createBreaker({ failures: 2 }).failed(failure("a", "m", request), 5, 1)).toBe(false);
  });
});

describe("A14 what is not a provider's outage", () => {
  it.each([
    ["limits of keys", status(429, { error: { message: "Slow down" } })],
    ["refused keys", status(401, { error: { message: "Invalid API key" } })],
    ["faults of requests", status(400, { error: { message: "Bad" } })],
  ])("A14 %s never pause it (report 1)", async (_name, failing) => {
    await using bench = await down({}, failing);
    for (let request = 0; request < 6; request++) await bench.ask("smart");
    expect(provider(bench)).toBeUndefined();
  });

  it("A14 one key that fails while others answer never pauses it", async () => {
    await using bench = await down({
      plugins: resilience(),
      upstream: { a: broken, b: answer(), c: answer(), d: answer(), e: answer() },
    });
    for (let request = 0; request < 40; request++) {
      await bench.ask("lab/m");
      await bench.clock.advance(1000);
    }
    expect(provider(bench)).toBeUndefined();
  });

  it("A14 failures from before an answer do not count", async () => {
    const script = [broken, broken, broken, answer(), broken, broken, broken, answer()];
    await using bench = await down({ upstream: (request) => script[request.index % script.length]! });
    for (let request = 0; request < 6; request++) {
      expect((await bench.ask("lab/m")).status).toBe(200);
      await bench.clock.advance(20_000);
    }
    expect(provider(bench)).toBeUndefined();
  });

  it("A14 can be switched off", async () => {
    await using bench = await down({ plugins: [cooldown({ breaker: false })] });
    for (let request = 0; request < 6; request++) {
      await bench.ask("smart");
      await bench.clock.advance(20_000);
    }
    expect(provider(bench)).toBeUndefined();
  });

  it("A14 a refusal for another reason shows that it is back", async () => {
    const states = [broken, broken, broken, broken, broken, broken, status(400, { error: { message: "Bad" } })];
    await using bench = await down({ upstream: (request) => states[request.index] ?? answer() });
    await bench.ask("lab/m");
    await bench.ask("lab/m");
    expect(provider(bench)).toBe("lab cooling 5");
    await bench.clock.advance(5000);
    expect((await bench.ask("lab/m")).status).toBe(400);
    expect(provider(bench)).toBeUndefined();
  });
});

describe("A4 what this machine's address is refused for", () => {
  it.each([
    ["Cloudflare's 1015", status(429, "error code: 1015")],
    ["Cloudflare's page", status(403, "<!doctype html><title>Attention Required! | Cloudflare</title>")],
    ["a blocked address", status(403, { error: { message: "Your IP address has been blocked." } })],
  ])(
    "A4 %s pauses the provider, disables no key, and one request at a time finds out when it is over",
    async (_name, refusal) => {
      await using bench = await down({}, refusal);
      for (let request = 0; request < 5; request++) expect((await bench.ask("smart")).status).toBe(200);
      expect(bench.asked()).toBe("a x a x x x x");
      expect(bench.rests()).toEqual(["lab cooling 10"]);
      await bench.clock.advance(10_000);
      await crowd(bench, 10);
      expect(ofLab(bench)).toBe(3);
      expect(bench.rests()).toEqual(["lab cooling 20"]);
      await bench.clock.advance(20_000);
      bench.up = true;
      expect((await bench.ask("smart")).headers.get("x-fallback-provider")).toBeNull();
      expect(bench.rests()).toEqual([]);
    },
  );
});

it("A4 pages that requests from before a pause are answered with late do not make it longer", async () => {
  const page = status(403, "<!doctype html><title>Access denied</title>");
  const doors = [gate(), gate()];
  await using bench = await lab({
    providers: { lab: ["a", "b", "c", "d"], other: ["x"] },
    plugins: [cooldown()],
    retry: { attempts: 1 },
    random: () => 0.5,
    upstream: (request) => (request.index < 2 ? later(page, doors[request.index]!) : page),
    ...smart,
  });
  const slow = doors.map(() => bench.proxy.chat({ model: "lab/m" }));
  await Promise.all(doors.map((door) => door.reached));
  for (let request = 0; request < 2; request++) await bench.ask("lab/m");
  expect(bench.rests()).toEqual(["lab cooling 10"]);
  await bench.clock.advance(10_000);
  for (const door of doors) door.open();
  for (const pending of slow) await bench.finish(pending);
  expect(bench.rests()).toEqual(["lab half-open 0"]);
});

describe("A2 a quota without a time", () => {
  const empty = status(429, { error: { message: "You exceeded your current quota for today" } });

  it("A2 rests 300 s, then one request tries it, and its answer opens the key (report 8)", async () => {
    const door = gate();
    await using bench = await lab({
      providers: { lab: ["a"] },
      plugins: [cooldown()],
      upstream: inTurn(empty, empty, later(answer(), door), answer()),
    });
    await bench.ask();
    expect(bench.rests()).toEqual(["a/m exhausted 300"]);
    await bench.clock.advance(300_000);
    await bench.ask();
    expect(bench.rests()).toEqual(["a/m exhausted 300"]);
    await bench.clock.advance(300_000);
    const first = bench.proxy.chat({ model: "lab/m" });
    await door.reached;
    expect(await crowd(bench, 5, "lab/m")).toEqual([429, 429, 429, 429, 429]);
    expect(bench.calls).toHaveLength(3);
    door.open();
    expect((await bench.finish(first)).status).toBe(200);
    expect(bench.rests()).toEqual([]);
    expect(await crowd(bench, 5, "lab/m")).toEqual([200, 200, 200, 200, 200]);
  });

  it("A2 a quota with a time opens to all at that time", async () => {
    const timed = status(
      429,
      { error: { message: "You exceeded your current quota for today" } },
      { "retry-after": "60" },
    );
    await using bench = await lab({
      providers: { lab: ["a"] },
      plugins: [cooldown()],
      upstream: inTurn(timed, answer()),
    });
    await bench.ask();
    await bench.clock.advance(60_000);
    expect(bench.rests()).toEqual([]);
    expect(await crowd(bench, 5, "lab/m")).toEqual([200, 200, 200, 200, 200]);
  });

  it("A2 is forgotten when nobody has tried it for an hour", async () => {
    await using bench = await lab({
      providers: { lab: ["a"] },
      plugins: [cooldown()],
      upstream: inTurn(empty, answer()),
    });
    await bench.ask();
    await bench.clock.advance(300_000 + 3_600_000 - 1);
    expect(bench.rests()).toHaveLength(1);
    await bench.clock.advance(1);
    expect(bench.rests()).toEqual([]);
  });
});

/** The key that answers a request now. */
async function answeredBy(bench: Lab): Promise<string> {
  const response = await bench.proxy.chat({ model: "smart" });
  const name = response.headers.get("x-waygate-provider") ?? "";
  await response.text();
  return name === "lab" ? "a" : "x";
}
