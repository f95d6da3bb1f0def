import { describe, expect, it } from "vitest";
import type { Candidate } from "waygate";
import { createInFlight } from "../../src/candidates/in-flight.ts";
import { candidateOf, providerOf } from "./_things.ts";

const a = candidateOf("a", { concurrency: 1 });

describe("requests in flight", () => {
  it("counts per key and model, and every release once", () => {
    const flights = createInFlight();
    const other = { ...a, model: "n", credential: candidateOf("a").credential };
    const first = flights.acquire(other)!;
    const second = flights.acquire({ ...other, model: "m" })!;
    expect([flights.count("a"), flights.count("a", "n"), flights.count("a", "m"), flights.count("b")]).toEqual([
      2, 1, 1, 0,
    ]);
    first.release();
    first.release();
    first.release();
    expect([flights.count("a"), flights.count("a", "n"), flights.count("a", "m")]).toEqual([1, 0, 1]);
    second.release();
    expect(flights.count("a")).toBe(0);
  });

  it("the key's own limit stands before the provider's, and the smallest of the rules counts", () => {
    const flights = createInFlight();
    const provider = providerOf("lab", { concurrency: 3 });
    const own = candidateOf("own", { concurrency: 2 }, provider);
    const usual = candidateOf("usual", {}, provider);
    const taken = (candidate: Candidate): number => {
      let count = 0;
      while (count < 10 && flights.acquire(candidate)) count++;
      return count;
    };
    expect([taken(own), taken(usual)]).toEqual([2, 3]);
    flights.addLimit((candidate) => (candidate.credential.id === "ruled" ? 2 : undefined));
    flights.addLimit(() => 5);
    expect(taken(candidateOf("ruled"))).toBe(2);
    expect(taken(candidateOf("unruled"))).toBe(5);
  });

  it("a rule of 0 leaves no place, also on an idle key; a number of 0 in the config is no limit", () => {
    const flights = createInFlight();
    expect(flights.acquire(candidateOf("c", { concurrency: 0 }))).toBeDefined();
    flights.addLimit(() => 0);
    expect(flights.free(a)).toBe(false);
    expect(flights.acquire(a)).toBeUndefined();
  });

  it("tells of every place that is given back, once, when it is free", () => {
    const flights = createInFlight();
    const told: string[] = [];
    flights.onFree((credential) => void told.push(`${credential} ${flights.free(a)}`));
    const lease = flights.acquire(a)!;
    expect(flights.free(a)).toBe(false);
    lease.release();
    lease.release();
    expect(told).toEqual(["a true"]);
  });
});
