/** Times that cannot be: absurd ones an upstream names, and clocks that jump. */
import { describe, expect, it } from "vitest";
import { defineConfig } from "waygate";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { resilience } from "waygate/plugins/resilience";
import { answer, later, pause, scripted, status, type Step, virtualClock, virtualTransport } from "waygate/testing";
import { createProxy, internalsOf } from "../../src/proxy.ts";
import { inTurn, lab } from "../rules/_lab.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;

const limited = (headers: { readonly [name: string]: string }, body: object = {}): Step => status(429, body, headers);

describe("A1 an absurd Retry-After keeps a key out for a sane time", () => {
  it.each<[string, Step]>([
    ["of years", limited({ "retry-after": "315360000" })],
    ["of more than a number holds", limited({ "retry-after": "9".repeat(400) })],
    ["below zero", limited({ "retry-after": "-1" })],
    ["of zero", limited({ "retry-after": "0" })],
    ["that is empty", limited({ "retry-after": "" })],
    ["that is no number", limited({ "retry-after": "NaN" })],
    ["that is Infinity", limited({ "retry-after": "Infinity" })],
    ["in the year 9999", limited({ "retry-after": "Fri, 31 Dec 9999 23:59:59 GMT" })],
    ["in the year 1970", limited({ "retry-after": "Thu, 01 Jan 1970 00:00:00 GMT" })],
    ["of a day that does not exist", limited({ "retry-after": "Mon, 99 Foo 2026 99:99:99 GMT" })],
    ["in words", limited({ "retry-after": "soon" })],
    ["in the body, below zero", limited({}, { error: { message: "no", resets_at: -5, resets_in_seconds: -1e12 } })],
    ["in the body, of ages", limited({}, { error: { message: "try again in 999999999h", retry_after: 1e300 } })],
  ])("%s", async (_, step) => {
    await using setup = await lab({
      providers: { lab: ["a", "b"] },
      plugins: [resilience({ rotate: { mode: "sequential" } })],
      upstream: { a: step },
    });
    expect((await setup.ask()).status).toBe(200);
    expect(setup.asked()).toBe("a b");
    const [rest] = setup.pool.rests();
    const left = rest!.rest.until - setup.clock.now();
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(WEEK);
    // The key comes back by itself.
    await setup.clock.advance(WEEK + 1);
    await setup.ask();
    expect(setup.pool.rests().every((each) => each.rest.until <= setup.clock.now() + WEEK)).toBe(true);
  });
});

describe("A2 a clock that jumps", () => {
  it.each([
    ["a minute back", -MINUTE],
    ["a day back", -DAY],
    ["ten years back", -3650 * DAY],
  ])("%s makes no rest longer", async (_, jump) => {
    await using setup = await lab({
      providers: { lab: ["a"] },
      plugins: [resilience()],
      retry: { attempts: 1, shortWait: 0, queueWait: 0 },
      upstream: inTurn(limited({ "retry-after": "120" }), answer()),
    });
    expect((await setup.ask()).status).toBe(429);
    setup.clock.shift(jump);
    await setup.clock.advance(119_000);
    expect((await setup.ask()).status).toBe(429);
    await setup.clock.advance(2000);
    expect((await setup.ask()).status).toBe(200);
    expect(setup.proxy.logged.filter((line) => /clock was set back/.test(line))).toHaveLength(1);
  });

  it.each([
    ["an hour forward", HOUR],
    ["ten years forward", 3650 * DAY],
  ])("%s ends rests and loses nothing", async (_, jump) => {
    await using setup = await lab({
      providers: { lab: ["a", "b"] },
      plugins: [resilience({ rotate: { mode: "sequential" } })],
      upstream: { a: inTurn(limited({ "retry-after": "120" }), answer()) },
    });
    await setup.ask();
    setup.asked();
    setup.clock.shift(jump);
    expect((await setup.ask()).status).toBe(200);
    expect(setup.asked()).not.toBe("");
    // What an upstream says after the jump is believed as before it.
    expect(setup.rests()).toEqual([]);
  });

  it.each([-DAY, DAY])("by %i ms in the middle of an answer does not break it off", async (jump) => {
    await using setup = await lab({
      providers: { lab: ["a"] },
      plugins: [resilience()],
      upstream: later(answer({ text: "whole" }), pause(20_000)),
    });
    const pending = setup.proxy.chat({ model: "lab/m" });
    await setup.clock.advance(5000);
    setup.clock.shift(jump);
    const reply = await setup.finish(pending);
    expect(reply.status).toBe(200);
    expect(reply.text).toContain("whole");
    const { outcome } = await setup.proxy.recorded(1);
    expect(outcome.end).toBe("complete");
    expect(outcome.endedAt).toBeGreaterThanOrEqual(outcome.startedAt);
  });

  it("back, with a reload after it, makes no rest longer either", async () => {
    const clock = virtualClock();
    const transport = virtualTransport(scripted(answer()), { clock });
    const config = () =>
      defineConfig({
        plugins: [openaiCompatible({ name: "lab", baseURL: "http://lab.invalid/v1", keys: ["a"], models: ["m"] })],
      });
    const before = createProxy(config(), { runtime: { clock, transport } });
    const { credentials, runtime } = await before.ready();
    const target = { provider: "lab" };
    const until = runtime.clock.now() + MINUTE;
    credentials.rest(target, { state: "cooling", until, policy: "test", reason: "test", kind: "failing" });
    clock.shift(-HOUR);
    const { rests, clock: steady } = internalsOf(before);
    const after = createProxy(config(), { runtime: { clock, transport } }, { rests, clock: steady });
    const app = await after.ready();
    expect(app.credentials.restOf(target)).toBeDefined();
    await clock.advance(MINUTE);
    expect(app.credentials.restOf(target)).toBeUndefined();
    await Promise.all([before.close(), after.close()]);
  });

  it("back and forth a hundred times in use leaves every key usable", async () => {
    await using setup = await lab({ plugins: [resilience()], retry: { shortWait: 0 } });
    for (let time = 0; time < 100; time++) {
      setup.clock.shift(time % 2 === 0 ? -DAY : DAY);
      expect((await setup.ask()).status).toBe(200);
      await setup.clock.advance(1000);
    }
    expect(setup.rests()).toEqual([]);
  });
});
