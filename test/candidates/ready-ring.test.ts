import { describe, expect, it } from "vitest";
import { seededRandom } from "waygate/testing";
import { createReadyRing, type ReadyRing, VIEW } from "../../src/candidates/ready-ring.ts";
import { createReturnQueue, type Returning } from "../../src/candidates/return-queue.ts";
import { candidateOf, idsOf } from "./_things.ts";

const ids = (count: number): string[] => Array.from({ length: count }, (_, index) => `k${index}`);

function ringOf(
  list: readonly { readonly id: string; readonly priority?: number }[],
  rests: Map<string, number> = new Map(),
  now = 0,
): ReadyRing {
  const candidates = list.map(({ id, priority }) => candidateOf(id, { priority }));
  return createReadyRing(candidates, (candidate) => rests.get(candidate.credential.id) ?? 0, now);
}

/** All views, one after the other. */
function all(ring: ReadyRing): string[] {
  const found: string[] = [];
  for (let batch = 0; ; batch++) {
    const view = ring.view(batch);
    if (view.length === 0) return found;
    expect(view.length).toBeLessThanOrEqual(VIEW);
    found.push(...idsOf(view));
  }
}

describe("the ready ring", () => {
  it("has the order of priority, then of the config", () => {
    const ring = ringOf([
      { id: "none" },
      { id: "two", priority: 2 },
      { id: "one", priority: 1 },
      { id: "two-b", priority: 2 },
    ]);
    expect(all(ring)).toEqual(["one", "two", "two-b", "none"]);
  });

  it("gives the same array while nothing changes, so that it costs nothing", () => {
    const ring = ringOf(ids(64).map((id) => ({ id })));
    const view = ring.view(0);
    ring.refresh(5);
    ring.advance();
    expect(ring.view(0)).toBe(view);
    ring.update("k3", 10, 5);
    expect(ring.view(0)).not.toBe(view);
  });

  it("leaves out what rests, also from the start, and takes it back in its old place", () => {
    const rests = new Map([["k1", 100]]);
    const ring = ringOf(
      ids(4).map((id) => ({ id })),
      rests,
    );
    expect(all(ring)).toEqual(["k0", "k2", "k3"]);
    rests.set("k3", 50);
    ring.update("k3", 50, 0);
    expect(idsOf(ring.resting(9))).toEqual(["k3", "k1"]);
    rests.delete("k3");
    ring.refresh(50);
    expect(all(ring)).toEqual(["k0", "k2", "k3"]);
    ring.refresh(99);
    expect(all(ring)).toEqual(["k0", "k2", "k3"]);
    ring.refresh(100);
    expect(all(ring)).toEqual(["k0", "k1", "k2", "k3"]);
    expect(ring.resting(9)).toEqual([]);
  });

  it("asks again before it takes a candidate back, because a rest may have been extended behind its back", () => {
    const rests = new Map([["k1", 100]]);
    const ring = ringOf(
      ids(2).map((id) => ({ id })),
      rests,
    );
    rests.set("k1", 200);
    ring.refresh(100);
    expect(all(ring)).toEqual(["k0"]);
    ring.refresh(200);
    expect(all(ring)).toEqual(["k0", "k1"]);
  });

  it("starts one further for every request when there is more than a view, and comes round", () => {
    const ring = ringOf(ids(100).map((id) => ({ id })));
    const firsts = new Set<string>();
    for (let request = 0; request < 100; request++) {
      const whole = all(ring);
      expect(whole).toHaveLength(100);
      expect(new Set(whole).size).toBe(100);
      firsts.add(whole[0]!);
      ring.advance();
    }
    expect(firsts.size).toBe(100);
  });

  it("turns only the groups that do not fit into a view", () => {
    const ring = ringOf([
      ...ids(3).map((id) => ({ id, priority: 1 })),
      ...ids(103)
        .slice(3)
        .map((id) => ({ id })),
    ]);
    ring.advance();
    ring.advance();
    expect(idsOf(ring.view(0)).slice(0, 5)).toEqual(["k0", "k1", "k2", "k5", "k6"]);
  });

  it("has the order of the config again once what is left fits into a view", () => {
    const ring = ringOf(ids(70).map((id) => ({ id })));
    for (let request = 0; request < 5; request++) ring.advance();
    expect(all(ring)[0]).toBe("k5");
    for (const id of ids(10)) ring.update(id, 100, 0);
    expect(all(ring)).toEqual(ids(70).slice(10));
  });

  it("does not grow with rests that are set and ended again and again", () => {
    const queue = createReturnQueue<Returning>();
    const entry: Returning = { until: 0, place: -1 };
    for (let round = 0; round < 1000; round++) {
      queue.put(entry, Number.POSITIVE_INFINITY);
      queue.put(entry, round);
      if (round % 2) queue.take(entry);
    }
    expect(queue.size).toBe(0);
  });

  it("does what a list would do, whatever happens in whatever order", () => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = seededRandom(seed);
      const pick = (below: number): number => Math.floor(random() * below);
      const count = [5, 64, 65, 200][seed % 4]!;
      const list = ids(count).map((id) => ({ id, priority: [undefined, 1, 2][pick(3)] }));
      const rests = new Map<string, number>();
      let now = 1000;
      const ring = ringOf(list, rests, now);
      const sorted = list.toSorted((a, b) => (a.priority ?? 9) - (b.priority ?? 9));

      for (let step = 0; step < 300; step++) {
        const { id } = list[pick(count)]!;
        const action = pick(5);
        if (action === 0) {
          // Rests without end stand in the queue beside short ones.
          const until = pick(10) === 0 ? Number.POSITIVE_INFINITY : now + pick(500);
          rests.set(id, until);
          ring.update(id, until, now);
        } else if (action === 1) {
          rests.delete(id);
          ring.update(id, 0, now);
        } else if (action === 2) {
          now += pick(100);
          ring.refresh(now);
        } else if (action === 3) ring.advance();
        else {
          ring.refresh(now);
          const resting = sorted.filter(({ id: each }) => (rests.get(each) ?? 0) > now);
          const ready = sorted.filter((each) => !resting.includes(each));
          const seen = all(ring);
          expect(ring.readyCount).toBe(ready.length);
          expect(seen.toSorted()).toEqual(ready.map((each) => each.id).toSorted());
          if (ready.length <= VIEW) expect(seen).toEqual(ready.map((each) => each.id));
          const priorities = seen.map((each) => list.find(({ id: known }) => known === each)!.priority ?? 9);
          expect(priorities).toEqual(priorities.toSorted((a, b) => a - b));

          const limit = 1 + pick(8);
          const soonest = idsOf(ring.resting(limit)).map((each) => rests.get(each)!);
          expect(soonest).toEqual(
            resting
              .map((each) => rests.get(each.id)!)
              .toSorted((a, b) => (a === b ? 0 : a - b))
              .slice(0, limit),
          );
        }
      }
    }
  });
});
