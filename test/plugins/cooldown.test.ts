import { describe, expect, test } from "vitest";
import type {
  Attempt,
  Candidate,
  ErrorKind,
  ErrorScope,
  MaybePromise,
  Provider,
  ProxyErrorInit,
  Rest,
  Verdict,
} from "waygate";
import { cooldown, type CooldownOptions } from "waygate/plugins/cooldown";
import { quotaGroups } from "waygate/plugins/quota-groups";
import {
  type FakeApp,
  fakeApp,
  fakeAttempt,
  fakeCandidates,
  fakeContext,
  fakeError,
  fakeOutcome,
  fakeProvider,
  hookOf,
} from "./_fakes.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

interface Bench {
  readonly app: FakeApp;
  readonly candidate: Candidate;
  readonly start: (candidate?: Candidate, more?: Partial<Attempt>) => Attempt;
  /** An attempt that fails; begins now unless it is given. */
  readonly fail: (
    kind: ErrorKind,
    more?: Partial<ProxyErrorInit>,
    attempt?: Attempt,
  ) => MaybePromise<Verdict | undefined | void>;
  readonly succeed: (attempt?: Attempt, end?: "complete" | "client-aborted" | "upstream-failed") => void;
  readonly rest: (candidate?: Candidate) => Rest | undefined;
  /** Seconds the candidate still rests; 0 when it does not. */
  readonly seconds: (candidate?: Candidate) => number;
}

function bench(options: CooldownOptions = {}, provider: Partial<Provider> = {}): Bench {
  const app = fakeApp({ providers: [fakeProvider("lab", provider)] });
  const plugin = cooldown(options);
  const [candidate] = fakeCandidates(app, ["a"]);
  const start: Bench["start"] = (of = candidate!, more = {}) => fakeAttempt(of, fakeContext(app), more);
  const rest: Bench["rest"] = (of = candidate!) => app.credentials.resting(of);
  return {
    app,
    candidate: candidate!,
    start,
    rest,
    fail(kind, more = {}, attempt = start()) {
      return hookOf(plugin, "fail").handler(fakeError(kind, more), attempt);
    },
    succeed(attempt = start(), end = "complete") {
      void hookOf(plugin, "record").handler(fakeOutcome(attempt, { end }), attempt.ctx);
    },
    seconds: (of) => Math.max(0, (rest(of)?.until ?? 0) - app.clock.now()) / SECOND,
  };
}

const secondKey = ({ app }: Bench): Candidate => fakeCandidates(app, ["b"])[0]!;
const otherModel = ({ candidate }: Bench, model = "other"): Candidate => ({ ...candidate, model });

describe("a time the upstream names", () => {
  test.each<[ErrorKind, number, number]>([
    ["rate_limited", 7 * SECOND, 7],
    ["quota_exhausted", 5 * HOUR, 18_000],
    ["unknown", 90 * SECOND, 90],
  ])("A1 %s rests exactly until then", (kind, wait, expected) => {
    const it = bench();
    it.fail(kind, { retryAt: it.app.clock.now() + wait });
    expect(it.seconds()).toBe(expected);
  });

  test.each([8 * DAY, 3650 * DAY, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY])(
    "A1 is clamped to 7 days when it is %d ms away",
    (wait) => {
      const it = bench();
      it.fail("rate_limited", { retryAt: it.app.clock.now() + wait });
      expect(it.seconds()).toBe((7 * DAY) / SECOND);
    },
  );

  test.each([
    [20 * DAY, 20 * DAY],
    [32 * DAY, 31 * DAY],
    [Number.POSITIVE_INFINITY, 31 * DAY],
  ])("A1 of a quota may be next month's, but no later: %d ms", (wait, expected) => {
    const it = bench();
    it.fail("quota_exhausted", { retryAt: it.app.clock.now() + wait });
    expect(it.seconds()).toBe(expected / SECOND);
  });

  test.each([0, -1, -5 * DAY, Number.NaN])("A1 counts as none when it is %d ms away", (wait) => {
    const it = bench();
    it.fail("rate_limited", { retryAt: it.app.clock.now() + wait });
    expect(it.seconds()).toBe(10);
  });

  test("A1 may be clamped to less", () => {
    const it = bench({ most: HOUR });
    it.fail("rate_limited", { retryAt: it.app.clock.now() + DAY });
    expect(it.seconds()).toBe(3600);
  });

  test("A1 does not let an overloaded upstream rest for longer than 20 s", () => {
    const it = bench();
    it.fail("overloaded", { retryAt: it.app.clock.now() + HOUR });
    expect(it.seconds()).toBe(20);
    const short = bench();
    short.fail("overloaded", { retryAt: short.app.clock.now() + 2 * SECOND });
    expect(short.seconds()).toBe(2);
  });

  test("A2 ends by itself", async () => {
    const it = bench();
    it.fail("rate_limited", { retryAt: it.app.clock.now() + 7 * SECOND });
    await it.app.clock.advance(7 * SECOND);
    expect(it.rest()).toBeUndefined();
  });
});

