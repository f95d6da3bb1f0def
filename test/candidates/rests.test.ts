import { describe, expect, it } from "vitest";
import type { Rest } from "../../src/candidates/credentials.ts";
import { createRests } from "../../src/candidates/rests.ts";

const rest = (until: number, more: Partial<Rest> = {}): Rest => ({
  state: "cooling",
  until,
  policy: "test",
  reason: "test",
  kind: "rate_limited",
  ...more,
});

describe("rests", () => {
  it("keeps provider, credential and credential for a model apart", () => {
    const rests = createRests();
    rests.set({ provider: "lab", credential: "a", model: "m" }, "m", rest(100), 0);
    expect(rests.candidate("a", "m", 0)?.until).toBe(100);
    expect(rests.candidate("a", "n", 0)).toBeUndefined();
    expect(rests.candidate("b", "m", 0)).toBeUndefined();
    expect(rests.provider("lab", 0)).toBeUndefined();
    rests.set({ provider: "lab" }, undefined, rest(50), 0);
    expect(rests.provider("lab", 0)?.until).toBe(50);
    rests.set({ provider: "lab", credential: "a" }, undefined, rest(200), 0);
    expect(rests.candidate("a", "n", 0)?.until).toBe(200);
  });

  it("the later end of two wins, in either order, and of a key's and a model's", () => {
    const rests = createRests();
    const target = { provider: "lab", credential: "a", model: "m" };
    rests.set(target, "m", rest(100, { reason: "first" }), 0);
    rests.set(target, "m", rest(50, { reason: "second" }), 0);
    expect(rests.candidate("a", "m", 0)?.reason).toBe("first");
    rests.set(target, "m", rest(150, { reason: "third" }), 0);
    expect(rests.candidate("a", "m", 0)?.reason).toBe("third");
    rests.set({ provider: "lab", credential: "a" }, undefined, rest(120, { reason: "whole" }), 0);
    expect(rests.candidate("a", "m", 0)?.reason).toBe("third");
    rests.delete(target, "m");
    expect(rests.candidate("a", "m", 0)?.reason).toBe("whole");
  });

  it("ends by itself at its time, not before", () => {
    const rests = createRests();
    rests.set({ provider: "lab", credential: "a" }, undefined, rest(100), 0);
    expect(rests.candidate("a", "m", 99)).toBeDefined();
    expect(rests.candidate("a", "m", 100)).toBeUndefined();
    expect(rests.list(100)).toEqual([]);
  });

  it("forgets what is over, although nobody asks for it again", () => {
    const rests = createRests();
    let now = 0;
    let most = 0;
    for (let index = 0; index < 20_000; index++) {
      now += 10;
      const model = `made-up-${index}`;
      rests.set({ provider: "lab", credential: "a", model }, model, rest(now + 1000), now);
      // Looked at with a time at which nothing is over, so that looking does not clean up.
      if (index % 1000 === 0) most = Math.max(most, rests.list(0).length);
    }
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(3000);
  });
});
