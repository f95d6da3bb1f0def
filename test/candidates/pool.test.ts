import { describe, expect, it } from "vitest";
import type { Candidate, Provider, Target } from "waygate";
import { virtualClock, type VirtualClock } from "waygate/testing";
import type { Rest, RestTarget } from "../../src/candidates/credentials.ts";
import { createPool, type Pool } from "../../src/candidates/pool.ts";
import { createRests, type Rests } from "../../src/candidates/rests.ts";
import { credentialOf, idsOf, providerOf } from "./_things.ts";

interface Setup {
  readonly pool: Pool;
  readonly clock: VirtualClock;
  rest(target: Omit<RestTarget, "provider">, ms: number, more?: Partial<Rest>): void;
  ready(model?: string): string[];
  candidate(id: string, model?: string): Candidate;
}

function setup(
  ids: readonly string[] = ["a", "b", "c"],
  { provider = providerOf("lab"), rests }: { provider?: Provider; rests?: Rests } = {},
): Setup {
  const clock = virtualClock();
  const pool = createPool({ clock, provider: (name) => (name === provider.name ? provider : undefined), rests });
  for (const id of ids) pool.add(credentialOf(id, { provider: provider.name }));
  const target = (model: string): Target => ({ provider, model, position: 0 });
  return {
    pool,
    clock,
    rest: (where, ms, more) =>
      pool.rest(
        { provider: provider.name, ...where },
        { state: "cooling", until: clock.now() + ms, policy: "test", reason: "test", kind: "rate_limited", ...more },
      ),
    ready(model = "m") {
      const ring = pool.ring(target(model));
      ring.refresh(clock.now());
      return idsOf(ring.view(0));
    },
    candidate: (id, model = "m") => ({ provider, model, credential: pool.get(id)!, position: 0 }),
  };
}

