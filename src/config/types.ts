/** The shape of `proxy.config.ts`, with names inferred from the plugins listed, and the same with defaults filled in. */
import type { DatabaseDriver } from "../database/types.ts";
import type { ErrorRule, ResolvedErrorRule } from "../failure/own-rules.ts";
import type { Plugin } from "../plugin/app.ts";
import type { Provider, Timeouts } from "../plugin/provider.ts";
import type { StateDriver } from "../state/store.ts";

/** Falsy entries are skipped and lists may be nested, so that `cond && plugin()` and presets compose. */
export type PluginInput = Plugin | false | "" | null | undefined | readonly PluginInput[];

type Flatten<I> = I extends readonly (infer E)[] ? Flatten<E> : I extends Plugin ? I : never;
type ProvidersOf<P extends readonly PluginInput[]> =
  Flatten<P[number]> extends infer Q ? (Q extends Plugin<infer R> ? R[number] : never) : never;

/**
 * `provider/model` for the providers of the plugins listed: known names are completed, new models of a known provider
 * are accepted, an unknown provider is a compile error.
 */
export type ModelRef<P extends readonly PluginInput[]> =
  // Plugins of which nothing is known; without this the recursive list type would be unrolled for ever.
  PluginInput extends P[number]
    ? string
    : ProvidersOf<P> extends infer R
      ? R extends Provider<infer N, infer M>
        ? `${N}/${M}` | (`${N}/${string}` & Record<never, never>)
        : never
      : never;

export interface RetryConfig {
  /** Calls per request at most, all candidates together. Default 6. */
  readonly attempts: number;
  /** Extra calls of the same credential per candidate. Default 1. */
  readonly sameCredential: number;
  /** Milliseconds up to which waiting for the same credential beats failing. Default 3000. */
  readonly shortWait: number;
  /** Milliseconds after which no attempt is started. Default 300000. */
  readonly deadline: number;
  /** Milliseconds to wait for a credential that is busy or at a limit. Default 30000. */
  readonly queueWait: number;
  /** Requests that may wait for one at a time; more are refused at once. Default 1000. */
  readonly queueSize: number;
}

export interface CorsConfig {
  /** Origins that may call from a browser, or `"*"`. Never with credentials for `"*"`. */
  readonly origins: "*" | readonly string[];
}

export interface ServerConfig {
  /** Default `127.0.0.1`. A public host without authentication does not start. */
  readonly host: string;
  /** Default 8000. 0 takes a free one. */
  readonly port: number;
  /** Bytes of a request body at most. Default 64 MiB. */
  readonly maxBody: number;
  /** Default: any origin without credentials on `/v1*` when an auth plugin is on, else off. */
  readonly cors?: false | CorsConfig;
  /** Host names answered although no auth plugin is on; loopback names always are. */
  readonly allowedHosts?: readonly string[];
  /** How many proxies in front may be believed about `X-Forwarded-For`, or their addresses. Default none. */
  readonly trustProxy?: boolean | number | readonly string[];
  /** Milliseconds that requests under way have to end when the server does. Default 10000. */
  readonly drain: number;
  /**
   * Milliseconds after which a client that waits for the first event of a stream gets a sign of life, and how often. Its
   * status is 200 from then on, and what fails is an error inside the stream. 0 = never. Default 15000.
   */
  readonly keepAlive: number;
  readonly tls?: { readonly cert: string; readonly key: string; readonly passphrase?: string };
}

export interface DatabaseConfig {
  /** Of the SQLite file; relative to the folder of the config. */
  readonly path: string;
}

export interface LogConfig {
  /** Default `info`. */
  readonly level: "silent" | "error" | "warn" | "info" | "debug";
  /** One line per request. Default true. */
  readonly requests: boolean;
}

/** A config whatever its plugins are. Every `Config<…>` is one; of each other they are not, because names differ. */
export interface AnyConfig {
  /** Only what is listed is active. */
  readonly plugins: readonly PluginInput[];
  /** Public names, each tried left to right unless a policy says otherwise. May hold one `*`. */
  readonly models?: { readonly [alias: string]: string | readonly string[] };
  readonly server?: Partial<ServerConfig>;
  readonly retry?: Partial<RetryConfig>;
  /** Milliseconds; 0 = off. A provider may have its own. */
  readonly timeouts?: Partial<Timeouts>;
  /** What failures mean, before what providers and the core say of them. The first rule that fits decides. */
  readonly errors?: readonly ErrorRule[];
  /**
   * Where counters, leases and small values are kept when several workers share them: a plugin that brings a store, like
   * `redis()`, listed in `plugins` or only here. Default: the memory of the process.
   */
  readonly state?: StateDriver | Plugin;
  /** Path prefix that the host did not strip. */
  readonly base?: string;
  /** A loss in translation is a 400. Default false. */
  readonly strict?: boolean;
  /** Folder for what must be kept, opened only when something needs it. Default `.waygate`. */
  readonly dataDir?: string;
  /**
   * The file of the database, a plugin that brings another one, like `postgres()`, or false for none. Default:
   * `waygate.db` in `dataDir`, when a plugin or `proxy start` asks.
   */
  readonly database?: false | DatabaseConfig | Plugin;
  readonly log?: Partial<LogConfig>;
}

export interface Config<P extends readonly PluginInput[] = readonly PluginInput[]> extends AnyConfig {
  readonly plugins: P;
  /** Public names, each tried left to right unless a policy says otherwise. May hold one `*`. */
  readonly models?: { readonly [alias: string]: ModelRef<P> | readonly ModelRef<P>[] };
}

/** A config with nothing left to guess. */
export interface ResolvedConfig {
  readonly plugins: readonly Plugin[];
  readonly models: { readonly [alias: string]: readonly string[] };
  readonly server: ServerConfig;
  readonly retry: RetryConfig;
  readonly timeouts: Timeouts;
  readonly errors: readonly ResolvedErrorRule[];
  /** `undefined`: the memory of the process. */
  readonly state?: StateDriver;
  readonly base: string;
  readonly strict: boolean;
  readonly dataDir: string;
  /** `undefined`: the file in `dataDir`, when somebody asks. */
  readonly database?: false | DatabaseConfig | DatabaseDriver;
  readonly log: LogConfig;
}
