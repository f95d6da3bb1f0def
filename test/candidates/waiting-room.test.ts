import { describe, expect, it } from "vitest";
import type { Candidate } from "waygate";
import { virtualClock } from "waygate/testing";
import { createInFlight, type Lease } from "../../src/candidates/in-flight.ts";
import { type Call, createWaitingRoom, type Spot, type SpotInit } from "../../src/candidates/waiting-room.ts";
import { candidateOf } from "./_things.ts";

const a = candidateOf("a", { concurrency: 1 });
const b = candidateOf("b", { concurrency: 1 });

interface Guest {
  readonly spot: Spot;
  readonly call: Promise<Call>;
}

function setup() {
  const clock = virtualClock();
  const flights = createInFlight();
  const gone = new Set<Candidate>();
  const room = createWaitingRoom({
    clock,
    acquire: flights.acquire,
    current: (candidate) => (gone.has(candidate) ? undefined : candidate),
  });
  flights.onFree(room.free);
  let came = 0;
  const enter = (more: Partial<SpotInit> = {}): Spot =>
    room.enter({ client: "x", line: undefined, since: came++, wants: () => true, ...more });
  const wait = (busy: readonly Candidate[], more?: Partial<SpotInit>, due?: number): Guest => {
    const spot = enter(more);
    return { spot, call: spot.wait({ busy, due }) };
  };
  const full = (...candidates: Candidate[]): Lease[] => candidates.map((candidate) => flights.acquire(candidate)!);
  return { clock, flights, room, gone, enter, wait, full };
}

/** What a wait came to, or `waiting`. */
async function now({ call }: { readonly call: Promise<Call> }): Promise<string> {
  const result = await Promise.race([call, new Promise<"waiting">((resolve) => setImmediate(resolve, "waiting"))]);
  return typeof result === "string" ? result : result.candidate.credential.id;
}

describe("places", () => {
  it("go to those who wait in order, each one place, and stay theirs", async () => {
    const { flights, wait, full } = setup();
    const [lease] = full(a) as [Lease];
    const first = wait([a]);
    const second = wait([a]);
    lease.release();
    expect([await now(first), await now(second)]).toEqual(["a", "waiting"]);
    expect(flights.acquire(a)).toBeUndefined();
    ((await first.call) as { lease: Lease }).lease.release();
    expect(await now(second)).toBe("a");
    expect(flights.count("a")).toBe(1);
  });

  it("go to the first who can use them", async () => {
    const { wait, full } = setup();
    const [, leaseB] = full(a, b) as [Lease, Lease];
    const onlyA = wait([a]);
    const notB = wait([a, b], { wants: (candidate) => candidate !== b });
    const either = wait([a, b]);
    leaseB.release();
    expect([await now(onlyA), await now(notB), await now(either)]).toEqual(["waiting", "waiting", "b"]);
  });

  it("go round the clients, one each, and first come first served within a client", async () => {
    const { wait, full } = setup();
    const served: string[] = [];
    let [lease] = full(a) as [Lease];
    const guests = ["x1", "x2", "x3", "y1", "z1", "y2"].map((name) => ({ name, ...wait([a], { client: name[0]! }) }));
    for (let round = 0; round < guests.length; round++) {
      lease.release();
      const calls = await Promise.all(guests.map(now));
      const next = guests.find(({ name }, index) => calls[index] === "a" && !served.includes(name))!;
      served.push(next.name);
      ({ lease } = (await next.call) as { lease: Lease });
      next.spot.leave(true);
    }
    expect(served).toEqual(["x1", "y1", "z1", "x2", "y2", "x3"]);
  });

  it("go first to the request that came first, also when it has to wait again", async () => {
    const { wait, full } = setup();
    const [lease] = full(a) as [Lease];
    const later = wait([a], { since: 5 });
    const earlier = wait([a], { since: 1 });
    lease.release();
    expect([await now(earlier), await now(later)]).toEqual(["a", "waiting"]);
  });

  it("are not given to who has left or was called away, before and after", async () => {
    const { room, wait, full } = setup();
    const [lease] = full(a) as [Lease];
    const left = wait([a]);
    const called = wait([a]);
    const stays = wait([a]);
    left.spot.leave(false);
    left.spot.leave(false);
    called.spot.cancel();
    called.spot.leave(false);
    lease.release();
    expect([await now(called), await now(stays), room.size]).toEqual(["over", "a", 1]);
    stays.spot.cancel();
    expect(await now(stays)).toBe("a");
    expect(await now({ call: left.spot.wait() })).toBe("over");
  });

  it("that may not be used any more make those who wait for them look, and go to others all the same", async () => {
    const { gone, wait, full } = setup();
    const [leaseA, leaseB] = full(a, b) as [Lease, Lease];
    const first = wait([a]);
    const second = wait([b]);
    gone.add(a);
    leaseA.release();
    expect([await now(first), await now(second)]).toEqual(["look", "waiting"]);
    leaseB.release();
    expect(await now(second)).toBe("b");
  });
});

