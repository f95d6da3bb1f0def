/** Places in flight that all workers on one store share. Held as leases, so that a worker that dies gives its own back. */
import type { App, Candidate, Gate, Grant, Refused, Reservation, Take, Timer } from "waygate";

export interface SharedInit {
  /** Milliseconds after which the places of a worker that is gone are free. */
  readonly ttl: number;
  /** Places of a key at most; `undefined` = no limit. */
  readonly most: (candidate: Candidate) => number | undefined;
  /** The same for one model of the key. */
  readonly mostOfModel: (candidate: Candidate) => number | undefined;
}

export interface SharedPlaces {
  readonly gate: Gate;
  close(): void;
}

/** Signs of life in one time to live: several may be lost. */
const SIGNS = 4;

export function sharedPlaces(app: App, { ttl, most, mostOfModel }: SharedInit): SharedPlaces {
  const open = new Set<string>();
  let timer: Timer | undefined;
  let closed = false;

  const renew = async (): Promise<void> => {
    try {
      await app.state.renew([...open]);
    } catch (error) {
      app.log.warn("Places in flight could not be renewed in the shared state; they may be given away:", error);
    }
    timer = undefined;
    arm();
  };
  const arm = (): void => {
    if (timer || closed || open.size === 0) return;
    timer = app.runtime.clock.timer(() => void renew(), ttl / SIGNS);
  };
  const decide = (reservation: Reservation): Grant | Refused => {
    if (!reservation.granted) return { refused: "all places taken, of all workers together", kind: "busy" };
    const { id } = reservation;
    open.add(id);
    arm();
    return {
      settle() {
        open.delete(id);
        return app.state.settle(id, []);
      },
    };
  };

  return {
    gate: {
      name: "concurrency",
      reserve(candidate) {
        const takes: Take[] = [];
        const add = (key: string, limit: number | undefined): void => {
          if (limit !== undefined) takes.push({ counter: { kind: "lease", key, ttl }, limit, amount: 1 });
        };
        add(`flight/${candidate.credential.id}`, most(candidate));
        add(`flight/${candidate.credential.id}/${candidate.model}`, mostOfModel(candidate));
        if (takes.length === 0) return undefined;
        const reserved = app.state.reserve(takes);
        return reserved instanceof Promise ? reserved.then(decide) : decide(reserved);
      },
    },
    close() {
      closed = true;
      timer?.cancel();
    },
  };
}
