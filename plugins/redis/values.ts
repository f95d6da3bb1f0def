/** Small values in Redis, and in this process for the time it is away. */
import type { Json, StateStore } from "waygate";
import { duration } from "./codec.ts";
import type { Link } from "./link.ts";

export interface Values extends Pick<StateStore, "get" | "set" | "delete"> {
  /** Sends what was set and deleted meanwhile. */
  catchUp(): Promise<void>;
}

/** Changes remembered while Redis is away; then the oldest are forgotten. */
const MISSED = 10_000;

export function createValues(link: Link, local: StateStore, monotonic: () => number): Values {
  /** When the values end, by the steady clock; `undefined`: deleted. */
  const missed = new Map<string, number | undefined>();

  const miss = (key: string, until: number | undefined): void => {
    missed.delete(key);
    missed.set(key, until);
    if (missed.size <= MISSED) return;
    for (const oldest of missed.keys()) {
      missed.delete(oldest);
      break;
    }
  };
  const send = async (command: readonly string[], key: string, until: number | undefined): Promise<void> => {
    try {
      await link.command(command);
    } catch {
      // Away, which the link has said: it is sent when Redis is back.
      miss(key, until);
    }
  };
  const put = (key: string, value: Json, ttl: number): Promise<void> =>
    send(["SET", link.key(`v:${key}`), JSON.stringify(value), "PX", duration(ttl)], key, monotonic() + ttl);
  const remove = (key: string): Promise<void> => send(["DEL", link.key(`v:${key}`)], key, undefined);

  return {
    async get(key) {
      if (!link.up) return local.get(key);
      try {
        const text = await link.command(["GET", link.key(`v:${key}`)]);
        return typeof text === "string" ? (JSON.parse(text) as Json) : undefined;
      } catch {
        // Away, which the link has said; or no JSON, which nobody here has written.
        return local.get(key);
      }
    },
    async set(key, value, ttl) {
      if (!(ttl > 0)) {
        await local.delete(key);
        return link.up ? remove(key) : miss(key, undefined);
      }
      await local.set(key, value, ttl);
      if (link.up) return put(key, value, ttl);
      miss(key, monotonic() + ttl);
    },
    async delete(key) {
      await local.delete(key);
      if (link.up) return remove(key);
      miss(key, undefined);
    },
    async catchUp() {
      const all = [...missed];
      missed.clear();
      await Promise.all(
        all.map(async ([key, until]) => {
          if (until === undefined) return remove(key);
          const value = await local.get(key);
          if (value !== undefined && until > monotonic()) await put(key, value, until - monotonic());
        }),
      );
    },
  };
}
