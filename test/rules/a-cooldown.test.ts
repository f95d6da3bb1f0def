import { describe, expect, it } from "vitest";
import { cooldown } from "waygate/plugins/cooldown";
import { quotaGroups } from "waygate/plugins/quota-groups";
import { answer, drop, status } from "waygate/testing";
import { inTurn, lab } from "./_lab.ts";

const start = Date.UTC(2026, 0, 1);
const one = { lab: ["a"] };
const limit = (
  headers: { [name: string]: string } = {},
  error: object = { message: "Slow down" },
): ReturnType<typeof status> => status(429, { error }, headers);

describe("A1 the time an upstream names is kept", () => {
  const google = {
    code: 429,
    message: "Resource exhausted",
    details: [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "34s" }],
  };
  it.each([
    ["Retry-After in seconds", limit({ "retry-after": "120" }), 120],
    ["Retry-After as an HTTP date", limit({ "retry-after": new Date(start + 90_000).toUTCString() }), 90],
    ["resets_at as epoch seconds", limit({}, { message: "limit", resets_at: start / 1000 + 600 }), 600],
    ["retryDelay of Google", limit({}, google), 34],
    ["a sentence: try again in 3h2m", limit({}, { message: "Limit reached, please try again in 3h2m." }), 10_920],
    ["clamped to seven days", limit({ "retry-after": String(7.5 * 86_400) }), 7 * 86_400],
  ])("A1 honours %s (report 11)", async (_name, refusal, seconds) => {
    // How long ones are tried before they are over is the matter of report 57.
    const plugins = [cooldown({ tryEarly: false })];
    await using bench = await lab({ providers: one, plugins, upstream: inTurn(refusal, answer()) });
    const refused = await bench.ask();
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, String(seconds)]);
    expect(bench.rests()).toEqual([expect.stringMatching(new RegExp(`^a/m \\w+ ${seconds}$`))]);

    await bench.clock.advanceTo(start + seconds * 1000 - 1);
    expect((await bench.proxy.chat({ model: "lab/m" })).status).toBe(429);
    expect(bench.calls).toHaveLength(1);
    await bench.clock.advanceTo(start + seconds * 1000);
    expect((await bench.ask()).status).toBe(200);
    expect(bench.calls).toHaveLength(2);
  });

  it.each([
    ["a year", { "retry-after": "31536000" }],
    ["a date in the past", { "retry-after": new Date(start - 60_000).toUTCString() }],
    ["a negative number", { "retry-after": "-5" }],
    ["nonsense", { "retry-after": "soon" }],
  ])("A1 takes %s for a mistake and rests shortly (report 11)", async (_name, headers) => {
    await using bench = await lab({
      providers: one,
      plugins: [cooldown()],
      upstream: limit(headers),
      random: () => 0.5,
    });
    await bench.ask();
    expect(bench.rests()).toEqual(["a/m cooling 10"]);
  });
});

describe("A3 a rest has its scope", () => {
  it("A3 a 429 for one model leaves the other models of the key alone (reports 1, 60)", async () => {
    await using bench = await lab({
      providers: one,
      plugins: [cooldown()],
      upstream: (request) => (request.model === "m" ? limit({ "retry-after": "600" }) : answer()),
    });
    expect((await bench.ask("lab/m")).status).toBe(429);
    expect((await bench.ask("lab/n")).status).toBe(200);
    expect((await bench.ask("lab/m")).status).toBe(429);
    expect(bench.calls.map((call) => call.model)).toEqual(["m", "n"]);
  });

  it("A3 a 429 of one key leaves the same model of the other keys alone (reports 1, 6)", async () => {
    await using bench = await lab({ plugins: [cooldown()], upstream: { a: limit({ "retry-after": "600" }) } });
    await bench.ask();
    await bench.ask();
    expect(bench.asked()).toBe("a b b");
    expect(bench.rests()).toEqual(["a/m cooling 600"]);
  });

  it("A3 models of one quota group rest together, and no others (report 9)", async () => {
    await using bench = await lab({
      providers: one,
      plugins: [quotaGroups({ lab: { flash: ["flash-*"] } }), cooldown()],
      upstream: (request) => (request.model === "flash-1" ? limit({ "retry-after": "600" }) : answer()),
    });
    expect((await bench.ask("lab/flash-1")).status).toBe(429);
    expect((await bench.ask("lab/flash-2")).status).toBe(429);
    expect((await bench.ask("lab/pro")).status).toBe(200);
    expect(bench.calls.map((call) => call.model)).toEqual(["flash-1", "pro"]);
  });

  it("A3 a refused key rests for every model, also within the request", async () => {
    await using bench = await lab({
      providers: { lab: ["a", "b"] },
      plugins: [cooldown()],
      models: { smart: ["lab/m", "lab/n"] },
      upstream: { a: status(401, { error: { message: "Invalid API key" } }), b: limit({ "retry-after": "60" }) },
    });
    await bench.ask("smart");
    expect(bench.calls.map(({ key, model }) => `${key} ${model}`)).toEqual(["a m", "b m", "b n"]);
    expect((await bench.ask("lab/other")).status).toBe(429);
    expect(bench.calls.at(-1)).toMatchObject({ key: "b", model: "other" });
  });

  it("A3 a refused key is asked for no other model of the request without a cooldown either", async () => {
    await using bench = await lab({
      providers: one,
      models: { smart: ["lab/m", "lab/n"] },
      upstream: status(401, { error: { message: "Invalid API key" } }),
    });
    expect((await bench.ask("smart")).status).toBe(503);
    expect(bench.asked()).toBe("a");
  });
});

