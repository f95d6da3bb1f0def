import { describe, expect, test } from "vitest";
import type { Rest } from "waygate";
import { createRests, type RestPlace } from "../../src/candidates/rests.ts";
import { PATIENCE } from "../../src/candidates/trials.ts";

const place: RestPlace = { provider: "lab", credential: "lab:a", scope: "m" };
const key = { provider: "lab", credential: "lab:a" };
const rest = (until: number, more: Partial<Rest> = {}): Rest => ({
  state: "cooling",
  until,
  policy: "test",
  reason: "",
  kind: "failing",
  probe: true,
  ...more,
});
const begun = (tried: ReturnType<ReturnType<typeof createRests>["attempt"]>): { end(): void } => {
  if (tried === undefined || !("end" in tried)) throw new Error(`nothing begun: ${JSON.stringify(tried)}`);
  return tried;
};

describe("a rest that is tried out", () => {
  test("keeps everybody out until its time, then one at a time", () => {
    const rests = createRests();
    rests.set(key, undefined, rest(100), 0);
    expect(rests.attempt(place, 99)).toMatchObject({ state: "cooling", until: 100 });
    expect(rests.candidate("lab:a", "m", 100)).toBeUndefined();
    expect(rests.get(key, undefined, 100)).toMatchObject({ state: "half-open" });
    const first = begun(rests.attempt(place, 100));
    expect(rests.attempt(place, 100)).toMatchObject({ state: "half-open", until: 100 + PATIENCE });
    expect(rests.candidate("lab:a", "other", 101)).toMatchObject({ state: "half-open" });
    first.end();
    expect(rests.candidate("lab:a", "m", 102)).toBeUndefined();
    begun(rests.attempt(place, 102));
  });

  test("ends with the answer to the one that tries, not with one from before", () => {
    const rests = createRests();
    rests.set(key, undefined, rest(100), 0);
    begun(rests.attempt(place, 150));
    rests.answered(place, 149);
    expect(rests.get(key, undefined, 151)?.state).toBe("half-open");
    rests.answered(place, 150);
    expect(rests.get(key, undefined, 151)).toBeUndefined();
    expect(rests.attempt(place, 151)).toBeUndefined();
  });

  test("lets another one through when the first takes long, and either answer ends it", () => {
    for (const which of [100, 100 + PATIENCE]) {
      const rests = createRests();
      rests.set(key, undefined, rest(100), 0);
      const slow = begun(rests.attempt(place, 100));
      expect(rests.attempt(place, 99 + PATIENCE)).toMatchObject({ state: "half-open" });
      begun(rests.attempt(place, 100 + PATIENCE));
      slow.end();
      expect(rests.attempt(place, 101 + PATIENCE)).toMatchObject({ state: "half-open" });
      rests.answered(place, which);
      expect(rests.get(key, undefined, 102 + PATIENCE)).toBeUndefined();
    }
  });

  test("is what a new rest says when the trial fails, whatever its end does", () => {
    const rests = createRests();
    rests.set(key, undefined, rest(100), 0);
    const trial = begun(rests.attempt(place, 100));
    rests.set(key, undefined, rest(300), 110);
    rests.answered(place, 120);
    trial.end();
    expect(rests.candidate("lab:a", "m", 200)).toMatchObject({ state: "cooling", until: 300 });
  });

  test("is tried for the provider, the key and the model at once", () => {
    const rests = createRests();
    rests.set({ provider: "lab" }, undefined, rest(100), 0);
    rests.set(key, undefined, rest(100), 0);
    rests.set({ ...key, model: "m" }, "m", rest(100), 0);
    begun(rests.attempt(place, 100));
    expect(rests.provider("lab", 100)).toMatchObject({ state: "half-open" });
    rests.answered(place, 100);
    expect(rests.list(100)).toEqual([]);
  });

  test("is not begun where another rest of the candidate has not ended", () => {
    const rests = createRests();
    rests.set({ provider: "lab" }, undefined, rest(100), 0);
    rests.set(key, undefined, rest(200, { probe: false }), 0);
    expect(rests.attempt(place, 150)).toMatchObject({ until: 200 });
    expect(rests.provider("lab", 150)).toBeUndefined();
  });

  test("without probe ends by its time alone", () => {
    const rests = createRests();
    rests.set(key, undefined, rest(100, { probe: false }), 0);
    expect(rests.attempt(place, 100)).toBeUndefined();
    expect(rests.list(100)).toEqual([]);
  });

  test("tells whoever watches when it is begun, given up and ended", () => {
    const rests = createRests();
    const told: (Rest | undefined)[] = [];
    rests.set(key, undefined, rest(100), 0);
    rests.watch((change) => void told.push(change.rest));
    begun(rests.attempt(place, 100)).end();
    begun(rests.attempt(place, 101));
    rests.answered(place, 101);
    expect(told.map((each) => each?.state)).toEqual(["cooling", "cooling", "cooling", undefined]);
  });
});

describe("what is disabled", () => {
  const off = rest(Number.POSITIVE_INFINITY, { state: "disabled", probe: false });

  test("stays so whatever else is said, until it is ended", () => {
    const rests = createRests();
    rests.set(key, undefined, rest(Number.POSITIVE_INFINITY, { state: "invalid" }), 0);
    rests.set(key, undefined, off, 0);
    rests.set(key, undefined, rest(Number.POSITIVE_INFINITY, { state: "banned" }), 0);
    expect(rests.get(key, undefined, 1)?.state).toBe("disabled");
    rests.set(key, undefined, { ...off, reason: "another" }, 0);
    expect(rests.get(key, undefined, 1)?.reason).toBe("another");
    expect(rests.delete(key, undefined)).toBe(true);
    expect(rests.get(key, undefined, 1)).toBeUndefined();
  });
});
