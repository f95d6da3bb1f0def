/** From how many addresses a token is used. Addresses are kept as HMACs, and only of users with a limit. */
import { type Database, ipHash } from "waygate";
import type { User } from "./people.ts";
import type { Known } from "./store.ts";

export interface Addresses {
  /** Whether the user may call from here; a new address within the limit is remembered. */
  admit(user: User, ip: string, now: number): boolean;
  add(known: Known["addresses"]): void;
  count(user: string): number;
  forget(user: string): void;
}

const SEEN = `INSERT INTO user_ips (user_id, ip, first_at, last_at) VALUES (?, ?, ?, ?)
  ON CONFLICT (user_id, ip) DO UPDATE SET last_at = excluded.last_at`;

/** Hashes remembered; making one costs microseconds on every request. */
const HASHES = 10_000;
/** Milliseconds between two notes that an address is still in use. */
const AGAIN = 3_600_000;

export function createAddresses(secret: string, database: () => Database | undefined): Addresses {
  const byUser = new Map<string, Map<string, number>>();
  const hashes = new Map<string, string>();
  const hashOf = (ip: string): string => {
    const found = hashes.get(ip);
    if (found !== undefined) return found;
    if (hashes.size >= HASHES) hashes.clear();
    const hash = ipHash(secret, ip);
    hashes.set(ip, hash);
    return hash;
  };
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
      database()?.write(SEEN, id, hash, now, now);
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
