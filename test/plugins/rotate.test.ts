import { describe, expect, test } from "vitest";
import type { Candidate, HookObject } from "waygate";
import { quotaGroups } from "waygate/plugins/quota-groups";
import { rotate, type RotateOptions } from "waygate/plugins/rotate";
import {
  type FakeApp,
  fakeApp,
  fakeAttempt,
  fakeCandidates,
  fakeContext,
  fakeProvider,
  fakeSelection,
  hookOf,
  idsOf,
  select,
} from "./_fakes.ts";

const HOUR = 3_600_000;

interface Rotation {
  readonly app: FakeApp;
  readonly plugin: ReturnType<typeof rotate>;
  readonly order: (candidates: readonly Candidate[]) => string;
  /** Counts an attempt of the candidate. */
  readonly use: (candidate: Candidate, times?: number) => void;
}

function rotation(options: RotateOptions = {}, app: FakeApp = fakeApp()): Rotation {
  const plugin = rotate(options);
  const ctx = fakeContext(app);
  return {
    app,
    plugin,
    order: (candidates) => idsOf(select(plugin, candidates, ctx)),
    use(candidate, times = 1) {
      for (let time = 0; time < times; time++) void hookOf(plugin, "transform").handler(fakeAttempt(candidate, ctx));
    },
  };
}

/** How often each key comes first when every number from 0 to 1 is drawn once, in percent. */
function shares({ app, order }: Rotation, candidates: readonly Candidate[], draws = 1000): Record<string, number> {
  const firsts: Record<string, number> = {};
  for (let draw = 0; draw < draws; draw++) {
    app.dice.push((draw + 0.5) / draws);
    const first = order(candidates).split(" ")[0]!;
    firsts[first] = (firsts[first] ?? 0) + 100 / draws;
  }
  return firsts;
}

describe("balanced", () => {
  test("draws the less used key with more weight: (most - uses) + tolerance + 1", () => {
    const setup = rotation();
    const candidates = fakeCandidates(setup.app, ["a", "b", "c"]);
    [10, 8, 0].forEach((uses, index) => setup.use(candidates[index]!, uses));
    const { a, b, c } = shares(setup, candidates);
    expect(a).toBeCloseTo(16.7, 0);
    expect(b).toBeCloseTo(25, 0);
    expect(c).toBeCloseTo(58.3, 0);
  });

  test("puts the rest behind the drawn one, least used first", () => {
    const setup = rotation();
    const candidates = fakeCandidates(setup.app, ["a", "b", "c", "d"]);
    [3, 2, 1, 0].forEach((uses, index) => setup.use(candidates[index]!, uses));
    setup.app.dice.push(0);
    expect(setup.order(candidates)).toBe("a d c b");
  });

  test("with tolerance 0 takes the least used, in the order of the config when equal", () => {
    const setup = rotation({ tolerance: 0 });
    const candidates = fakeCandidates(setup.app, ["a", "b", "c"]);
    setup.use(candidates[0]!, 2);
    setup.use(candidates[2]!, 1);
    expect(setup.order(candidates)).toBe("b c a");
    setup.use(candidates[1]!, 2);
    expect(setup.order(candidates)).toBe("c a b");
  });

  test("draws a key with twice the weight twice as often, and keeps doing so", () => {
    const setup = rotation();
    const candidates = fakeCandidates(setup.app, [{ id: "a", weight: 2 }, "b"]);
    expect(shares(setup, candidates)["a"]).toBeCloseTo(66.7, 0);
    setup.use(candidates[0]!, 2000);
    setup.use(candidates[1]!, 1000);
    expect(shares(setup, candidates)["a"]).toBeCloseTo(66.7, 0);
  });

  test("looks at keys that are in use only when all are", () => {
    const setup = rotation();
    const candidates = fakeCandidates(setup.app, ["a", "b", "c"]);
    setup.use(candidates[2]!, 50);
    const lease = setup.app.credentials.flights.acquire(candidates[0]!);
    setup.app.credentials.flights.acquire({ ...candidates[1]!, model: "another" });
    expect(shares(setup, candidates, 20)).toEqual({ c: 100 });
    setup.app.credentials.flights.acquire(candidates[2]!);
    expect(Object.keys(shares(setup, candidates)).toSorted()).toEqual(["a", "b", "c"]);
    lease!.release();
    expect(shares(setup, candidates, 20)).toEqual({ a: 100 });
  });

  test("keeps the order of providers, positions and key priorities, and balances within each", () => {
    const app = fakeApp({ providers: [fakeProvider("one"), fakeProvider("two")] });
    const setup = rotation({ tolerance: 0 }, app);
    const [one, two] = app.providers;
    const candidates = [
      ...fakeCandidates(
        app,
        [
          { id: "a", priority: 1 },
          { id: "b", priority: 1 },
          { id: "c", priority: 2 },
          { id: "d", priority: 2 },
        ],
        { provider: one },
      ),
      ...fakeCandidates(app, ["e", "f"], { provider: two }),
      ...fakeCandidates(app, ["g", "h"], { provider: two, position: 1 }),
    ];
    for (const index of [0, 2, 4, 6]) setup.use(candidates[index]!);
    expect(setup.order(candidates)).toBe("b a d c f e h g");
  });

  test("K5 stands below tiers wherever the plugin is listed", () => {
    expect(rotate().hooks?.selectKey).toMatchObject({ precedence: "balance", spread: true });
  });
});

