/** Report 57: times of days that upstreams name, and what ends them before. */
import { describe, expect, it } from "vitest";
import type { App, Rest } from "waygate";
import { cooldown } from "waygate/plugins/cooldown";
import { resilience } from "waygate/plugins/resilience";
import { answer, gate, later, status } from "waygate/testing";
import { type QuotaReading, quotaWatch } from "../../plugins/code-assist/quota.ts";
import { type FakeApp, fakeApp, fakeCandidates, fakeProvider } from "../plugins/_fakes.ts";
import { inTurn, type Lab, lab, type LabOptions } from "./_lab.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const until = (wait: number): ReturnType<typeof status> =>
  status(429, { error: { message: "Your weekly quota is used up." } }, { "retry-after": String(wait / 1000) });

const bench = (options: LabOptions = {}): Promise<Lab> =>
  lab({ providers: { lab: ["a"] }, plugins: [cooldown()], random: () => 0.5, ...options });
/** So many requests at once. */
async function ask(to: Lab, times: number): Promise<number[]> {
  let done = false;
  const asked = Array.from({ length: times }, () => to.proxy.chat({ model: "lab/m" }));
  const replies = Promise.all(asked).finally(() => (done = true));
  for (let step = 0; !done && step < 1000; step++) await to.clock.advance(step === 0 ? 0 : 100);
  return (await replies).map((reply) => reply.status);
}

describe("report 57: a hint of days", () => {
  it("report 57: is tried by one request every 30 to 60 minutes, and the upstream's answer to it holds", async () => {
    await using to = await bench({ upstream: inTurn(until(5 * day), until(5 * day), until(5 * day), answer()) });
    await to.ask();
    const tries: number[] = [];
    for (let time = 0; time < 4 * 60 && to.calls.length < 4; time++) {
      await to.clock.advance(minute);
      const before = to.calls.length;
      await ask(to, 3);
      if (to.calls.length > before) tries.push(to.clock.now());
      // One of the three has tried it, and the others were not let through.
      expect(to.calls.length - before).toBeLessThanOrEqual(tries.length === 3 ? 3 : 1);
    }
    expect(tries).toHaveLength(3);
    const gaps = tries.slice(1).map((time, at) => time - tries[at]!);
    for (const gap of gaps) {
      expect(gap).toBeGreaterThanOrEqual(30 * minute);
      expect(gap).toBeLessThanOrEqual(62 * minute);
    }
    expect(to.rests()).toEqual([]);
    expect(await ask(to, 5)).toEqual([200, 200, 200, 200, 200]);
  });

  it("report 57: keeps all but one request out while that one tries it, and tells them when to come", async () => {
    const door = gate();
    await using to = await bench({ upstream: inTurn(until(5 * day), later(until(5 * day), door), answer()) });
    expect((await to.ask()).headers.get("retry-after")).toBe(String((5 * day) / 1000));
    await to.clock.advance(hour);
    expect(to.rests()).toEqual([expect.stringMatching(/^a\/m half-open/)]);
    const first = to.proxy.chat({ model: "lab/m" });
    await door.reached;
    expect(await ask(to, 4)).toEqual([429, 429, 429, 429]);
    door.open();
    expect((await to.finish(first)).status).toBe(429);
    expect(to.calls).toHaveLength(2);
    expect(to.rests()).toEqual([`a/m exhausted ${(5 * day) / 1000}`]);
    expect((await to.ask()).headers.get("retry-after")).toBe(String((5 * day) / 1000));
  });

  it("report 57: costs a request that has another key nothing but one attempt", async () => {
    await using to = await bench({
      providers: { lab: ["a", "b"] },
      plugins: [resilience()],
      upstream: { a: until(5 * day) },
    });
    for (let turn = 0; turn < 4; turn++) expect((await to.ask()).status).toBe(200);
    to.asked();
    await to.clock.advance(hour);
    for (let turn = 0; turn < 6; turn++) expect((await to.ask()).status).toBe(200);
    expect(to.asked().split(" ").toSorted().join("")).toBe("abbbbbb");
  });

  it("report 57: that nobody asks about ends when it said", async () => {
    await using to = await bench({ upstream: inTurn(until(3 * hour), answer()) });
    await to.ask();
    await to.clock.advance(3 * hour - minute);
    expect(to.rests()).toHaveLength(1);
    await to.clock.advance(minute);
    expect(to.rests()).toEqual([]);
  });

  it("report 57: of thousands of keys few are tried at a time", async () => {
    const keys = Array.from({ length: 1000 }, (_, index) => `k${index}`);
    await using to = await bench({ providers: { lab: keys }, random: Math.random, retry: { attempts: 1 } });
    const { credentials, clock } = { credentials: to.pool, clock: to.clock };
    const plugin = cooldown();
    for (const { id } of credentials.list("lab")) {
      credentials.rest({ provider: "lab", credential: id, model: "m" }, resting(clock.now() + 5 * day));
    }
    await plugin.ready!(to.proxy.app);
    await clock.advance(hour);
    const open = credentials.rests().filter(({ rest }) => rest.state === "half-open").length;
    // In half an hour, one every ten seconds.
    expect(open).toBeGreaterThan(100);
    expect(open).toBeLessThanOrEqual(181);
    await plugin.close!(to.proxy.app);
  });

  it("report 57: of an hour or less, or where that is switched off, is kept to the end", async () => {
    for (const [plugins, wait] of [
      [[cooldown()], hour],
      [[cooldown({ tryEarly: false })], day],
    ] as const) {
      await using to = await bench({ plugins, upstream: inTurn(until(wait), answer()) });
      await to.ask();
      await to.clock.advance(wait - minute);
      expect(await ask(to, 3)).toEqual([429, 429, 429]);
      expect(to.calls).toHaveLength(1);
    }
  });

  it("report 57: from before a restart is tried too, what somebody has disabled is not, and the end stops all of it", async () => {
    const app = fakeApp();
    const [candidate, other] = fakeCandidates(app, ["a", "b"]);
    const target = { provider: "lab", credential: "a", model: "m" };
    app.credentials.rest(target, resting(app.clock.now() + 5 * day));
    app.credentials.rest(
      { provider: "lab", credential: "b" },
      { ...resting(Number.POSITIVE_INFINITY), state: "disabled" },
    );
    const plugin = cooldown();
    await plugin.ready!(app);
    await app.clock.advance(hour);
    expect(app.credentials.restOf(target)?.state).toBe("half-open");
    expect(app.credentials.resting(candidate!)).toBeUndefined();
    expect(app.credentials.resting(other!)?.state).toBe("disabled");
    await plugin.close!(app);
    expect(app.clock.pending).toBe(0);
  });

  it("report 57: that somebody has ended by hand begins no trial", async () => {
    await using to = await bench({ upstream: inTurn(until(5 * day), answer()) });
    await to.ask();
    to.pool.wake({ provider: "lab", credential: to.id("a"), model: "m" });
    await to.clock.advance(hour);
    expect(to.rests()).toEqual([]);
  });
});

