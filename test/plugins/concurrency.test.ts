import { describe, expect, test } from "vitest";
import type { Candidate } from "waygate";
import { concurrency, type ConcurrencyOptions } from "waygate/plugins/concurrency";
import {
  type FakeApp,
  fakeApp,
  fakeCandidates,
  fakeContext,
  fakeProvider,
  fakeSelection,
  idsOf,
  select,
} from "./_fakes.ts";

function started(options: ConcurrencyOptions): { app: FakeApp; plugin: ReturnType<typeof concurrency> } {
  const app = fakeApp({ providers: [fakeProvider("lab"), fakeProvider("gemini_cli", { concurrency: 2 })] });
  const plugin = concurrency(options);
  void plugin.setup?.(app);
  return { app, plugin };
}

/** How many requests a candidate gets into flight at once, of ten tried. */
function places(app: FakeApp, candidate: Candidate): number {
  return Array.from({ length: 10 }, () => app.credentials.flights.acquire(candidate)).filter(Boolean).length;
}

describe("limits", () => {
  test.each<[string, ConcurrencyOptions, number]>([
    ["none", {}, 10],
    ["three per key", { perCredential: 3 }, 3],
    ["zero for no limit", { perCredential: 0 }, 10],
    ["two per model", { perModel: 2 }, 2],
    ["the smaller of both", { perCredential: 3, perModel: 5 }, 3],
    ["one of the provider", { perCredential: 3, providers: { lab: { perCredential: 4 } } }, 4],
    ["one of another provider", { perCredential: 3, providers: { "gemini-cli": { perCredential: 4 } } }, 3],
  ])("%s", (_name, options, expected) => {
    const { app } = started(options);
    expect(places(app, fakeCandidates(app, ["a"])[0]!)).toBe(expected);
  });

  test("that the provider states hold as well", () => {
    const { app } = started({ perCredential: 3 });
    expect(places(app, fakeCandidates(app, ["a"], { provider: app.providers[1] })[0]!)).toBe(2);
  });

  test("are multiplied by the priority of the key, never below one", () => {
    const { app } = started({ perCredential: 2, multipliers: { 1: 3, 2: 0.5 } });
    const keys = [{ id: "a", priority: 1 }, { id: "b", priority: 2 }, { id: "c", priority: 3 }, { id: "d" }];
    expect(fakeCandidates(app, keys).map((candidate) => places(app, candidate))).toEqual([6, 2, 2, 2]);
  });

  test("per model leave room for other models of the key", () => {
    const { app } = started({ perCredential: 5, perModel: 2 });
    expect(places(app, fakeCandidates(app, ["a"], { model: "one" })[0]!)).toBe(2);
    expect(places(app, fakeCandidates(app, ["a"], { model: "two" })[0]!)).toBe(2);
    expect(places(app, fakeCandidates(app, ["a"], { model: "three" })[0]!)).toBe(1);
  });

  test("C3 a place that is given back can be taken again", () => {
    const { app } = started({ perModel: 1 });
    const [candidate] = fakeCandidates(app, ["a"]);
    const lease = app.credentials.flights.acquire(candidate!);
    expect(app.credentials.flights.acquire(candidate!)).toBeUndefined();
    lease!.release();
    lease!.release();
    expect(places(app, candidate!)).toBe(1);
  });

  test("of an unknown provider do not start", () => {
    expect(() => started({ providers: { labb: {} } })).toThrow(/write "lab"/);
  });
});

describe("the optimum", () => {
  test("puts keys below it first and keeps the order otherwise", () => {
    const { app, plugin } = started({ optimal: 2 });
    const candidates = fakeCandidates(app, ["a", "b", "c", "d"]);
    for (const index of [0, 0, 2, 2, 3]) app.credentials.flights.acquire(candidates[index]!);
    const selection = fakeSelection();
    expect(idsOf(select(plugin, candidates, fakeContext(app), selection))).toBe("b d a c");
    expect(selection.moves).toHaveLength(1);
  });

  test("changes nothing when all are below it, or none", () => {
    const { app, plugin } = started({ optimal: 1 });
    const candidates = fakeCandidates(app, ["a", "b"]);
    expect(select(plugin, candidates, fakeContext(app))).toBe(candidates);
    for (const candidate of candidates) app.credentials.flights.acquire(candidate);
    expect(select(plugin, candidates, fakeContext(app))).toBe(candidates);
  });

  test("is applied after every balancing policy, and not at all when it is not set", () => {
    expect(concurrency({ optimal: 1 }).hooks?.selectKey).toMatchObject({ precedence: "balance", order: "post" });
    expect(concurrency({ providers: { lab: { optimal: 1 } } }).hooks?.selectKey).toBeDefined();
    expect(concurrency({ perCredential: 1 }).hooks?.selectKey).toBeUndefined();
  });
});
