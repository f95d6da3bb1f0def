import { describe, expect, it, test } from "vitest";
import type { Candidate, Gate, Grant, Refused } from "waygate";
import { cooldown } from "waygate/plugins/cooldown";
import { limits, type LimitsOptions } from "waygate/plugins/limits";
import { quotaGroups } from "waygate/plugins/quota-groups";
import { answer, seededRandom, status } from "waygate/testing";
import { lab } from "../rules/_lab.ts";
import { fakeApp, type FakeApp, fakeCandidates, fakeContext, fakeProvider } from "./_fakes.ts";

const providers = [fakeProvider("lab"), fakeProvider("gemini_cli")];

function started(options: LimitsOptions, app: FakeApp = fakeApp({ providers })): { app: FakeApp; gate: Gate } {
  void limits(options).setup?.(app);
  return { app, gate: app.credentials.gates.at(-1)! };
}

/** How many requests a candidate is let through for, of twenty. */
function passes({ app, gate }: { app: FakeApp; gate: Gate }, candidate: Candidate): number {
  let passed = 0;
  for (let index = 0; index < 20; index++) {
    const said = gate.reserve(candidate, fakeContext(app)) as Grant | Refused | undefined;
    if (said === undefined) return Number.POSITIVE_INFINITY;
    if (said.refused === undefined) {
      passed++;
      void said.settle({ sent: true, rejected: false, usage: undefined });
    }
  }
  return passed;
}

describe("rules", () => {
  const key = (app: FakeApp, model = "m", more = {}): Candidate =>
    fakeCandidates(app, [{ id: "a", ...more }], { model })[0]!;

  test.each<[string, LimitsOptions, number]>([
    ["none", {}, Number.POSITIVE_INFINITY],
    ["of keys", { keys: { rpm: 3 } }, 3],
    ["0 is no limit", { keys: { rpm: 0, rpd: 4 } }, 4],
    ["the smallest of several", { keys: { rpm: 5, rpd: 4 }, rules: [{ rpm: 6 }, { models: "m", rpd: 2 }] }, 2],
    ["of a provider by a glob", { rules: [{ provider: "l*", rpm: 2 }] }, 2],
    ["of another provider", { rules: [{ provider: "gemini-cli", rpm: 2 }] }, Number.POSITIVE_INFINITY],
    ["of other models", { rules: [{ models: ["x", "y*"], rpm: 2 }] }, Number.POSITIVE_INFINITY],
    ["of other priorities", { rules: [{ priority: [1, 3], rpm: 2 }] }, Number.POSITIVE_INFINITY],
    ["of this priority", { rules: [{ priority: 2, rpm: 2 }] }, 2],
    ["of any length", { keys: { caps: [{ window: 5000, requests: 3 }] } }, 3],
    ["with a margin, never below one", { keys: { rpm: 1, rpd: 10 }, margin: 0.5 }, 1],
  ])("%s", (_name, options, expected) => {
    const run = started(options);
    expect(passes(run, key(run.app, "m", { priority: 2 }))).toBe(expected);
  });

  test("of the key itself stand in place of the usual ones", () => {
    const run = started({ keys: { rpm: 3 } });
    expect(passes(run, key(run.app, "m", { limits: { rpd: 5 } }))).toBe(5);
  });

  test("count models of a key together, or each alone", () => {
    const together = started({ keys: { rpm: 3 } });
    expect([passes(together, key(together.app)), passes(together, key(together.app, "n"))]).toEqual([3, 0]);
    const alone = started({ rules: [{ rpm: 3, perModel: true }] });
    expect([passes(alone, key(alone.app)), passes(alone, key(alone.app, "n"))]).toEqual([3, 3]);
  });

  test("count keys of a provider together where they say so", () => {
    const run = started({ rules: [{ each: "provider", rpm: 3 }] });
    const [a, b] = fakeCandidates(run.app, ["a", "b"]) as [Candidate, Candidate];
    const [c] = fakeCandidates(run.app, ["c"], { provider: providers[1]! }) as [Candidate];
    expect([passes(run, a), passes(run, b), passes(run, c)]).toEqual([3, 0, 3]);
  });

  test("know quota groups by name, and count a group once", () => {
    const app = fakeApp({ providers });
    void quotaGroups({ lab: { flash: ["*-flash*"] } }).setup?.(app);
    const run = started({ rules: [{ models: "flash", rpm: 3, perModel: true }] }, app);
    expect([passes(run, key(app, "x-flash")), passes(run, key(app, "y-flash-1")), passes(run, key(app, "z"))]).toEqual([
      3,
      0,
      Number.POSITIVE_INFINITY,
    ]);
  });

  test("that say the same twice are two", () => {
    const run = started({ rules: [{ rpm: 6 }, { rpm: 6 }] });
    expect(passes(run, key(run.app))).toBe(6);
  });

  test("refuse with what, which kind, until when and for whom", () => {
    const { app, gate } = started({
      keys: { caps: [{ window: 7_200_000, requests: 1 }] },
      rules: [{ models: "m", each: "provider", rpm: 1 }],
    });
    const candidate = key(app);
    const ctx = fakeContext(app);
    void (gate.reserve(candidate, ctx) as Grant).settle({ sent: true, rejected: false, usage: undefined });
    const now = app.clock.now();
    expect(gate.reserve(candidate, ctx)).toEqual({
      refused: "1 requests per 7200 s reached",
      kind: "quota_exhausted",
      until: now + 7_200_000,
      scope: "key",
      holds: "key",
    });
    const [other] = fakeCandidates(app, ["b"]) as [Candidate];
    expect(gate.reserve(other, ctx)).toMatchObject({ kind: "rate_limited", until: now + 60_000, holds: "model" });
  });

  test.each<[LimitsOptions, RegExp]>([
    [{ keys: { rpm: -1 } }, /rpm cannot be -1/],
    [{ keys: { caps: [{ window: 0, requests: 1 }] } }, /window cannot be 0/],
    [{ rules: [{ provider: "lab" }] }, /rule 1 limits nothing/],
    [{ margin: 0 }, /margin cannot be 0/],
    [{ margin: 95 }, /margin cannot be 95/],
    [{ reset: { at: "noon" } }, /reset cannot be/],
    [{ reset: { zone: "Mars" } }, /reset cannot be/],
    [{ clients: { "x*": { tpd: Number.NaN } } }, /tpd cannot be NaN/],
  ])("%o are refused at start", (options, said) => expect(() => limits(options)).toThrow(said));
});

