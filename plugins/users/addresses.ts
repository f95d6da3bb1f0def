/** From how many addresses a token is used. Addresses are kept as HMACs, and only of users with a limit. */
import { type Database, prepared, type QueryBuilder } from "waygate";
import type { User } from "./people.ts";
import type { Known } from "./store.ts";

export interface Addresses {
  /** Whether the user may call from here; a new address within the limit is remembered. */
  admit(user: User, ip: string, now: number): boolean;
  add(known: Known["addresses"]): void;
  count(user: string): number;
  forget(user: string): void;
}

/** Milliseconds between two notes that an address is still in use. */
const AGAIN = 3_600_000;

export function createAddresses(
  hashOf: (address: string) => string,
  builder: QueryBuilder,
  database: () => Database | undefined,
): Addresses {
  const seen = prepared(({ user, ip, now }: { readonly user: string; readonly ip: string; readonly now: number }) =>
    builder
      .insertInto("user_ips")
      .values({ user_id: user, ip, first_at: now, last_at: now })
      .onConflict((conflict) =>
        conflict.columns(["user_id", "ip"]).doUpdateSet(({ ref }) => ({ last_at: ref("excluded.last_at") })),
      ),
  );
  const byUser = new Map<string, Map<string, number>>();
  const mapOf = (user: string): Map<string, number> => {
    let map = byUser.get(user);
    if (map === undefined) byUser.set(user, (map = new Map()));
    return map;
  };
  return {
    admit({ id, maxIps }, ip, now) {
      if (maxIps === undefined) return true;
      const known = mapOf(id);
      const hash = hashOf(ip);
      const last = known.get(hash);
      if (last !== undefined && now - last < AGAIN) return true;
      if (last === undefined && known.size >= maxIps) return false;
      known.set(hash, now);
      database()?.write(seen.with({ user: id, ip: hash, now }));
      return true;
    },
    add(all) {
      for (const { user, ip } of all) {
        const map = mapOf(user);
        if (!map.has(ip)) map.set(ip, 0);
      }
    },
    count: (user) => byUser.get(user)?.size ?? 0,
    forget: (user) => void byUser.delete(user),
  };
}
