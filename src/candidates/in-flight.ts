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
  /** Told of every place that is given back, after it is free. Returns the end of that. */
  onFree(listener: (credential: string) => void): () => void;
  /** For a proxy that takes over: what is under way here takes places there too. */
  readonly places: Places;
}

/** Places that proxies share while one takes over from another. */
export interface Places {
  readonly counts: Map<string, Counts>;
  readonly listeners: Set<(credential: string) => void>;
}

export interface Placed {
  readonly candidate: Candidate;
  readonly lease: Lease;
}

/** What one model has of a credential's requests. */
interface OfModel {
  /** Whatever was asked last, where `count` is 0. */
  model: string;
  count: number;
  next: OfModel | undefined;
}

interface Counts {
  total: number;
  /** As many as models were in flight at once: one, mostly. */
  models: OfModel;
}

/** Counts that are kept for the next credential that has something to do. */
const SPARE = 256;

export function createInFlight(places: Places = { counts: new Map(), listeners: new Set() }): InFlight {
  const { counts, listeners } = places;
  const limits: ((candidate: Candidate) => number | undefined)[] = [];
  const spare: Counts[] = [];

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
    if (!held) counts.set(id, (held = spare.pop() ?? { total: 0, models: { model, count: 0, next: undefined } }));
    const taken = held;
    taken.total++;
    const own = ofModel(taken, model);
    own.count++;
    let open = true;
    return {
      release() {
        if (!open) return;
        open = false;
        taken.total--;
        own.count--;
        // Only who has something to do is in the map: every request looks 64 keys up, and a small map is at hand.
        if (taken.total === 0) {
          counts.delete(id);
          if (spare.length < SPARE) spare.push(taken);
        }
        for (const tell of listeners) tell(id);
      },
    };
  };

  return {
    acquire,
    free,
    count(credential, model) {
      const held = counts.get(credential);
      if (!held) return 0;
      return model === undefined ? held.total : (find(held.models, model)?.count ?? 0);
    },
    addLimit: (limit) => void limits.push(limit),
    onFree(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    places,
  };
}

function find(first: OfModel, model: string): OfModel | undefined {
  let each: OfModel | undefined = first;
  while (each && (each.count === 0 || each.model !== model)) each = each.next;
  return each;
}

/** The count of a model, in a place that is idle or a new one: clients make names up, so none is kept at zero. */
function ofModel(held: Counts, model: string): OfModel {
  const known = find(held.models, model);
  if (known) return known;
  let idle: OfModel | undefined = held.models;
  while (idle && idle.count > 0) idle = idle.next;
  if (idle) {
    idle.model = model;
    return idle;
  }
  return (held.models = { model, count: 0, next: held.models });
}