describe("A5 an upstream's own trouble never disables a key", () => {
  it.each([
    ["500", status(500, { error: { message: "Oops" } })],
    ["503", status(503, { error: { message: "Unavailable" } })],
    ["lost connections", drop()],
  ])("A5 after many %s the key returns by itself", async (_name, trouble) => {
    let broken = true;
    await using bench = await lab({
      providers: one,
      plugins: [cooldown()],
      upstream: () => (broken ? trouble : answer()),
    });
    for (let request = 0; request < 40; request++) {
      expect((await bench.ask()).status).toBeGreaterThanOrEqual(500);
      await bench.clock.advance(5000);
    }
    const longest = Math.max(...bench.pool.rests().map(({ rest }) => rest.until - bench.clock.now()));
    expect(longest).toBeGreaterThan(0);
    expect(longest).toBeLessThanOrEqual(20_000);
    broken = false;
    await bench.clock.advance(20_000);
    expect((await bench.ask()).status).toBe(200);
    expect(bench.rests()).toEqual([]);
  });

  it("A5 counts failures in a row only: a success between two is a new start", async () => {
    const failure = status(500, { error: { message: "Oops" } });
    await using bench = await lab({
      providers: one,
      plugins: [cooldown()],
      retry: { sameCredential: 0 },
      upstream: inTurn(failure, answer(), failure, answer(), failure, failure),
    });
    for (let request = 0; request < 5; request++) await bench.ask();
    expect(bench.rests()).toEqual([]);
    await bench.ask();
    expect(bench.rests()).toHaveLength(1);
  });

  it("A5 a key that rests after its second failure does not keep its siblings from answering", async () => {
    const failure = status(500, { error: { message: "Oops" } });
    await using bench = await lab({ providers: { lab: ["a", "b"] }, plugins: [cooldown()], upstream: { a: failure } });
    expect((await bench.ask()).status).toBe(200);
    await bench.clock.advance(60_000);
    // The first failure of this request is the third in a row, so the key rests and cannot be asked once more.
    expect((await bench.ask()).status).toBe(200);
    expect(bench.asked()).toBe("a a b a b");
  });
});

describe("A8 refused, without credit and limited are three states", () => {
  const refused = status(401, { error: { message: "Invalid API key" } });
  const poor = status(402, { error: { message: "Payment required" } });

  it("A8 tells them apart, shows them, and only the limited key returns by itself", async () => {
    await using bench = await lab({
      plugins: [cooldown()],
      upstream: { a: refused, b: poor, c: limit({ "retry-after": "60" }) },
    });
    await bench.ask();
    expect(bench.rests()).toEqual(["a cooling 300", "b no-credit Infinity", "c/m cooling 60"]);
    await bench.clock.advance(300_000);
    await bench.ask();
    expect(bench.rests()).toEqual(["b no-credit Infinity", "a invalid Infinity", "c/m cooling 60"]);
    const health = (await (await bench.proxy.fetch("/health")).json()) as { keys: object };
    expect(health.keys).toEqual({ invalid: 1, "no-credit": 1, active: 1 });

    await bench.clock.advance(30 * 86_400_000);
    bench.asked();
    await bench.ask();
    expect(bench.asked()).toBe("c");
  });

  it("A8 a key that waits for a human is back when one says so", async () => {
    let paid = false;
    await using bench = await lab({ providers: one, plugins: [cooldown()], upstream: () => (paid ? answer() : poor) });
    await bench.ask();
    paid = true;
    expect((await bench.ask()).status).toBe(503);
    bench.pool.wake({ provider: "lab", credential: bench.id("a") });
    expect((await bench.ask()).status).toBe(200);
    expect(bench.asked()).toBe("a a");
  });

  it.each([
    ["401", refused],
    ["402", poor],
    ["403 of a revoked key", status(403, { error: { message: "API key has been revoked" } })],
  ])("A8 our %s is a 503 for the client, whose own key is not at fault", async (_name, refusal) => {
    await using bench = await lab({ providers: one, plugins: [cooldown()], upstream: refusal });
    for (let request = 0; request < 2; request++) {
      const reply = await bench.ask();
      expect([reply.status, reply.error.code]).toEqual([503, "all_credentials_exhausted"]);
      expect(Number(reply.headers.get("retry-after"))).toBeGreaterThan(0);
    }
    expect(bench.calls).toHaveLength(1);
  });
});

describe("A11 the ladder", () => {
  it("A11 goes one step up per window, however many requests fail in it", async () => {
    await using bench = await lab({ providers: one, plugins: [cooldown()], upstream: limit(), random: () => 0.5 });
    const failAll = async (): Promise<void> => {
      const pending = Array.from({ length: 8 }, () => bench.proxy.chat({ model: "lab/m" }));
      const replies = await Promise.all(pending);
      expect(replies.map((reply) => reply.status)).toEqual(Array<number>(8).fill(429));
    };
    for (const seconds of [10, 30, 60]) {
      const before = bench.calls.length;
      await failAll();
      expect(bench.calls.length - before).toBe(8);
      expect(bench.rests()).toEqual([`a/m cooling ${seconds}`]);
      await bench.clock.advance(seconds * 1000);
    }
  });

  it("A11 no jitter carries a rest past the longest step (report 8)", async () => {
    await using bench = await lab({
      providers: one,
      plugins: [cooldown()],
      upstream: limit(),
      random: () => 0.999_999,
    });
    const lengths: number[] = [];
    for (let window = 0; window < 8; window++) {
      await bench.ask();
      const length = bench.pool.rests()[0]!.rest.until - bench.clock.now();
      lengths.push(length);
      await bench.clock.advance(length);
    }
    expect(lengths[0]).toBeGreaterThan(10_000);
    expect(Math.max(...lengths)).toBe(300_000);
  });
});
