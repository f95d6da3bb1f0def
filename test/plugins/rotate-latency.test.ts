import { describe, expect, test } from "vitest";
import type { Candidate, Context } from "waygate";
import { rotate } from "waygate/plugins/rotate";
import {
  type FakeApp,
  fakeApp,
  fakeAttempt,
  fakeCandidates,
  fakeContext,
  fakeError,
  fakeOutcome,
  fakeProvider,
  fakeSelection,
  hookOf,
  idsOf,
  select,
} from "./_fakes.ts";

interface Race {
  readonly app: FakeApp;
  readonly first: (candidates: readonly Candidate[], ctx?: Context) => string;
  /** An answer of that key whose first token took so long. */
  readonly answers: (candidate: Candidate, ms: number, ctx?: Context) => void;
  readonly plugin: ReturnType<typeof rotate>;
}

function race(app: FakeApp = fakeApp()): Race {
  const plugin = rotate({ mode: "latency" });
  const stream = fakeContext(app, { stream: true });
  return {
    app,
    plugin,
    first: (candidates, ctx = stream) => select(plugin, candidates, ctx)[0]!.credential.id,
    answers(candidate, ms, ctx = stream) {
      const startedAt = app.clock.now();
      const attempt = fakeAttempt(candidate, ctx, { startedAt, firstByteAt: startedAt + ms });
      void hookOf(plugin, "record").handler(fakeOutcome(attempt), ctx);
    },
  };
}

describe("latency", () => {
  test("tries every key once and then takes the one that was quickest to its first token", () => {
    const { app, first, answers } = race();
    const candidates = fakeCandidates(app, ["a", "b", "c"]);
    const times: Record<string, number> = { a: 900, b: 200, c: 500 };
    const asked = candidates.map(() => {
      const id = first(candidates);
      answers(
        candidates.find(({ credential }) => credential.id === id)!,
        times[id]!,
      );
      return id;
    });
    expect(asked.toSorted()).toEqual(["a", "b", "c"]);
    for (let time = 0; time < 5; time++) expect(first(candidates)).toBe("b");
  });

  test("leaves a key that has become slow, after a few answers and not after one", () => {
    const { app, first, answers } = race();
    const [a, b] = fakeCandidates(app, ["a", "b"]);
    for (let time = 0; time < 5; time++) answers(a!, 100);
    answers(b!, 300);
    answers(a!, 500);
    expect(first([a!, b!])).toBe("a");
    for (let time = 0; time < 3; time++) answers(a!, 800);
    expect(first([a!, b!])).toBe("b");
  });

  test("tries a slow start again, the slower the later", async () => {
    const { app, first, answers } = race();
    const [a, b] = fakeCandidates(app, ["a", "b"]);
    answers(a!, 100);
    answers(b!, 1000);
    await app.clock.advance(5 * 60_000);
    answers(a!, 100);
    expect(first([a!, b!])).toBe("a");
    await app.clock.advance(6 * 60_000);
    for (let time = 0; time < 5; time++) answers(a!, 100);
    expect(first([a!, b!])).toBe("b");
    // One look was enough: it is quick now.
    answers(b!, 50);
    expect(first([a!, b!])).toBe("b");
  });

  test("counts what is in flight, so that the quickest key is not buried", () => {
    const { app, first, answers } = race();
    const [a, b] = fakeCandidates(app, ["a", "b"]);
    answers(a!, 100);
    answers(b!, 150);
    expect(first([a!, b!])).toBe("a");
    const lease = app.credentials.flights.acquire(a!);
    expect(first([a!, b!])).toBe("b");
    lease!.release();
    expect(first([a!, b!])).toBe("a");
  });

  test("is measured per model, and whole answers apart from streams", () => {
    const { app, first, answers } = race();
    const [a, b] = fakeCandidates(app, ["a", "b"]);
    const others = fakeCandidates(app, ["a", "b"], { model: "n" });
    const whole = fakeContext(app, { stream: false });
    for (const [candidate, ms] of [
      [a, 100],
      [b, 900],
    ] as const)
      answers(candidate!, ms);
    for (const [candidate, ms] of [
      [a, 9000],
      [b, 1000],
    ] as const)
      answers(candidate!, ms, whole);
    for (const [index, ms] of [800, 80].entries()) answers(others[index]!, ms);
    expect(first([a!, b!])).toBe("a");
    expect(first([a!, b!], whole)).toBe("b");
    expect(first(others)).toBe("b");
  });

  test("compares providers of one rank", () => {
    const app = fakeApp({ providers: [fakeProvider("one"), fakeProvider("two")] });
    const { first, answers } = race(app);
    const [a] = fakeCandidates(app, ["a"], { provider: app.providers[0]! });
    const [b] = fakeCandidates(app, ["b"], { provider: app.providers[1]! });
    answers(a!, 400);
    answers(b!, 100);
    expect(first([a!, b!])).toBe("b");
  });

  test("a first token that never came counts as long as it was waited for", async () => {
    const { app, plugin, first, answers } = race();
    const [a, b] = fakeCandidates(app, ["a", "b"]);
    answers(b!, 5000);
    const attempt = fakeAttempt(a!, fakeContext(app, { stream: true }));
    await app.clock.advance(20_000);
    void hookOf(plugin, "fail").handler(fakeError("timeout"), attempt);
    expect(first([a!, b!])).toBe("b");
  });

  test("with more keys than are worth a try the measured ones are kept to", () => {
    const { app, plugin, answers } = race();
    const candidates = fakeCandidates(
      app,
      Array.from({ length: 40 }, (_, index) => `k${index}`),
    );
    for (let index = 0; index < 7; index++) answers(candidates[index]!, 100 + index);
    const ctx = fakeContext(app, { stream: true });
    expect(idsOf(select(plugin, candidates, ctx)).startsWith("k7 k8")).toBe(true);
    answers(candidates[7]!, 50);
    expect(idsOf(select(plugin, candidates, ctx)).startsWith("k7 k0 k1")).toBe(true);
  });

  test("a clock that is set back does no harm", () => {
    const { app, first, answers } = race();
    const [a, b] = fakeCandidates(app, ["a", "b"]);
    answers(a!, 100);
    answers(b!, 200);
    app.clock.shift(-86_400_000);
    expect(first([a!, b!])).toBe("a");
    for (let time = 0; time < 5; time++) answers(a!, 900);
    expect(first([a!, b!])).toBe("b");
  });

  test("an explanation says how long each took", () => {
    const { app, plugin, answers } = race();
    const [a, b] = fakeCandidates(app, ["a", "b"]);
    answers(a!, 340.4);
    const selection = fakeSelection(true);
    select(plugin, [a!, b!], fakeContext(app, { stream: true }), selection);
    expect(selection.moves).toEqual([
      { candidate: b, reason: "latency: not measured yet" },
      { candidate: a, reason: "latency: 340 ms" },
    ]);
  });
});

