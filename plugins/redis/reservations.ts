/** The reservations of this process that are not settled, wherever they were made. */
import type { Take } from "waygate";
import type { Part } from "./codec.ts";
import type { Held } from "./hand-over.ts";

export interface Open {
  readonly parts: readonly Part[];
  /** Corrects what this process counts of it. */
  settleHere(amounts: readonly (number | undefined)[]): void;
  /** Corrects what Redis has not been told yet; only until it has been. */
  settleUntold?(amounts: readonly (number | undefined)[]): void;
  renewHere(): void;
  /** Redis knows of it. */
  isShared: boolean;
  /** Steady milliseconds since when its leases run. */
  since: number;
}

export interface Adoption {
  readonly held: readonly Held[];
  /** Redis has not been told after all. */
  undo(): void;
}

export interface Reservations {
  add(id: string, open: Open): void;
  get(id: string): Open | undefined;
  /** Takes it out; `undefined` for what is unknown or settled. */
  take(id: string): Open | undefined;
  /** Leases that still run: all, or those Redis does not know of. From now on it counts as told. */
  adopt(now: number, all: boolean): Adoption;
}

/** Those made longest ago are given up: then they count as they were taken. */
const OPEN = 200_000;

export function createReservations(): Reservations {
  const open = new Map<string, Open>();
  return {
    add(id, one) {
      open.set(id, one);
      if (open.size <= OPEN) return;
      // Some at once, because each look steps over what was removed before. An iterator kept from call to call would not,
      // but it keeps every table alive that the map has had since.
      for (const each of open.keys()) {
        if (open.size <= OPEN * 0.98) break;
        open.delete(each);
      }
    },
    get: (id) => open.get(id),
    take(id) {
      const found = open.get(id);
      if (found) open.delete(id);
      return found;
    },
    adopt(now, all) {
      const held: Held[] = [];
      const told: Open[] = [];
      for (const one of open.values()) {
        if (!all && one.isShared) continue;
        if (!one.isShared) told.push(one);
        one.isShared = true;
        for (const part of one.parts) {
          if (part.counter.kind !== "lease") continue;
          const left = one.since + part.counter.ttl - now;
          if (left > 0) held.push({ part, left });
        }
      }
      return {
        held,
        undo() {
          for (const one of told) one.isShared = false;
        },
      };
    },
  };
}

/** The same takes without a limit, for counting only. */
export function unlimited(takes: readonly Take[]): Take[] {
  return takes.map((take) => ({ ...take, limit: Number.POSITIVE_INFINITY }));
}
