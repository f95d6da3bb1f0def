/** The credentials of a running proxy: rings of ready candidates per target, rests, requests in flight, refreshes. */
import { ProxyError } from "../failure/error.ts";
import type { Candidate, Target } from "../plugin/context.ts";
import type { Credential, Provider } from "../plugin/provider.ts";
import type { Clock } from "../runtime.ts";
import type { Credentials, Rest } from "./credentials.ts";
import { createInFlight, type InFlight } from "./in-flight.ts";
import { createReadyRing, type ReadyRing } from "./ready-ring.ts";
import { createRests, type Rests } from "./rests.ts";

export interface Pool extends Credentials {
  /** The ring of a target. Kept from request to request as long as the provider's credentials stay the same. */
  ring(target: Target): ReadyRing;
  /** The candidate with the credential as it is now; `undefined` once that has been removed or rests. */
  current(candidate: Candidate): Candidate | undefined;
  /** A whole provider rests. */
  providerRest(provider: string): Rest | undefined;
  readonly flights: InFlight;
}

export interface PoolInit {
  readonly clock: Clock;
  readonly provider: (name: string) => Provider | undefined;
  /** What rested before a reload goes on resting. */
  readonly rests?: Rests;
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

export function createPool({ clock, provider, rests = createRests() }: PoolInit): Pool {
  const shelves = new Map<string, Shelf>();
  const owners = new Map<string, string>();
  const refreshing = new Map<string, Promise<Credential>>();
  const flights = createInFlight();
  let groupOf: (provider: string, model: string) => string | undefined = () => undefined;

  const shelf = (name: string): Shelf => {
    let found = shelves.get(name);
    if (!found) shelves.set(name, (found = { credentials: new Map(), rings: new Map() }));
    return found;
  };
  const scope = (name: string, model: string): string => groupOf(name, model) ?? model;
  const restOf = (candidate: Pick<Candidate, "provider" | "model" | "credential">, now: number): Rest | undefined =>
    rests.candidate(candidate.credential.id, scope(candidate.provider.name, candidate.model), now);
  const restingUntil = (candidate: Candidate, now: number): number => restOf(candidate, now)?.until ?? 0;

  /** Tells the rings of one provider that a credential's rest for some scope has changed. */
  const touch = (providerName: string, credential: string, scoped: string | undefined): void => {
    const now = clock.now();
    for (const { model, ring } of shelf(providerName).rings.values()) {
      const own = scope(providerName, model);
      if (scoped !== undefined && own !== scoped) continue;
      const rest = rests.candidate(credential, own, now);
      ring.update(credential, rest?.until ?? 0, now);
    }
  };

  const get = (id: string): Credential | undefined => shelves.get(owners.get(id) ?? "")?.credentials.get(id);
  const resting = (candidate: Pick<Candidate, "provider" | "model" | "credential">): Rest | undefined => {
    const now = clock.now();
    const whole = rests.provider(candidate.provider.name, now);
    const own = restOf(candidate, now);
    if (whole === undefined) return own;
    return own !== undefined && own.until > whole.until ? own : whole;
  };

  return {
    flights,
    list: (name) => [...(shelves.get(name)?.credentials.values() ?? [])],
    get,
    resting,
    current(candidate) {
      const credential = get(candidate.credential.id);
      if (credential === undefined || resting(candidate) !== undefined) return undefined;
      return credential === candidate.credential ? candidate : Object.freeze({ ...candidate, credential });
    },
    add(credential) {
      const home = shelf(credential.provider);
      home.credentials.set(credential.id, credential);
      home.rings = new Map();
      owners.set(credential.id, credential.provider);
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
      if (target.credential !== undefined) touch(target.provider, target.credential, scoped);
    },
    wake(target) {
      const scoped = target.model === undefined ? undefined : scope(target.provider, target.model);
      if (!rests.delete(target, scoped) || target.credential === undefined) return;
      touch(target.provider, target.credential, scoped);
    },
    rests: () => rests.list(clock.now()),
    providerRest: (name) => rests.provider(name, clock.now()),
    setGroups(group) {
      groupOf = group;
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
    refresh(credential) {
      const running = refreshing.get(credential.id);
      if (running) return running;
      const owner = provider(credential.provider);
      if (!owner?.refresh) return Promise.resolve(credential);
      const started = owner
        .refresh(credential, AbortSignal.timeout(30_000))
        .then((data) => {
          const home = shelf(credential.provider);
          const current = home.credentials.get(credential.id);
          if (current === undefined) {
            throw new ProxyError({
              kind: "credential_invalid",
              message: "The credential was removed while it was refreshed.",
            });
          }
          const fresh = renew(current, data);
          home.credentials.set(credential.id, fresh);
          home.rings = new Map();
          return fresh;
        })
        .finally(() => refreshing.delete(credential.id));
      refreshing.set(credential.id, started);
      return started;
    },
  };
}

/** A copy with other secret data, which stays out of serialisations. */
function renew(credential: Credential, data: unknown): Credential {
  const fresh = Object.create(
    Object.getPrototypeOf(credential) as object,
    Object.getOwnPropertyDescriptors(credential),
  ) as Credential;
  Object.defineProperty(fresh, "data", { value: data, enumerable: false });
  return fresh;
}
