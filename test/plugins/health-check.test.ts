import { describe, expect, onTestFinished, test } from "vitest";
import { type Credential, ProxyError, type Rest, type RestTarget } from "waygate";
import { healthCheck, type HealthCheckOptions } from "waygate/plugins/health-check";
import { type FakeApp, fakeApp, fakeCandidates, fakeProvider } from "./_fakes.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

interface Watch {
  readonly app: FakeApp;
  /** Ids of the credentials asked about, in order. */
  readonly asked: string[];
  readonly close: () => void;
  rest(rest: Partial<Rest>, target?: Partial<RestTarget>): void;
  states(): string[];
}

function watch(
  options: HealthCheckOptions = {},
  discover = async (_: Credential, _signal: AbortSignal): Promise<string[]> => ["m"],
): Watch {
  const asked: string[] = [];
  const lab = fakeProvider("lab", {
    discover: (credential, signal) => {
      asked.push(credential.id);
      return discover(credential, signal);
    },
  });
  const app = fakeApp({ providers: [lab, fakeProvider("silent")] });
  fakeCandidates(app, ["a", "b", "c"]);
  const plugin = healthCheck(options);
  const close = (): void => void plugin.close?.(app);
  onTestFinished(close);
  void plugin.ready?.(app);
  return {
    app,
    asked,
    close,
    rest(rest, target = {}) {
      const whole: Rest = {
        state: "cooling",
        until: Number.POSITIVE_INFINITY,
        policy: "test",
        reason: "test",
        kind: "dead",
        ...rest,
      };
      app.credentials.rest({ provider: "lab", credential: "a", ...target }, whole);
    },
    states: () => app.credentials.rests().map(({ rest }) => rest.state),
  };
}

describe("a round", () => {
  test.each<Partial<Rest>>([{ state: "no-credit" }, { state: "invalid" }, { state: "cooling", kind: "failing" }])(
    "A2 wakes a key that rests as %j when its provider answers (report 21)",
    async (rest) => {
      const it = watch();
      it.rest(rest);
      await it.app.clock.advance(6 * HOUR);
      expect(it.asked).toEqual(["a"]);
      expect(it.states()).toEqual([]);
    },
  );

  test.each<Partial<Rest>>([
    { state: "banned" },
    { state: "disabled" },
    { state: "exhausted", kind: "quota_exhausted" },
    { state: "cooling", kind: "rate_limited" },
  ])("asks nobody about %j", async (rest) => {
    const it = watch();
    it.rest(rest);
    await it.app.clock.advance(6 * HOUR);
    expect(it.asked).toEqual([]);
    expect(it.states()).toHaveLength(1);
  });

  test("asks nobody about a rest that ends within 10 minutes", async () => {
    const it = watch();
    it.rest({ until: it.app.clock.now() + 6 * HOUR + 9 * MINUTE, kind: "failing" });
    it.rest({ until: it.app.clock.now() + 6 * HOUR + 11 * MINUTE, kind: "failing" }, { credential: "b" });
    await it.app.clock.advance(6 * HOUR);
    expect(it.asked).toEqual(["b"]);
  });

  test("leaves a key alone that still fails, and asks again in the next round", async () => {
    const it = watch({}, () => Promise.reject(new Error("401")));
    it.rest({ state: "invalid" });
    await it.app.clock.advance(6 * HOUR);
    expect(it.states()).toEqual(["invalid"]);
    await it.app.clock.advance(6 * HOUR);
    expect(it.asked).toEqual(["a", "a"]);
  });

  test("asks once per key, and wakes only the models that are listed again", async () => {
    const it = watch();
    it.rest({ kind: "failing" }, { model: "m" });
    it.rest({ kind: "failing" }, { model: "gone" });
    await it.app.clock.advance(6 * HOUR);
    expect(it.asked).toEqual(["a"]);
    expect(it.app.credentials.rests().map(({ target }) => target.model)).toEqual(["gone"]);
  });

  test("takes a break between two keys", async () => {
    const it = watch();
    for (const credential of ["a", "b", "c"]) it.rest({ state: "invalid" }, { credential });
    await it.app.clock.advance(6 * HOUR);
    expect(it.asked).toEqual(["a"]);
    await it.app.clock.advance(6000);
    expect(it.asked).toEqual(["a", "b", "c"]);
  });

  test("passes over providers that cannot be asked and keys that are gone", async () => {
    const it = watch();
    it.rest({ state: "invalid" }, { provider: "silent", credential: "s" });
    it.rest({ state: "invalid" }, { credential: "gone" });
    it.rest({ state: "invalid" }, { credential: undefined });
    await it.app.clock.advance(6 * HOUR);
    expect(it.asked).toEqual([]);
  });

  test("gives a probe up after 10 s", async () => {
    const it = watch(
      {},
      (_, signal) =>
        new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error))),
    );
    it.rest({ state: "invalid" });
    it.rest({ state: "invalid" }, { credential: "b" });
    await it.app.clock.advance(6 * HOUR + 10_000 + 3000);
    expect(it.asked).toEqual(["a", "b"]);
    expect(it.states()).toEqual(["invalid", "invalid"]);
  });
});

