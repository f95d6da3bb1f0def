/** The credentials of a running proxy: rings of ready candidates per target, rests, requests in flight, refreshes. */
import type { Candidate, Target } from "../plugin/context.ts";
import type { Credential, Provider } from "../plugin/provider.ts";
import type { Clock } from "../runtime.ts";
import type { Credentials, Probed, ProbeOptions, Rest } from "./credentials.ts";
import type { Gate } from "./gates.ts";
import { halfOpenGate } from "./half-open.ts";
import { listOf, wakeShown } from "./probing.ts";
import { createHolds } from "./holds.ts";
import { createInFlight, type InFlight, type Places } from "./in-flight.ts";
import { quotaScopes } from "./quota-scopes.ts";
import { createReadyRing, type ReadyRing } from "./ready-ring.ts";
import { createRefreshing } from "./refreshing.ts";
import { createRests, later, type RestPlace, type Rests } from "./rests.ts";
import { createWaitingRoom, type WaitingRoom } from "./waiting-room.ts";

export interface Pool extends Credentials {
  /** The ring of a target. Kept from request to request as long as the provider's credentials stay the same. */
  ring(target: Target): ReadyRing;
  /** The candidate with the credential as it is now; `undefined` once that has been removed or rests. */
  current(candidate: Candidate): Candidate | undefined;
  /** A whole provider rests. */
  providerRest(provider: string): Rest | undefined;
  /** Why nobody of a target is asked now: its provider rests, or a limit over all its keys is reached. */
  closed(target: Pick<Target, "provider" | "model">): Rest | undefined;
  /** What `hold` said of this candidate, if it still counts. */
  held(candidate: Pick<Candidate, "provider" | "model" | "credential">): Rest | undefined;
  readonly flights: InFlight;
  readonly gates: readonly Gate[];
  /** Goes up with every `stir`. */
  readonly lifts: number;
  /** An attempt that began then has been answered, which ends the rests it was let through to try out. */
  answered(candidate: Candidate, startedAt: number): void;
  readonly room: WaitingRoom;
  /** Told the provider of every credential that is new. Returns the end of that. */
  onAdded(listener: (provider: string) => void): () => void;
  /** Hears no more of rests, which may outlive this pool. */
  close(): void;
}

export interface PoolInit {
  readonly clock: Clock;
  readonly provider: (name: string) => Provider | undefined;
  /** Asks the upstream about a key; without it only the provider's list can be asked for. */
  readonly probe?: (credential: Credential, options: ProbeOptions) => Promise<Probed>;
  /** What rested before a reload goes on resting. */
  readonly rests?: Rests;
  /** What is under way from before goes on taking places. */
  readonly places?: Places;
}

interface Shelf {
  readonly credentials: Map<string, Credential>;
  /** By position and model: the rings made so far. */
  rings: Map<string, { readonly model: string; readonly ring: ReadyRing }>;
}

/** Candidates that the kept rings of one provider hold together, roughly: some tens of megabytes. */
const KEPT = 200_000;
/** Rings are kept for names of models up to this length; longer ones are hardly real. */
const NAME = 256;