describe("a line", () => {
  const line = { line: "m" };

  it("has its first one look when the time has come, and the next when that one has found something", async () => {
    const { clock, wait, enter, room } = setup();
    const due = clock.now() + 1000;
    const first = wait([], line, due);
    expect(room.isWaited("m", due)).toBe(false);
    expect(room.isWaited("m", due + 1)).toBe(true);
    const second = wait([], line, due);
    await clock.advance(999);
    expect([await now(first), await now(second)]).toEqual(["waiting", "waiting"]);
    await clock.advance(1);
    expect([await now(first), await now(second)]).toEqual(["look", "waiting"]);
    first.spot.leave(true);
    expect(await now(second)).toBe("look");
    // In vain: then it waits on, and nobody else is called.
    const third = enter(line);
    const behind = { call: third.wait() };
    const again = { call: second.spot.wait({ busy: [], due: clock.now() + 500 }) };
    expect(await now(again)).toBe("look"); // For the one who came meanwhile without having looked.
    const onceMore = { call: second.spot.wait({ busy: [], due: clock.now() + 500 }) };
    expect([await now(onceMore), await now(behind)]).toEqual(["waiting", "waiting"]);
    await clock.advance(500);
    expect([await now(onceMore), await now(behind)]).toEqual(["look", "waiting"]);
    second.spot.leave(false);
    expect(await now(behind)).toBe("look");
    third.leave(true);
    expect([room.size, clock.pending]).toEqual([0, 0]);
  });

  it("gives a place to whoever is first in it, looked or not", async () => {
    const { wait, enter, full } = setup();
    const [lease] = full(a) as [Lease];
    const first = wait([a], line);
    const second = { call: enter({ line: "m" }).wait() };
    expect(await now(first)).toBe("look");
    lease.release();
    expect(await now(second)).toBe("a");
  });

  it("lets clients look in turns", async () => {
    const { clock, wait, room } = setup();
    const due = clock.now() + 10;
    const guests = ["x1", "x2", "y1"].map((name) => ({ name, ...wait([], { line: "m", client: name[0]! }, due) }));
    await clock.advance(10);
    const looked: string[] = [];
    while (room.size > 0) {
      const calls = await Promise.all(guests.map(now));
      const next = guests.find(({ name }, index) => calls[index] === "look" && !looked.includes(name))!;
      looked.push(next.name);
      next.spot.leave(true);
    }
    expect(looked).toEqual(["x1", "y1", "x2"]);
  });

  it("is stirred by news, one look each", async () => {
    const { wait, room } = setup();
    const guests = [wait([a], line), wait([a], line), wait([b], { line: "n" }), wait([b])];
    room.stir();
    room.stir();
    expect(await Promise.all(guests.map(now))).toEqual(["look", "waiting", "look", "look"]);
  });
});