describe("the ladder", () => {
  test.each<ErrorKind>(["rate_limited", "unknown"])(
    "%s climbs 10, 30, 60, 120, 300 s and stays there",
    async (kind) => {
      const it = bench({ models: 0 });
      const seen: number[] = [];
      for (let step = 0; step < 7; step++) {
        it.fail(kind);
        seen.push(it.seconds());
        await it.app.clock.advance(it.seconds() * SECOND);
      }
      expect(seen).toEqual([10, 30, 60, 120, 300, 300, 300]);
    },
  );

  test("A11 many failures in parallel are one step", async () => {
    const it = bench();
    const attempts = Array.from({ length: 20 }, () => it.start());
    for (const attempt of attempts) {
      it.fail("rate_limited", {}, attempt);
      await it.app.clock.advance(50);
    }
    expect(it.seconds()).toBe(9);
  });

  test("A11 a slow failure of an attempt from before the rest is the same step", async () => {
    const it = bench();
    const slow = it.start();
    it.fail("rate_limited");
    await it.app.clock.advance(15 * SECOND);
    it.fail("rate_limited", {}, slow);
    expect(it.seconds()).toBe(10);
    await it.app.clock.advance(10 * SECOND);
    it.fail("rate_limited");
    expect(it.seconds()).toBe(30);
  });

  test("A11 jitter is 10 % and never goes past the longest step", async () => {
    const it = bench();
    const seen: number[] = [];
    for (const dice of [0, 1, 0, 1, 0, 1]) {
      it.app.dice.push(dice);
      it.fail("rate_limited");
      seen.push(it.seconds());
      await it.app.clock.advance(it.seconds() * SECOND);
    }
    expect(seen.map(Math.round)).toEqual([9, 33, 54, 132, 270, 300]);
  });

  test("rests end at whole milliseconds, whatever the jitter, the upstream and the config say", () => {
    const untils = (["rate_limited", "network", "quota_exhausted"] as const).flatMap((kind) =>
      [{}, { retryAt: 0 }].map((named) => {
        const it = bench();
        const now = it.app.clock.now();
        for (let round = 0; round < 3; round++) {
          it.app.dice.push(0.123_456_789);
          it.fail(kind, { ...named, ...("retryAt" in named && { retryAt: now + 7000.25 }) });
        }
        return it.rest()!.until;
      }),
    );
    expect(untils.filter((until) => !Number.isInteger(until))).toEqual([]);
    const ruled = bench();
    ruled.fail("rate_limited", { ruling: { rule: 0, then: "next", cooldown: 1500.5 } });
    expect(ruled.rest()!.until).toBe(ruled.app.clock.now() + 1501);
  });

  test("begins at the bottom after a success", async () => {
    const it = bench();
    it.fail("rate_limited");
    await it.app.clock.advance(10 * SECOND);
    it.succeed();
    it.fail("rate_limited");
    expect(it.seconds()).toBe(10);
  });

  test("begins at the bottom at 03:00 UTC, but a running rest stays", async () => {
    const it = bench();
    await it.app.clock.advanceTo(Date.UTC(2026, 0, 2, 2, 59, 30));
    it.fail("rate_limited");
    await it.app.clock.advance(10 * SECOND);
    it.fail("rate_limited");
    await it.app.clock.advance(25 * SECOND);
    expect(it.seconds()).toBe(5);
    await it.app.clock.advance(5 * SECOND);
    it.fail("rate_limited");
    expect(it.seconds()).toBe(10);
  });

  test("does not climb with times that the upstream names", async () => {
    const it = bench();
    for (let time = 0; time < 3; time++) {
      it.fail("rate_limited", { retryAt: it.app.clock.now() + SECOND });
      await it.app.clock.advance(SECOND);
    }
    it.fail("rate_limited");
    expect(it.seconds()).toBe(10);
  });
});