describe("the pool", () => {
  it("has candidates in the order of the config, and in that order again after they have rested", async () => {
    const { pool, ready, rest, clock } = setup();
    rest({ credential: "a", model: "m" }, 100);
    rest({ credential: "c", model: "m" }, 50);
    expect(ready()).toEqual(["b"]);
    await clock.advance(50);
    expect(ready()).toEqual(["b", "c"]);
    pool.wake({ provider: "lab", credential: "a", model: "m" });
    expect(ready()).toEqual(["a", "b", "c"]);
  });

  it("gives the same candidate objects to every request and to every alias at the same place", () => {
    const { pool } = setup();
    const provider = providerOf("lab");
    const first = pool.ring({ provider, model: "m", position: 0 }).view(0);
    expect(pool.ring({ provider, model: "m", position: 0 }).view(0)[0]).toBe(first[0]);
    expect(pool.ring({ provider, model: "m", position: 1 }).view(0)[0]).not.toBe(first[0]);
  });

  it("a rest of a key counts for all its models, one of a model for that model, one of a group for the group", () => {
    const { pool, rest, ready } = setup();
    pool.setGroups((_provider, model) => (model.startsWith("flash") ? "flash" : undefined));
    ready("flash-1");
    rest({ credential: "a" }, 100);
    rest({ credential: "b", model: "flash-1" }, 100);
    expect([ready("flash-1"), ready("flash-2"), ready("m")]).toEqual([["c"], ["c"], ["b", "c"]]);
    pool.wake({ provider: "lab", credential: "b", model: "flash-2" });
    expect(ready("flash-1")).toEqual(["b", "c"]);
  });

  it("ending a key's own rest leaves that of a model in force, and the other way round", () => {
    const { pool, rest, ready } = setup(["a"]);
    ready();
    rest({ credential: "a" }, Number.POSITIVE_INFINITY, { state: "invalid", kind: "dead" });
    rest({ credential: "a", model: "m" }, 100);
    pool.wake({ provider: "lab", credential: "a" });
    expect([ready("m"), ready("n")]).toEqual([[], ["a"]]);
    rest({ credential: "a" }, 50);
    pool.wake({ provider: "lab", credential: "a", model: "m" });
    expect([ready("m"), ready("n")]).toEqual([[], []]);
  });

  it("names the rest that keeps a candidate out: the longest of provider, key and model", async () => {
    const { pool, rest, candidate, clock } = setup();
    rest({}, 30, { reason: "provider" });
    rest({ credential: "a" }, 20, { reason: "key" });
    rest({ credential: "b", model: "m" }, 40, { reason: "model" });
    const why = (id: string): string | undefined => pool.resting(candidate(id))?.reason;
    expect([why("a"), why("b"), why("c")]).toEqual(["provider", "model", "provider"]);
    expect(pool.providerRest("lab")?.reason).toBe("provider");
    await clock.advance(30);
    expect([why("a"), why("b"), why("c"), pool.providerRest("lab")]).toEqual([
      undefined,
      "model",
      undefined,
      undefined,
    ]);
  });

  it("current() is the candidate as it is now, and nothing once it was removed or rests", () => {
    const { pool, rest, candidate } = setup();
    const before = candidate("a");
    expect(pool.current(before)).toBe(before);
    const edited = credentialOf("a", { label: "edited" });
    pool.add(edited);
    expect(pool.current(before)?.credential).toBe(edited);
    rest({ credential: "a", model: "m" }, 100);
    expect(pool.current(before)).toBeUndefined();
    const other = candidate("b");
    pool.remove("b");
    expect(pool.current(other)).toBeUndefined();
    expect(idsOf(pool.ring({ provider: providerOf("lab"), model: "n", position: 0 }).view(0))).toEqual(["a", "c"]);
  });

  it("what rested before a reload goes on resting", () => {
    const rests = createRests();
    const before = setup(["a", "b"], { rests });
    before.rest({ credential: "a", model: "m" }, 100);
    expect(setup(["a", "b"], { rests }).ready()).toEqual(["b"]);
  });

  it("hears of a rest whether or not somebody has asked for the model before, and under names of any length", () => {
    const { rest, ready } = setup(["a", "b"]);
    const long = "x".repeat(5000);
    expect(ready(long)).toEqual(["a", "b"]);
    rest({ credential: "a", model: long }, 100);
    rest({ credential: "a", model: "new" }, 100);
    expect([ready(long), ready("new"), ready("m")]).toEqual([["b"], ["b"], ["a", "b"]]);
  });

  it("keeps no candidates for the names that clients make up", () => {
    const { pool } = setup(Array.from({ length: 1000 }, (_, index) => `k${index}`));
    const provider = providerOf("lab");
    const first = pool.ring({ provider, model: "m-0", position: 0 });
    for (let index = 1; index < 500; index++) pool.ring({ provider, model: `m-${index}`, position: 0 });
    expect(pool.ring({ provider, model: "m-0", position: 0 })).not.toBe(first);
    const long = { provider, model: "x".repeat(5000), position: 0 };
    expect(pool.ring(long)).not.toBe(pool.ring(long));
  });
});

describe("refresh", () => {
  it("is one call for all who ask at once, and the new secret stays out of sight", async () => {
    let calls = 0;
    const answered = Promise.withResolvers<unknown>();
    const provider = providerOf("lab", {
      refresh: () => {
        calls++;
        return answered.promise;
      },
    });
    const { pool } = setup(["a"], { provider });
    const before = pool.get("a")!;
    const both = [pool.refresh(before), pool.refresh(before)];
    answered.resolve({ token: "new" });
    const [first, second] = await Promise.all(both);
    expect([calls, first === second, pool.get("a") === first]).toEqual([1, true, true]);
    expect(first!.data).toEqual({ token: "new" });
    expect(JSON.stringify(first)).not.toContain("new");
    void pool.refresh(first!);
    expect(calls).toBe(2);
  });

  it("keeps what was edited meanwhile, and fails when the key was removed meanwhile", async () => {
    const answers: ((data: unknown) => void)[] = [];
    const provider = providerOf("lab", { refresh: () => new Promise((resolve) => answers.push(resolve)) });
    const { pool } = setup(["a", "b"], { provider });
    const edited = pool.refresh(pool.get("a")!);
    const removed = pool.refresh(pool.get("b")!);
    pool.add(credentialOf("a", { label: "edited" }));
    pool.remove("b");
    for (const resolve of answers) resolve("new");
    expect(await edited).toMatchObject({ label: "edited" });
    expect((await edited).data).toBe("new");
    await expect(removed).rejects.toThrow(/removed/);
    expect(pool.get("b")).toBeUndefined();
  });

  it("leaves a credential alone whose provider cannot refresh", async () => {
    const { pool } = setup(["a"]);
    expect(await pool.refresh(pool.get("a")!)).toBe(pool.get("a"));
  });
});
