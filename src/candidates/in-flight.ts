/** How many requests each credential has in flight, and who may start another. */
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
  /** Told of every place that is given back, after it is free. */
  onFree(listener: (credential: string) => void): void;
}

export interface Placed {
  readonly candidate: Candidate;
  readonly lease: Lease;
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
  let told: ((credential: string) => void) | undefined;

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
        told?.(id);
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
    onFree(listener) {
      told = listener;
    },
  };
}