describe("trouble of the upstream", () => {
  const kinds = ["upstream", "overloaded", "timeout", "network"] as const;

  test.each(kinds)("A5 %s rests from the second in a row, 20 s at most", async (kind) => {
    const it = bench();
    const seen: number[] = [];
    for (let time = 0; time < 6; time++) {
      it.fail(kind);
      seen.push(it.seconds());
      await it.app.clock.advance(Math.max(1, it.seconds() * SECOND));
    }
    expect(seen).toEqual([0, 10, 20, 20, 20, 20]);
    expect(it.rest()).toBeUndefined();
  });

  test("A5 all kinds count in one row, and a success ends it", async () => {
    const it = bench();
    it.fail("network");
    await it.app.clock.advance(1);
    it.succeed();
    it.fail("timeout");
    expect(it.seconds()).toBe(0);
    await it.app.clock.advance(1);
    it.fail("upstream");
    expect(it.seconds()).toBe(10);
  });

  test("A5 a second attempt in the same millisecond is the second in a row", () => {
    const it = bench();
    it.fail("upstream");
    it.fail("upstream");
    expect(it.seconds()).toBe(10);
  });

  test("A11 failures in parallel are one in a row", async () => {
    const it = bench();
    const attempts = [it.start(), it.start(), it.start()];
    for (const attempt of attempts) {
      await it.app.clock.advance(5);
      it.fail("upstream", {}, attempt);
    }
    expect(it.seconds()).toBe(0);
  });

  test("A5 a success that was cut off or belongs to another model does not end the row", async () => {
    for (const end of ["client-aborted", "upstream-failed"] as const) {
      const it = bench();
      it.fail("upstream");
      it.succeed(undefined, end);
      it.succeed(it.start(otherModel(it)));
      it.fail("upstream");
      expect(it.seconds()).toBe(10);
    }
  });

  test("jitter stays within 20 s", async () => {
    const it = bench();
    it.app.dice.push(1, 1, 1);
    for (let time = 0; time < 3; time++) {
      await it.app.clock.advance(it.seconds() * SECOND);
      it.fail("upstream");
    }
    expect(it.seconds()).toBe(20);
  });
});

describe("what rests", () => {
  test.each<[ErrorKind, ErrorScope | undefined, { model: boolean; key: boolean }]>([
    ["rate_limited", undefined, { model: false, key: false }],
    ["rate_limited", "model", { model: false, key: false }],
    ["rate_limited", "credential", { model: true, key: false }],
    ["rate_limited", "provider", { model: true, key: true }],
    ["credential_invalid", undefined, { model: true, key: false }],
    ["no_credit", undefined, { model: true, key: false }],
    ["banned", undefined, { model: true, key: false }],
    ["model_unavailable", undefined, { model: false, key: false }],
  ])("A3 %s with scope %s", (kind, scope, rests) => {
    const it = bench();
    it.fail(kind, { scope });
    expect(it.rest()).toBeDefined();
    expect({ model: it.rest(otherModel(it)) !== undefined, key: it.rest(secondKey(it)) !== undefined }).toEqual(rests);
  });

  test("A3 the models of a quota group rest together and climb together", async () => {
    const it = bench();
    void quotaGroups({ lab: { flash: ["flash*"] } }).setup?.(it.app);
    const [one, two] = [otherModel(it, "flash-1"), otherModel(it, "flash-2")];
    it.fail("rate_limited", {}, it.start(one));
    expect([it.seconds(two), it.seconds()]).toEqual([10, 0]);
    await it.app.clock.advance(10 * SECOND);
    it.fail("rate_limited", {}, it.start(two));
    expect(it.seconds(one)).toBe(30);
  });

  test.each<[ErrorKind, Partial<ProxyErrorInit>]>([
    ["invalid_request", {}],
    ["context_length", {}],
    ["content_filter", {}],
    ["not_found", {}],
    ["forbidden", {}],
    ["internal", {}],
    ["deadline", {}],
    ["no_candidate", {}],
    ["rate_limited", { scope: "request" }],
    ["unknown", { scope: "request", retryAt: Number.MAX_SAFE_INTEGER }],
  ])("A6 nothing for %s %j", (kind, more) => {
    const it = bench();
    for (let time = 0; time < 5; time++) it.fail(kind, more);
    expect(it.app.credentials.rests()).toEqual([]);
  });

  test("A15 nothing when the client has left", () => {
    const it = bench();
    it.fail("aborted");
    for (const kind of ["network", "upstream", "rate_limited"] as const) {
      const attempt = fakeAttempt(it.candidate, fakeContext(it.app, { signal: AbortSignal.abort() }));
      for (let time = 0; time < 3; time++) it.fail(kind, {}, attempt);
    }
    expect(it.app.credentials.rests()).toEqual([]);
  });

  test("also what fails after the first byte", () => {
    const it = bench();
    it.fail("rate_limited", {}, it.start(it.candidate, { committed: true, status: 200 }));
    expect(it.rest()).toMatchObject({ reason: "rate_limited, 10 s" });
  });
});