export function createPool({ clock, provider, probe, rests = createRests(), places }: PoolInit): Pool {
  const shelves = new Map<string, Shelf>();
  const owners = new Map<string, string>();
  const flights = createInFlight(places);
  const holds = createHolds();
  const gates: Gate[] = [];
  const added = new Set<(provider: string) => void>();
  let lifts = 0;
  const scopes = quotaScopes(provider);

  const shelf = (name: string): Shelf => {
    let found = shelves.get(name);
    if (!found) shelves.set(name, (found = { credentials: new Map(), rings: new Map() }));
    return found;
  };
  const scope = scopes.of;
  const restOf = (candidate: Pick<Candidate, "provider" | "model" | "credential">, now: number): Rest | undefined =>
    rests.candidate(candidate.credential.id, scope(candidate.provider.name, candidate.model), now);
  const restingUntil = (candidate: Candidate, now: number): number =>
    Math.max(restOf(candidate, now)?.until ?? 0, holds.key(candidate.credential.id, candidate.model, now)?.until ?? 0);

  /** Tells the rings of one provider that a credential's rest for some scope has changed. */
  const touch = (providerName: string, credential: string, scoped: string | undefined): void => {
    const now = clock.now();
    for (const { model, ring } of shelf(providerName).rings.values()) {
      const own = scope(providerName, model);
      if (scoped !== undefined && own !== scoped) continue;
      const rest = rests.candidate(credential, own, now)?.until ?? 0;
      ring.update(credential, Math.max(rest, holds.key(credential, model, now)?.until ?? 0), now);
    }
  };

  const get = (id: string): Credential | undefined => shelves.get(owners.get(id) ?? "")?.credentials.get(id);
  const resting = (candidate: Pick<Candidate, "provider" | "model" | "credential">): Rest | undefined => {
    const now = clock.now();
    const { provider: owner, model, credential } = candidate;
    const whole = later(rests.provider(owner.name, now), holds.target(owner.name, model, now));
    return later(whole, later(restOf(candidate, now), holds.key(credential.id, model, now)));
  };
  const current = (candidate: Candidate): Candidate | undefined => {
    const credential = get(candidate.credential.id);
    if (credential === undefined || resting(candidate) !== undefined) return undefined;
    return credential === candidate.credential ? candidate : Object.freeze({ ...candidate, credential });
  };
  const room = createWaitingRoom({ clock, acquire: flights.acquire, current });
  const unlisten = flights.onFree(room.free);
  const stir = (): void => {
    lifts++;
    if (room.size > 0) room.stir();
  };
  const placeOf = ({ provider: owner, model, credential }: Candidate): RestPlace => ({
    provider: owner.name,
    credential: credential.id,
    scope: scope(owner.name, model),
  });
  const halfOpen = halfOpenGate({ rests, clock, placeOf });
  // Only from the first such rest on, so that requests pay for it where there is one.
  const watchTrials = (rest: Rest | undefined): void => {
    if (rest?.probe === true && !gates.includes(halfOpen)) gates.unshift(halfOpen);
  };
  for (const key of rests.keys()) watchTrials(rests.entry(key)?.rest);
  // Of rests set elsewhere too: for a while after a reload the proxy before shares them, and workers mirror theirs.
  const unwatch = rests.watch(({ target, scope: scoped, rest }) => {
    watchTrials(rest);
    if (target.credential !== undefined) touch(target.provider, target.credential, scoped);
    // It has ended, or its time is over and nobody tries it any more: whoever waits may.
    const now = clock.now();
    if ((rests.get(target, scoped, now)?.until ?? 0) <= now) stir();
  });

  const pool: Pool = {
    flights,
    gates,
    get lifts() {
      return lifts;
    },
    room,
    onAdded(listener) {
      added.add(listener);
      return () => added.delete(listener);
    },
    close() {
      unwatch();
      unlisten();
    },
    closed({ provider: owner, model }) {
      const now = clock.now();
      return later(rests.provider(owner.name, now), holds.target(owner.name, model, now));
    },
    held({ provider: owner, model, credential }) {
      const now = clock.now();
      return later(holds.key(credential.id, model, now), holds.target(owner.name, model, now));
    },
    stir,
    addGate: (gate) => void gates.push(gate),
    hold({ provider: owner, model, credential }, scoped, rest) {
      holds.set({ provider: owner.name, model, credential: credential.id }, scoped, rest, clock.now());
      if (scoped === "key") touch(owner.name, credential.id, scope(owner.name, model));
    },
    lift(policy, credential) {
      const lifted = holds.lift(policy, credential);
      if (lifted.length === 0) return;
      for (const id of lifted) {
        const home = owners.get(id);
        if (home !== undefined) touch(home, id, undefined);
      }
      stir();
    },
    list: (name) => [...(shelves.get(name)?.credentials.values() ?? [])],
    get,
    resting,
    current,
    add(credential) {
      const home = shelf(credential.provider);
      const isNew = !home.credentials.has(credential.id);
      home.credentials.set(credential.id, credential);
      home.rings = new Map();
      owners.set(credential.id, credential.provider);
      if (room.size > 0) room.stir();
      if (isNew) for (const tell of added) tell(credential.provider);
    },
    remove(id) {
      const home = shelves.get(owners.get(id) ?? "");
      if (!home?.credentials.delete(id)) return;
      home.rings = new Map();
      owners.delete(id);
    },
    rest(target, rest) {
      const scoped = target.model === undefined ? undefined : scope(target.provider, target.model);
      rests.set(target, scoped, rest, clock.now());
    },
    wake(target) {
      const scoped = target.model === undefined ? undefined : scope(target.provider, target.model);
      rests.delete(target, scoped);
    },
    restOf: (target) =>
      rests.get(target, target.model === undefined ? undefined : scope(target.provider, target.model), clock.now()),
    async probe(credential, options = {}) {
      const probed = await (probe?.(credential, options) ?? listOf(provider(credential.provider), credential, options));
      wakeShown(pool, credential, probed);
      return probed;
    },
    answered: (candidate, startedAt) => rests.answered(placeOf(candidate), startedAt),
    rests: () => rests.list(clock.now()),
    watchRests: (listener) => rests.watch(({ target, rest }) => listener(target, rest)),
    providerRest: (name) => rests.provider(name, clock.now()),
    setGroups(group) {
      scopes.set(group);
      for (const each of shelves.values()) each.rings = new Map();
    },
    scope,
    addConcurrency: (limit) => flights.addLimit(limit),
    inFlight: (credential, model) => flights.count(credential, model),
    ring(target) {
      const home = shelf(target.provider.name);
      const key = `${target.position}/${target.model}`;
      const known = home.rings.get(key);
      if (known) return known.ring;
      const candidates = [...home.credentials.values()].map((credential): Candidate =>
        Object.freeze({ provider: target.provider, model: target.model, credential, position: target.position }),
      );
      const ring = createReadyRing(candidates, restingUntil, clock.now());
      // Rings are made on first use; those for names that clients make up must not pile up.
      if (home.rings.size * candidates.length > KEPT || home.rings.size >= 2000) home.rings.clear();
      if (target.model.length <= NAME) home.rings.set(key, { model: target.model, ring });
      return ring;
    },
    refresh: createRefreshing({
      provider,
      get,
      replace(credential) {
        const home = shelf(credential.provider);
        home.credentials.set(credential.id, credential);
        home.rings = new Map();
      },
    }),
  };
  return pool;
}