describe("the guess of tokens", () => {
  const guessed = async (body: object, path = "/v1/chat/completions"): Promise<number> => {
    await using bench = await lab({ providers: { lab: ["a"] }, plugins: [limits({ keys: { tpm: 1e9 }, answer: 50 })] });
    let taken = 0;
    const { state } = bench.proxy.app;
    const { reserve } = state;
    Object.assign(state, {
      reserve(takes: Parameters<typeof reserve>[0]) {
        taken = takes[0]!.amount;
        return reserve(takes);
      },
    });
    const sent = bench.proxy.fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "lab/m", ...body }),
    });
    await bench.finish(sent);
    return taken;
  };
  const say = (content: unknown): object => ({ messages: [{ role: "user", content }] });

  it("is a quarter of the characters and an answer", async () => {
    const short = await guessed(say("x"));
    expect(short).toBeGreaterThan(60);
    expect(short).toBeLessThan(80);
    expect((await guessed(say("x".repeat(4000)))) - short).toBe(1000);
  });

  it("does not take media for words", async () => {
    const data = "A".repeat(400_000);
    const image = await guessed(say([{ type: "image_url", image_url: { url: `data:image/png;base64,${data}` } }]));
    const audio = await guessed(say([{ type: "input_audio", input_audio: { format: "wav", data } }]));
    for (const tokens of [image, audio]) {
      expect(tokens).toBeGreaterThan(765);
      expect(tokens).toBeLessThan(1000);
    }
  });

  it("has no answer for embeddings", async () => {
    expect(await guessed({ input: "x" }, "/v1/embeddings")).toBeLessThan(20);
  });
});

describe("the fair cycle", () => {
  const keys = { lab: ["a", "b", "c"] };
  const asks = async (bench: Awaited<ReturnType<typeof lab>>, count: number): Promise<string> => {
    for (let index = 0; index < count; index++) await bench.ask();
    return bench.asked();
  };

  it("uses every key once before one is used again", async () => {
    await using bench = await lab({ providers: keys, plugins: [limits({ fairCycle: { requests: 2 } })] });
    expect(await asks(bench, 8)).toBe("a a b b c c a a");
  });

  it("counts a long rest as used up, and does not come back to the key before the others have had their share", async () => {
    await using bench = await lab({
      providers: keys,
      plugins: [cooldown(), limits({ fairCycle: { requests: 3 } })],
      upstream: { a: status(429, {}, { "retry-after": "400" }) },
    });
    expect(await asks(bench, 1)).toBe("a b");
    await bench.clock.advance(500_000);
    expect(await asks(bench, 3)).toBe("b b c");
  });

  it("waits for a key that returns shortly before the next cycle begins", async () => {
    await using bench = await lab({
      providers: keys,
      plugins: [cooldown(), limits({ fairCycle: { requests: 1, rest: 30_000 } })],
      upstream: { c: status(429, {}, { "retry-after": "60" }) },
      retry: { queueWait: 0 },
    });
    expect(await asks(bench, 3)).toBe("a b c");
    expect((await bench.ask()).status).toBe(429);
    await bench.clock.advance(60_000);
    expect(await asks(bench, 1)).toBe("a");
  });

  it("has a cycle of its own for each priority, and ends after its length", async () => {
    await using bench = await lab({
      providers: {
        lab: [
          { value: "a", priority: 1 },
          { value: "b", priority: 1 },
          { value: "c", priority: 2 },
        ],
      },
      plugins: [limits({ fairCycle: { requests: 2, length: 10_000 } })],
    });
    expect(await asks(bench, 3)).toBe("a a b");
    await bench.clock.advance(10_000);
    expect(await asks(bench, 5)).toBe("a a b b a");
  });
});

