/** The state in Redis, with this process's own memory in its place while Redis is away. */
import { randomUUID } from "node:crypto";
import { checkTakes, type Reservation, soundAmount, type StateHost, type StateStore, type Take } from "waygate";
import type { Address } from "./address.ts";
import type { Part } from "./codec.ts";
import { type Link, openLink } from "./link.ts";
import { createLedger, type Ledger } from "./local.ts";
import { createRecovery } from "./recovery.ts";
import * as remote from "./remote.ts";
import { createReservations, unlimited } from "./reservations.ts";
import { createValues } from "./values.ts";

export interface RedisStore {
  readonly store: StateStore;
  readonly link: Link;
}

export interface RedisStoreInit {
  readonly address: Address;
  readonly prefix: string;
  /** Milliseconds to wait for an answer. */
  readonly wait: number;
  readonly host: StateHost;
}

export async function openStore({ address, prefix, wait, host }: RedisStoreInit): Promise<RedisStore> {
  const { clock } = host;
  const name = randomUUID();
  /** All this process has taken; what limits are held against while Redis is away. */
  const all = createLedger(host);
  const reservations = createReservations();
  const recovery = createRecovery({ host, all, reservations });
  const link = await openLink({ address, prefix, wait, host, ...recovery });
  const values = createValues(link, all.store, clock.monotonic);
  link.whenBack(() => void values.catchUp());
  let count = 0;

  /** Now, or when Redis is back. */
  const correct = (corrections: readonly remote.Correction[]): Promise<void> =>
    remote.settle(link.run, corrections).catch(() => recovery.keep(corrections));
  const open = (id: string, parts: readonly Part[], local: string, untold?: Ledger, also = ""): void =>
    reservations.add(id, {
      parts,
      settleHere: (amounts) => void all.store.settle(local, amounts),
      ...(untold && { settleUntold: (amounts) => void untold.store.settle(also, amounts) }),
      renewHere: () => void all.store.renew([local]),
      isShared: untold === undefined,
      since: clock.monotonic(),
    });
  const reserveHere = (id: string, takes: readonly Take[]): Reservation => {
    const said = all.store.reserve(takes) as Reservation;
    if (!said.granted) return said;
    const { outage } = recovery;
    const also = outage.store.reserve(unlimited(takes)) as Reservation;
    const parts = remote.partsOf(id, takes);
    for (const part of parts) {
      if (part.counter.kind === "sliding") part.place = String(Math.floor(clock.now() + link.offset));
    }
    open(id, parts, said.id, outage, also.granted ? also.id : "");
    return { granted: true, id };
  };
  const reserveThere = async (id: string, takes: readonly Take[]): Promise<Reservation> => {
    const parts = remote.partsOf(id, takes);
    let said: Reservation;
    try {
      said = await remote.reserve(link, id, takes, parts, (corrections) => void correct(corrections));
    } catch {
      // Away, which the link has said.
      return reserveHere(id, takes);
    }
    if (!said.granted) return said;
    const here = all.store.reserve(unlimited(takes)) as Reservation;
    open(id, parts, here.granted ? here.id : "");
    return said;
  };

  const store: StateStore = {
    get: values.get,
    set: values.set,
    delete: values.delete,
    reserve(takes) {
      checkTakes(takes);
      const id = `${name}.${(count++).toString(36)}`;
      return link.up ? reserveThere(id, takes) : reserveHere(id, takes);
    },
    async settle(id, amounts) {
      const found = reservations.take(id);
      if (!found) return;
      found.settleHere(amounts);
      if (!found.isShared) return found.settleUntold?.(amounts);
      const corrections = found.parts.map((part, index) => ({ part, amount: soundAmount(amounts[index]) }));
      await correct(corrections);
    },
    async renew(ids) {
      const held: Part[] = [];
      for (const id of ids) {
        const found = reservations.get(id);
        if (!found) continue;
        found.since = clock.monotonic();
        found.renewHere();
        if (found.isShared) held.push(...found.parts.filter(({ counter }) => counter.kind === "lease"));
      }
      await remote.renew(link.run, held).catch(() => {
        // Away, which the link has said. Whoever renews does it again before the time to live is over.
      });
    },
    used: (counters) =>
      link.up ? remote.count(link.run, counters).catch(() => all.store.used(counters)) : all.store.used(counters),
    health: () =>
      link.up
        ? { ok: true }
        : { ok: false, reason: `${address.shown} is away (${link.reason}), limits are kept per process` },
    close: link.close,
  };
  return { store, link };
}