describe("states", () => {
  test.each<[ErrorKind, Partial<Rest>]>([
    ["rate_limited", { state: "cooling", kind: "rate_limited" }],
    ["quota_exhausted", { state: "exhausted", kind: "quota_exhausted" }],
    ["unknown", { state: "cooling", kind: "failing" }],
    ["model_unavailable", { state: "cooling", kind: "failing" }],
    ["credential_invalid", { state: "cooling", kind: "dead" }],
    ["no_credit", { state: "no-credit", kind: "dead", until: Number.POSITIVE_INFINITY }],
    ["banned", { state: "banned", kind: "dead", until: Number.POSITIVE_INFINITY }],
  ])("A8 %s is %j", (kind, expected) => {
    const it = bench();
    it.fail(kind, { retryAt: undefined });
    expect(it.rest()).toMatchObject({ ...expected, policy: "cooldown" });
  });

  test("A8 no credit does not end at a time the upstream names", () => {
    const it = bench();
    it.fail("no_credit", { retryAt: it.app.clock.now() + SECOND });
    expect(it.rest()!.until).toBe(Number.POSITIVE_INFINITY);
  });

  test("quota without a time rests 300 s, a model that is not there 1 h, always the same", async () => {
    for (const [kind, expected] of [
      ["quota_exhausted", 300],
      ["model_unavailable", 3600],
    ] as const) {
      const it = bench();
      for (let time = 0; time < 3; time++) {
        it.app.dice.push(0);
        it.fail(kind);
        expect(it.seconds()).toBe(expected);
        await it.app.clock.advance(expected * SECOND);
      }
    }
  });

  test("the reason is for people: status and length", () => {
    const it = bench();
    it.fail("rate_limited", { upstream: { status: 429, body: "secret" }, retryAt: it.app.clock.now() + MINUTE });
    expect(it.rest()!.reason).toBe("429, 60 s");
    const dead = bench();
    dead.fail("no_credit", {}, dead.start(dead.candidate, { status: 402 }));
    expect(dead.rest()!.reason).toBe("402, no-credit");
  });
});

describe("a refused key", () => {
  test("A8 rests 300 s and is invalid when refused again after that", async () => {
    const it = bench();
    it.fail("credential_invalid");
    expect(it.seconds()).toBe(300);
    await it.app.clock.advance(300 * SECOND);
    it.fail("credential_invalid");
    expect(it.rest()).toMatchObject({ state: "invalid", until: Number.POSITIVE_INFINITY });
  });

  test("A11 several refusals at once are one", () => {
    const it = bench();
    const attempts = [it.start(), it.start(), it.start()];
    for (const attempt of attempts) it.fail("credential_invalid", {}, attempt);
    expect(it.rest()).toMatchObject({ state: "cooling" });
    expect(it.seconds()).toBe(300);
  });

  test("is not invalid when it worked in between", async () => {
    const it = bench();
    it.fail("credential_invalid");
    await it.app.clock.advance(300 * SECOND);
    it.succeed(it.start(otherModel(it)));
    it.fail("credential_invalid");
    expect(it.seconds()).toBe(300);
  });

  test("A2 is renewed once for concurrent refusals, and returns at once", async () => {
    let refreshes = 0;
    const it = bench({}, { refresh: async () => ++refreshes });
    const attempts = [it.start(), it.start()];
    for (const attempt of attempts) it.fail("credential_invalid", {}, attempt);
    expect(it.seconds()).toBe(300);
    await it.app.clock.advance(1);
    expect(refreshes).toBe(1);
    expect(it.rest()).toBeUndefined();
  });

  test("is not blamed for a late refusal of its old token", async () => {
    const it = bench({}, { refresh: async () => "fresh" });
    const [early, late] = [it.start(), it.start()];
    it.fail("credential_invalid", {}, early);
    await it.app.clock.advance(1);
    it.fail("credential_invalid", {}, late);
    expect(it.rest()).toBeUndefined();
  });

  test("A8 is invalid when the renewed token is refused as well", async () => {
    const it = bench({}, { refresh: async () => "fresh" });
    it.fail("credential_invalid");
    await it.app.clock.advance(1);
    const renewed = { ...it.candidate, credential: it.app.credentials.get("a")! };
    it.fail("credential_invalid", {}, it.start(renewed));
    expect(it.rest()).toMatchObject({ state: "invalid" });
  });

  test("ends no limit when its token is renewed, and the ladder goes on where it was (report 59)", async () => {
    const it = bench({}, { refresh: async () => "fresh" });
    const renewed = async (): Promise<Attempt> => {
      it.fail("credential_invalid", {}, it.start({ ...it.candidate, credential: it.app.credentials.get("a")! }));
      await it.app.clock.advance(1);
      return it.start({ ...it.candidate, credential: it.app.credentials.get("a")! });
    };
    it.fail("rate_limited");
    await it.app.clock.advance(10 * SECOND);
    it.fail("rate_limited");
    const attempt = await renewed();
    expect(attempt.credential.data).toBe("fresh");
    expect(it.seconds()).toBeCloseTo(30, 0);
    await it.app.clock.advance(30 * SECOND);
    it.fail("rate_limited", {}, it.start(attempt.candidate));
    expect(it.seconds()).toBe(60);

    const spent = bench({}, { refresh: async () => "fresh" });
    spent.fail("quota_exhausted", { scope: "credential", retryAt: spent.app.clock.now() + 5 * HOUR });
    spent.fail("credential_invalid");
    await spent.app.clock.advance(1);
    expect(spent.rest()).toMatchObject({ state: "exhausted" });
    expect(spent.seconds()).toBeCloseTo(5 * 3600, 0);
  });

  test("goes on resting when it cannot be renewed, and the log says so without the token", async () => {
    const it = bench({}, { refresh: () => Promise.reject(new Error("refused by the token endpoint")) });
    it.fail("credential_invalid");
    await it.app.clock.advance(1);
    expect(it.seconds()).toBeCloseTo(300, 0);
    expect(it.app.lines).toEqual([
      expect.stringMatching(/a of lab could not be refreshed.*refused by the token endpoint/),
    ]);
  });
});