describe("the other modes", () => {
  test("sequential stays with the most used key", () => {
    const setup = rotation({ mode: "sequential" });
    const candidates = fakeCandidates(setup.app, ["a", "b", "c"]);
    expect(setup.order(candidates)).toBe("a b c");
    setup.use(candidates[1]!, 2);
    setup.use(candidates[2]!, 1);
    setup.app.credentials.flights.acquire(candidates[1]!);
    expect(setup.order(candidates)).toBe("b c a");
    expect(setup.order(candidates.filter((candidate) => candidate !== candidates[1]))).toBe("c a");
    expect(setup.plugin.hooks?.selectKey).toMatchObject({ spread: false });
  });

  test("round-robin takes the key that was unused for longest", () => {
    const setup = rotation({ mode: "round-robin" });
    const candidates = fakeCandidates(setup.app, ["a", "b", "c"]);
    const firsts = Array.from({ length: 7 }, () => {
      const first = setup.order(candidates).split(" ")[0]!;
      setup.use(candidates.find(({ credential }) => credential.id === first)!);
      return first;
    });
    expect(firsts.join("")).toBe("abcabca");
  });

  test("least-used takes the least used of the keys that have nothing to do", () => {
    const setup = rotation({ mode: "least-used" });
    const candidates = fakeCandidates(setup.app, ["a", "b", "c"]);
    setup.use(candidates[0]!, 5);
    setup.use(candidates[1]!, 3);
    setup.app.credentials.flights.acquire(candidates[2]!);
    expect(setup.order(candidates)).toBe("b a c");
  });

  test("weighted draws by the keys' weights, whatever was used", () => {
    const setup = rotation({ mode: "weighted" });
    const candidates = fakeCandidates(setup.app, [{ id: "a", weight: 3 }, "b"]);
    setup.use(candidates[0]!, 100);
    expect(shares(setup, candidates)["a"]).toBeCloseTo(75, 0);
  });

  test("random draws evenly", () => {
    const setup = rotation({ mode: "random" });
    const candidates = fakeCandidates(setup.app, [{ id: "a", weight: 3 }, "b"]);
    setup.use(candidates[0]!, 100);
    expect(shares(setup, candidates)["a"]).toBeCloseTo(50, 0);
  });

  test("usage-gap goes round until the counts differ by more than the gap, then takes the least used", () => {
    const setup = rotation({ mode: "usage-gap", gap: 20 });
    const candidates = fakeCandidates(setup.app, ["a", "b", "c"]);
    [10, 9, 8].forEach((uses, index) => setup.use(candidates[index]!, uses));
    expect(setup.order(candidates)).toBe("a b c");
    setup.use(candidates[0]!, 1);
    expect(setup.order(candidates)).toBe("c b a");
  });

  test("an unknown one is refused with the modes there are", () => {
    expect(() => rotate({ mode: "chance" as "random" })).toThrow(
      /no mode "chance"[\s\S]*balanced, sequential[\s\S]*cost/,
    );
  });
});

