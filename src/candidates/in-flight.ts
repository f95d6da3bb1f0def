/** How many requests each credential has in flight, who may start another, and who waits for one to end. */
import type { Candidate } from "../plugin/context.ts";

export interface Lease {
  /** Gives the place back; once, whatever happens. */
  release(): void;
}

export interface InFlight {
  /** A place for one more request, or `undefined` when a limit is reached. Checking and taking are one step. */
  acquire(candidate: Candidate): Lease | undefined;
  /** True when `acquire` would succeed now. */
  free(candidate: Candidate): boolean;
  count(credential: string, model?: string): number;
  /** 0 leaves no place at all. */
  addLimit(limit: (candidate: Candidate) => number | undefined): void;
  /**
   * Waits for a place on any of the candidates; first come, first served among those whose candidates fit. `current`
   * is asked again whenever a place is free: the candidate as it is then, or `undefined` when it must not be used.
   */
  wait(candidates: readonly Candidate[], current: (candidate: Candidate) => Candidate | undefined): Waiting;
}

export interface Placed {
  readonly candidate: Candidate;
  readonly lease: Lease;
}

export interface Waiting {
  /** `gone`: none of the candidates may be used any more, so there is nothing to wait for. */
  readonly placed: Promise<Placed | "gone" | "cancelled">;
  cancel(): void;
}

interface Counts {
  total: number;
  readonly models: Map<string, number>;
}

/** Credentials that are remembered at zero. */
const KEPT = 50_000;

export function createInFlight(): InFlight {
  const counts = new Map<string, Counts>();
  const limits: ((candidate: Candidate) => number | undefined)[] = [];
  /** Each tries to take a place and says whether it is done with waiting, and how. */
  const waiting = new Set<() => "placed" | "gone" | undefined>();

  const most = (candidate: Candidate): number => {
    const own = candidate.credential.concurrency ?? candidate.provider.concurrency ?? 0;
    let smallest = own > 0 ? own : Number.POSITIVE_INFINITY;
    for (const limit of limits) smallest = Math.min(smallest, limit(candidate) ?? Number.POSITIVE_INFINITY);
    return smallest;
  };
  const free = (candidate: Candidate): boolean => {
    const limit = most(candidate);
    return limit === Number.POSITIVE_INFINITY || (counts.get(candidate.credential.id)?.total ?? 0) < limit;
  };

  /** One place is free: for the first who can use it. Those met on the way who wait in vain are sent home. */
  const serveNext = (): void => {
    for (const attempt of waiting) {
      const how = attempt();
      if (how === undefined) continue;
      waiting.delete(attempt);
      if (how === "placed") return;
    }
  };

  const acquire = (candidate: Candidate): Lease | undefined => {
    if (!free(candidate)) return undefined;
    const { model } = candidate;
    const { id } = candidate.credential;
    let held = counts.get(id);
    if (!held) {
      // Kept when it falls back to zero, so that a request allocates nothing here; those of removed keys go in time.
      if (counts.size >= KEPT) for (const [each, idle] of counts) if (idle.total === 0) counts.delete(each);
      counts.set(id, (held = { total: 0, models: new Map() }));
    }
    const taken = held;
    taken.total++;
    taken.models.set(model, (taken.models.get(model) ?? 0) + 1);
    let open = true;
    return {
      release() {
        if (!open) return;
        open = false;
        taken.total--;
        const left = taken.models.get(model)! - 1;
        // Not kept at zero: clients make names of models up, as long as they like.
        if (left > 0) taken.models.set(model, left);
        else taken.models.delete(model);
        if (waiting.size > 0) serveNext();
      },
    };
  };

  return {
    acquire,
    free,
    count(credential, model) {
      const held = counts.get(credential);
      if (!held) return 0;
      return model === undefined ? held.total : (held.models.get(model) ?? 0);
    },
    addLimit: (limit) => void limits.push(limit),
    wait(candidates, current) {
      const { promise: placed, resolve } = Promise.withResolvers<Placed | "gone" | "cancelled">();
      const attempt = (): "placed" | "gone" | undefined => {
        let hope = false;
        for (const each of candidates) {
          const candidate = current(each);
          if (candidate === undefined) continue;
          hope = true;
          const lease = acquire(candidate);
          if (lease === undefined) continue;
          resolve({ candidate, lease });
          return "placed";
        }
        if (hope) return undefined;
        resolve("gone");
        return "gone";
      };
      // A place may have become free since the caller looked, when nobody was waiting for it.
      if (attempt() === undefined) waiting.add(attempt);
      return {
        placed,
        cancel() {
          if (waiting.delete(attempt)) resolve("cancelled");
        },
      };
    },
  };
}