describe("cost", () => {
  async function shop(dice: readonly number[] = []): Promise<{ app: FakeApp; plugin: ReturnType<typeof rotate> }> {
    const app = fakeApp({ providers: ["openai", "groq", "lab", "openrouter"].map((name) => fakeProvider(name)) });
    app.dice.push(...dice);
    const plugin = rotate({ mode: "cost", tolerance: 0 });
    await plugin.setup?.(app);
    return { app, plugin };
  }
  const at = (app: FakeApp, provider: string, ids: readonly string[], model: string): Candidate[] =>
    fakeCandidates(app, ids, { provider: app.providers.find(({ name }) => name === provider)!, model });

  test("takes the cheaper provider, and one whose price is unknown last", async () => {
    const { app, plugin } = await shop();
    const candidates = [
      ...at(app, "lab", ["l"], "home-made"),
      ...at(app, "openai", ["o"], "gpt-4o"),
      ...at(app, "openai", ["p"], "gpt-4o-mini"),
    ];
    expect(idsOf(select(plugin, candidates, fakeContext(app)))).toBe("p o l");
  });

  test("balances the keys of one price, and draws between providers of one price", async () => {
    const { app, plugin } = await shop();
    const cheap = at(app, "openai", ["a", "b"], "gpt-4o-mini");
    const ctx = fakeContext(app);
    void hookOf(plugin, "transform").handler(fakeAttempt(cheap[0]!, ctx));
    expect(idsOf(select(plugin, cheap, ctx))).toBe("b a");
    const unknown = [...at(app, "lab", ["x"], "home-made"), ...at(app, "groq", ["y"], "home-made-too")];
    const firsts = new Set<string>();
    for (const dice of [
      [0.1, 0.9],
      [0.9, 0.1],
    ]) {
      app.dice.splice(0, app.dice.length, ...dice);
      firsts.add(select(plugin, unknown, ctx)[0]!.credential.id);
    }
    expect(firsts).toEqual(new Set(["x", "y"]));
  });

  test("an explanation names the price of each", async () => {
    const { app, plugin } = await shop();
    const candidates = [...at(app, "lab", ["l"], "home-made"), ...at(app, "openai", ["p"], "gpt-4o-mini")];
    const selection = fakeSelection(true);
    select(plugin, candidates, fakeContext(app), selection);
    expect(selection.moves.map(({ reason }) => reason)).toEqual([
      "cost: 0.15 in, 0.6 out (USD per million tokens)",
      "cost: price unknown",
    ]);
  });
});