describe("counting", () => {
  test("is per model, and per group where there is one", () => {
    const app = fakeApp();
    void quotaGroups({ lab: { flash: ["flash*"] } }).setup?.(app);
    const setup = rotation({ tolerance: 0 }, app);
    const flash = fakeCandidates(app, ["a", "b"], { model: "flash" });
    setup.use(flash[0]!);
    expect(setup.order(flash)).toBe("b a");
    expect(setup.order(fakeCandidates(app, ["a", "b"], { model: "flash-lite" }))).toBe("b a");
    expect(setup.order(fakeCandidates(app, ["a", "b"], { model: "pro" }))).toBe("a b");
  });

  test("begins again at 03:00 UTC", async () => {
    const setup = rotation({ tolerance: 0 });
    const candidates = fakeCandidates(setup.app, ["a", "b"]);
    setup.use(candidates[0]!);
    await setup.app.clock.advance(15 * HOUR - 1);
    expect(setup.order(candidates)).toBe("b a");
    await setup.app.clock.advance(1);
    expect(setup.order(candidates)).toBe("a b");
  });

  test("forgets what was used first when names without end are made up", () => {
    const setup = rotation({ tolerance: 0 });
    const [first] = fakeCandidates(setup.app, ["a", "b"], { model: "first" });
    setup.use(first!);
    for (let name = 0; name < 250_000; name++) setup.use({ ...first!, model: `made-up-${name}` });
    expect(setup.order(fakeCandidates(setup.app, ["a", "b"], { model: "first" }))).toBe("a b");
    expect(setup.order(fakeCandidates(setup.app, ["a", "b"], { model: "made-up-249999" }))).toBe("b a");
  });

  test("does not mix two proxies", () => {
    const [one, two] = [rotation({ tolerance: 0 }), rotation({ tolerance: 0 })];
    one.use(fakeCandidates(one.app, ["a", "b"])[0]!);
    expect(two.order(fakeCandidates(two.app, ["a", "b"]))).toBe("a b");
  });
});

test("an explanation says how often the first key was used", () => {
  const { app, plugin, use } = rotation({ tolerance: 0 });
  const candidates = fakeCandidates(app, ["a", "b"]);
  use(candidates[0]!, 2);
  use(candidates[1]!, 1);
  const selection = fakeSelection(true);
  select(plugin, candidates, fakeContext(app), selection);
  expect(selection.moves).toEqual([{ candidate: candidates[1], reason: "balanced: 1 uses today" }]);
});

test("one candidate is given back as it is", () => {
  const { app, plugin } = rotation();
  const candidates = fakeCandidates(app, ["a"]);
  expect(select(plugin, candidates, fakeContext(app))).toBe(candidates);
});

describe("providers with a mode of their own", () => {
  const providers = { "gemini-cli": { mode: "sequential" }, openai: { tolerance: 0 } } as const;
  const app = (): FakeApp => fakeApp({ providers: ["lab", "gemini_cli", "openai"].map((name) => fakeProvider(name)) });

  test("stay with a key or take the least used, beside others that do not", () => {
    const here = app();
    const { order, use } = rotation({ mode: "round-robin", providers: { gemini_cli: providers["gemini-cli"] } }, here);
    const of = (name: string): readonly Candidate[] =>
      fakeCandidates(here, [`${name}-a`, `${name}-b`], { provider: here.providers.find((each) => each.name === name) });
    for (const name of ["lab", "gemini_cli"]) use(of(name)[1]!);
    expect(order(of("lab"))).toBe("lab-a lab-b");
    expect(order(of("gemini_cli"))).toBe("gemini_cli-b gemini_cli-a");
  });

  test("are spread over many keys, but not where a key is kept", () => {
    const { plugin } = rotation({ providers });
    const { spread } = plugin.hooks!.selectKey as HookObject<unknown>;
    const isSpread = spread as (provider: { readonly name: string }) => boolean;
    expect(["gemini_cli", "openai", "lab"].map((name) => isSpread({ name }))).toEqual([false, true, true]);
  });

  test("must be there, and cannot be compared by latency or cost at the same time", async () => {
    await expect(rotate({ providers: { nobody: {} } }).setup?.(app())).rejects.toThrow('there is no provider "nobody"');
    expect(() => rotate({ mode: "cost", providers })).toThrow('mode cannot be "cost"');
    expect(() => rotate({ providers: { lab: { mode: "latency" as "random" } } })).toThrow('no mode "latency"');
  });
});
