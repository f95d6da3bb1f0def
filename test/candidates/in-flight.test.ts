import { describe, expect, it } from "vitest";
import type { Candidate } from "waygate";
import { createInFlight, type InFlight, type Lease, type Placed } from "../../src/candidates/in-flight.ts";
import { candidateOf, providerOf } from "./_things.ts";

const same = (candidate: Candidate): Candidate => candidate;
const a = candidateOf("a", { concurrency: 1 });
const b = candidateOf("b", { concurrency: 1 });

/** What a wait came to, or `waiting`. */
async function now(placed: Promise<Placed | "gone" | "cancelled">): Promise<string> {
  const result = await Promise.race([placed, new Promise<"waiting">((resolve) => setImmediate(resolve, "waiting"))]);
  return typeof result === "string" ? result : result.candidate.credential.id;
}

function full(flights: InFlight, ...candidates: Candidate[]): Lease[] {
  return candidates.map((candidate) => flights.acquire(candidate)!);
}

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

  it("serves those who wait in order, each with one place", async () => {
    const flights = createInFlight();
    const [lease] = full(flights, a) as [Lease];
    const first = flights.wait([a], same);
    const second = flights.wait([a], same);
    lease.release();
    expect([await now(first.placed), await now(second.placed)]).toEqual(["a", "waiting"]);
    expect(flights.acquire(a)).toBeUndefined();
    ((await first.placed) as Placed).lease.release();
    expect(await now(second.placed)).toBe("a");
    expect(flights.count("a")).toBe(1);
  });

  it("serves the first whose candidates fit, and the place stays its own", async () => {
    const flights = createInFlight();
    const [, leaseB] = full(flights, a, b) as [Lease, Lease];
    const onlyA = flights.wait([a], same);
    const either = flights.wait([a, b], same);
    leaseB.release();
    expect([await now(onlyA.placed), await now(either.placed)]).toEqual(["waiting", "b"]);
  });

  it("takes at once a place that became free since its caller looked", async () => {
    expect(await now(createInFlight().wait([a], same).placed)).toBe("a");
  });

  it("gives the candidate as it is when a place is free", async () => {
    const flights = createInFlight();
    const [lease] = full(flights, a) as [Lease];
    const fresh = candidateOf("a", { concurrency: 1, label: "fresh" });
    const waiting = flights.wait([a], () => fresh);
    lease.release();
    expect(((await waiting.placed) as Placed).candidate).toBe(fresh);
  });

  it("sends home who waits in vain, and serves the next all the same", async () => {
    const flights = createInFlight();
    const gone = new Set<Candidate>();
    const current = (candidate: Candidate): Candidate | undefined => (gone.has(candidate) ? undefined : candidate);
    const [leaseA, leaseB] = full(flights, a, b) as [Lease, Lease];
    const first = flights.wait([a], current);
    const second = flights.wait([a, b], current);
    gone.add(a);
    leaseA.release();
    expect([await now(first.placed), await now(second.placed), flights.count("a")]).toEqual(["gone", "waiting", 0]);
    leaseB.release();
    expect(await now(second.placed)).toBe("b");
    expect(await now(flights.wait([a], current).placed)).toBe("gone");
  });

  it("a wait that is cancelled takes no place, before and after it was served", async () => {
    const flights = createInFlight();
    const [lease] = full(flights, a) as [Lease];
    const left = flights.wait([a], same);
    const stays = flights.wait([a], same);
    left.cancel();
    left.cancel();
    lease.release();
    expect([await now(left.placed), await now(stays.placed)]).toEqual(["cancelled", "a"]);
    stays.cancel();
    expect(typeof (await stays.placed)).toBe("object");
  });
});