test.each([
  [0, 4.5],
  [0.5, 6],
  [0.999, 7.497],
])("with the number %d a round is due after %d hours", async (dice, hours) => {
  const app = fakeApp({ providers: [fakeProvider("lab", { discover: async () => [] })] });
  app.dice.push(dice);
  const plugin = healthCheck();
  onTestFinished(() => void plugin.close?.(app));
  void plugin.ready?.(app);
  fakeCandidates(app, ["a"]);
  const target = { provider: "lab", credential: "a" };
  app.credentials.rest(target, {
    state: "invalid",
    until: Number.POSITIVE_INFINITY,
    policy: "test",
    reason: "test",
    kind: "dead",
  });
  await app.clock.advance(hours * HOUR - 1);
  expect(app.credentials.rests()).toHaveLength(1);
  await app.clock.advance(2);
  expect(app.credentials.rests()).toHaveLength(0);
});

test("closing ends timers and a probe under way", async () => {
  let given: AbortSignal | undefined;
  const it = watch({}, (_, signal) => {
    given = signal;
    return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
  });
  it.rest({ state: "invalid" });
  await it.app.clock.advance(6 * HOUR);
  it.close();
  await it.app.clock.advance(0);
  expect(given?.aborted).toBe(true);
  expect(it.app.clock.pending).toBe(0);
});

describe("options", () => {
  const failing = (error: Error): HealthCheckOptions & { discover: () => Promise<string[]> } => ({
    discover: async () => {
      throw error;
    },
  });

  test("of a provider hold instead of the usual ones, and false leaves its keys alone", async () => {
    const asked: string[] = [];
    const shop = (name: string): ReturnType<typeof fakeProvider> =>
      fakeProvider(name, { discover: async ({ id }) => (asked.push(id), Promise.reject(new Error("no"))) });
    const app = fakeApp({ providers: [shop("slow"), shop("quick_one"), shop("never")] });
    const plugin = healthCheck({
      every: 4 * HOUR,
      jitter: 0,
      providers: { "quick-one": { every: HOUR }, never: false },
    });
    onTestFinished(() => void plugin.close?.(app));
    void plugin.setup?.(app);
    void plugin.ready?.(app);
    for (const provider of app.providers) {
      fakeCandidates(app, [{ id: `${provider.name}:1`, provider: provider.name }], { provider });
      app.credentials.rest(
        { provider: provider.name, credential: `${provider.name}:1` },
        { state: "invalid", until: Number.POSITIVE_INFINITY, policy: "test", reason: "", kind: "dead" },
      );
    }
    await app.clock.advance(4 * HOUR + 10 * 3000);
    expect(asked.toSorted()).toEqual(["quick_one:1", "quick_one:1", "quick_one:1", "quick_one:1", "slow:1"]);
  });

  test("that name a provider nobody knows stop the start, with the nearest", () => {
    const app = fakeApp({ providers: [fakeProvider("openai")] });
    expect(() => healthCheck({ providers: { opnai: false } }).setup?.(app)).toThrow(/"openai"/);
  });

  test("are passed on to the probe", async () => {
    const app = fakeApp();
    const given: unknown[] = [];
    app.credentials.probe = async (_credential, { by, model } = {}) => {
      given.push({ by, model });
      return { by: "completion", models: ["m"] };
    };
    fakeCandidates(app, ["a"]);
    const plugin = healthCheck({ probe: "completion", model: "tiny" });
    onTestFinished(() => void plugin.close?.(app));
    void plugin.ready?.(app);
    app.credentials.rest(
      { provider: "lab", credential: "a" },
      { state: "invalid", until: Number.POSITIVE_INFINITY, policy: "test", reason: "", kind: "dead" },
    );
    await app.clock.advance(6 * HOUR);
    expect(given).toEqual([{ by: "completion", model: "tiny" }]);
  });

  test("a network that is down is no answer: the next rounds come after a minute, three at most", async () => {
    const error = new ProxyError({ kind: "network", message: "no route" });
    const it = watch({}, failing(error).discover);
    it.rest({ state: "invalid" });
    await it.app.clock.advance(6 * HOUR);
    for (const count of [1, 2, 3, 4, 4, 4]) {
      expect(it.asked).toHaveLength(count);
      await it.app.clock.advance(MINUTE);
    }
    await it.app.clock.advance(6 * HOUR);
    expect(it.asked.length).toBeGreaterThan(4);
    expect(it.asked.length).toBeLessThanOrEqual(8);
  });

  test("a refusal is an answer, so nobody asks again before the next round", async () => {
    const it = watch({}, failing(new ProxyError({ kind: "credential_invalid", message: "401" })).discover);
    it.rest({ state: "invalid" });
    await it.app.clock.advance(6 * HOUR + 10 * MINUTE);
    expect(it.asked).toEqual(["a"]);
  });

  test("a key that was disabled or has come back since the round began is not asked about", async () => {
    const it = watch();
    for (const credential of ["a", "b", "c"]) it.rest({ state: "invalid" }, { credential });
    await it.app.clock.advance(6 * HOUR);
    it.rest({ state: "disabled" }, { credential: "b" });
    it.app.credentials.wake({ provider: "lab", credential: "c" });
    await it.app.clock.advance(MINUTE);
    expect(it.asked).toEqual(["a"]);
    expect(it.states()).toEqual(["disabled"]);
  });
});