describe("report 57: a fresh reading of the quota", () => {
  const target = { provider: "lab", credential: "a", model: "m" };

  function watched(read: () => readonly QuotaReading[]): { readonly app: FakeApp; readonly looks: () => number } {
    const app = fakeApp({ providers: [fakeProvider("lab")] });
    fakeCandidates(app, ["a"]);
    let looks = 0;
    const watch = quotaWatch({ provider: "lab", read: async (_: App) => (looks++, read()) });
    watch.start(app);
    return { app, looks: () => looks };
  }

  it.each([
    ["rests", false],
    ["is being tried", true],
  ])("report 57: ends a hint of days of an account that nobody uses meanwhile and that %s", async (_, probe) => {
    let left = 0;
    const { app, looks } = watched(() => [{ model: "m", left, resetAt: app.clock.now() + 5 * day }]);
    app.credentials.rest(target, { ...resting(app.clock.now() + (probe ? 1 : 5 * day)), ...(probe && { probe }) });
    await app.clock.advance(4 * hour);
    expect(app.credentials.restOf(target)).toBeDefined();
    const before = looks();
    // Every 30 minutes, not every five.
    expect(before).toBeLessThanOrEqual(1 + 8);
    left = 0.4;
    await app.clock.advance(40 * minute);
    expect(looks()).toBeGreaterThan(before);
    expect(app.credentials.restOf(target)).toBeUndefined();
  });

  it("an account that is not used and not used up is not looked at", async () => {
    const { app, looks } = watched(() => [{ model: "m", left: 1 }]);
    await app.clock.advance(5 * hour);
    expect(looks()).toBe(1);
  });
});

function resting(end: number): Rest {
  return { state: "exhausted", until: end, policy: "cooldown", reason: "429, days", kind: "quota_exhausted" };
}