describe("random traffic", () => {
  /** The most that a list of uses adds up to within any window. */
  const peak = (uses: readonly { readonly at: number; readonly amount: number }[], window: number): number => {
    let most = 0;
    for (const { at } of uses) {
      most = Math.max(
        most,
        uses.filter((use) => use.at >= at && use.at < at + window).reduce((sum, use) => sum + use.amount, 0),
      );
    }
    return most;
  };

  it.each([1, 2, 3, 4, 5, 6])(
    "E5 never exceeds any limit in any window, and leaves nothing behind (seed %i)",
    async (seed) => {
      const random = seededRandom(seed);
      const below = (count: number): number => Math.floor(random() * count);
      const rpm = 2 + below(5);
      const cap = { window: 7000, requests: 1 + below(3) };
      const tpm = 400 + below(400);
      const rpd = 30 + below(30);
      const sent: { readonly key: string | undefined; readonly at: number; readonly amount: number }[] = [];
      const tokens: { readonly at: number; readonly amount: number }[] = [];
      await using bench = await lab({
        providers: { lab: ["a", "b", "c"], spare: ["d"] },
        models: { both: ["lab/m", "spare/m"] },
        concurrency: 2,
        plugins: [
          cooldown(),
          limits({
            keys: { rpm, rpd, caps: [cap] },
            rules: [
              { provider: "spare", each: "provider", rpm: 1 },
              { tpm, each: "provider", provider: "lab" },
            ],
            answer: 100,
          }),
        ],
        retry: { queueWait: 8000, queueSize: 10 },
        timeouts: { whole: 3000, headers: 3000 },
        upstream: ({ key }) => {
          // Counters know whole milliseconds, of the clock that never jumps.
          const at = Math.floor(bench.clock.monotonic());
          sent.push({ key, at, amount: 1 });
          const dice = random();
          if (dice < 0.1) return status(500);
          if (dice < 0.15) return status(429, {}, { "retry-after": String(below(20)) });
          // Never more than the guess for such a request, so that what was used is bounded as well.
          const [input, output] = [10 + below(20), below(60)];
          if (key !== "d") tokens.push({ at, amount: input + output });
          return answer({ usage: { prompt_tokens: input, completion_tokens: output, total_tokens: 1 } });
        },
      });
      const start = bench.clock.now();
      const { state } = bench.proxy.app;
      const open = new Set<string>();
      const { reserve, settle } = state;
      Object.assign(state, {
        reserve(takes: Parameters<typeof reserve>[0]) {
          const reservation = reserve(takes) as Awaited<ReturnType<typeof reserve>>;
          if (reservation.granted) open.add(reservation.id);
          return reservation;
        },
        settle(id: string, amounts: Parameters<typeof settle>[1]) {
          if (!open.delete(id)) throw new Error("settled twice");
          return settle(id, amounts);
        },
      });
      const running: Promise<unknown>[] = [];
      for (let request = 0; request < 400; request++) {
        const leaving = new AbortController();
        const asked = bench.proxy.chat(
          { model: below(3) === 0 ? "lab/m" : "both", max_tokens: 60, stream: below(2) === 0 },
          { signal: leaving.signal },
        );
        running.push(asked.then((response) => response.text()).catch(() => undefined));
        if (below(8) === 0) bench.clock.timer(() => leaving.abort(), below(3000));
        await bench.clock.advance(below(4) === 0 ? below(15_000) : below(400));
      }
      await bench.clock.advance(60_000);
      await Promise.all(running);

      for (const key of ["a", "b", "c", "d"]) {
        const of = sent.filter((use) => use.key === key);
        expect(of.length).toBeGreaterThan(0);
        expect(peak(of, 60_000)).toBeLessThanOrEqual(key === "d" ? 1 : rpm);
        expect(peak(of, cap.window)).toBeLessThanOrEqual(cap.requests);
        const days = Map.groupBy(of, ({ at }) => Math.floor((start + at - 3 * 3_600_000) / 86_400_000));
        for (const day of days.values()) expect(day.length).toBeLessThanOrEqual(rpd);
      }
      expect(peak(tokens, 60_000)).toBeGreaterThan(0);
      expect(peak(tokens, 60_000)).toBeLessThanOrEqual(tpm);
      expect(open.size).toBe(0);
      expect(bench.pool.room.size).toBe(0);
      for (const key of ["a", "b", "c", "d"]) expect(bench.pool.inFlight(bench.id(key))).toBe(0);
      expect(bench.proxy.records.length).toBe(400);
    },
  );
});
