/** Several workers and machines share one state: limits, leases, affinity and what rests, in Redis 7 or Valkey. */
import { ConfigError, definePlugin, type Plugin } from "waygate";
import { readAddress } from "./address.ts";
import { mirrorRests, type Mirror } from "./rest-mirror.ts";
import { openStore, type RedisStore } from "./store.ts";

export interface RedisOptions {
  /** `redis://user:password@host:6379/0`, `rediss://` for TLS. Default: `REDIS_URL` of the environment. */
  readonly url?: string;
  /** What all keys begin with; give proxies that share nothing different ones. Default `waygate`. */
  readonly prefix?: string;
  /** Milliseconds that a request waits for an answer of Redis. Default 100. */
  readonly wait?: number;
  /** What rests on one worker rests on all. Default true. */
  readonly rests?: boolean;
}

/**
 * One server, or several behind one address; not a cluster whose nodes redirect. Every reservation is one round trip.
 * While Redis is away each process keeps the limits by itself, counting what it has taken before; that is logged, and
 * `/health` says so. Back again, Redis is told what was taken meanwhile. Throws a `ConfigError` for options that make no
 * sense.
 */
export function redis(options: RedisOptions = {}): Plugin<readonly []> {
  const { prefix = "waygate", wait = 100, rests = true } = options;
  const address = readAddress(options.url ?? process.env["REDIS_URL"]);
  if (!/^[^\s{}]+$/.test(prefix)) throw bad("prefix", "it is a text without spaces and braces", 'write "waygate"');
  if (!(wait >= 1 && wait <= 60_000)) throw bad("wait", "it is a number of milliseconds from 1 to 60000", "write 100");
  let opened: RedisStore | undefined;
  let mirror: Mirror | undefined;
  return definePlugin({
    name: "redis",
    state: {
      name: "redis",
      async open(host) {
        opened = await openStore({ address, prefix, wait, host });
        return opened.store;
      },
    },
    setup(app) {
      if (opened && rests) mirror = mirrorRests(app, opened.link);
    },
    close() {
      mirror?.close();
    },
  });
}

function bad(name: string, why: string, fix: string): ConfigError {
  return new ConfigError([
    { code: "config_invalid", path: ["plugins", "redis", name], what: `redis: wrong ${name}`, why, fix },
  ]);
}