describe("a key whose models fail", () => {
  /** Lets a model fail until it rests for 120 s. */
  async function failLong(it: Bench, model: string, kind: ErrorKind = "unknown"): Promise<void> {
    for (let time = 0; time < 4; time++) {
      await it.app.clock.advance(it.seconds(otherModel(it, model)) * SECOND);
      it.fail(kind, {}, it.start(otherModel(it, model)));
    }
  }

  test("rests as a whole for 300 s when three of them rest for 120 s or more", async () => {
    const it = bench();
    it.fail("unknown", { retryAt: it.app.clock.now() + HOUR }, it.start(otherModel(it, "one")));
    it.fail("unknown", { retryAt: it.app.clock.now() + HOUR }, it.start(otherModel(it, "two")));
    expect(it.rest()).toBeUndefined();
    await failLong(it, "three");
    expect(it.seconds()).toBe(300);
    expect(it.rest()).toMatchObject({ state: "cooling", kind: "failing" });
    expect(it.rest(secondKey(it))).toBeUndefined();
  });

  test.each<ErrorKind>(["rate_limited", "quota_exhausted", "model_unavailable"])(
    "A3 does not rest for %s of three models",
    (kind) => {
      const it = bench();
      for (const model of ["one", "two", "three", "four"]) {
        it.fail(kind, { retryAt: it.app.clock.now() + HOUR }, it.start(otherModel(it, model)));
      }
      expect(it.rest()).toBeUndefined();
    },
  );

  test("does not rest for models that have recovered", async () => {
    const it = bench();
    const until = { retryAt: it.app.clock.now() + 10 * MINUTE };
    for (const model of ["one", "two"]) it.fail("unknown", until, it.start(otherModel(it, model)));
    await it.app.clock.advance(10 * MINUTE);
    it.fail("unknown", { retryAt: it.app.clock.now() + HOUR }, it.start(otherModel(it, "three")));
    expect(it.rest()).toBeUndefined();
  });
});

test("rows of the table can be replaced and taken out", () => {
  const it = bench({
    effects: {
      upstream: { streak: "own", state: "cooling", drop: "failing", scope: "credential", steps: [MINUTE] },
      rate_limited: undefined,
    },
  });
  it.fail("rate_limited");
  expect(it.rest()).toBeUndefined();
  it.fail("upstream");
  expect([it.seconds(), it.seconds(otherModel(it))]).toEqual([60, 60]);
});

test("failures of names that clients make up do not pile up: the oldest is forgotten", () => {
  const it = bench({ breaker: false });
  it.fail("upstream");
  for (let name = 0; name < 256; name++) it.fail("upstream", {}, it.start(otherModel(it, `made-up-${name}`)));
  it.fail("upstream");
  expect(it.rest()).toBeUndefined();
  it.fail("upstream");
  expect(it.seconds()).toBe(10);
});
