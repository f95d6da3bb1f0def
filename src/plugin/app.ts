/** The running proxy as plugins see it, and what a plugin is. */
import type { ConsolaInstance } from "consola";
import type { EventHandler } from "h3";
import type { AccountKind } from "../accounts/types.ts";
import type { ResolvedConfig, RetryConfig, ServerConfig } from "../config/types.ts";
import type { Credentials } from "../candidates/credentials.ts";
import type { Snapshot } from "../database/snapshot.ts";
import type { Database, DatabaseDriver } from "../database/types.ts";
import type { Models } from "../candidates/models.ts";
import type { Overlay } from "../overlay/types.ts";
import type { Protocol } from "../protocols/types.ts";
import type { Runtime } from "../runtime.ts";
import type { StateDriver, StateStore } from "../state/store.ts";
import type { PluginHooks } from "./hooks.ts";
import type { MaybePromise, Provider, Timeouts } from "./provider.ts";

export interface App {
  readonly config: ResolvedConfig;
  readonly plugins: readonly Plugin[];
  readonly providers: readonly Provider[];
  readonly credentials: Credentials;
  readonly models: Models;
  readonly runtime: Runtime;
  /** Absolute path of the folder that relative paths of the config start from. A fake of an app may lack it. */
  readonly root?: string;
  /** Small values over requests, shared by all workers where the config says so. */
  readonly state: StateStore;
  /** Hot state that outlives the process where there is a database. A fake of an app may lack it. */
  readonly snapshot?: Snapshot;
  /** What may be edited while the proxy runs. A fake of an app may lack it. */
  readonly overlay?: Overlay;
  /** What must outlive the process; absent unless the config, a plugin or the command line has asked for it. */
  readonly database?: Database;
  readonly log: ConsolaInstance;
  /** Whether some plugin asks who calls. A fake of an app may lack it. */
  readonly guarded?: boolean;
  /** Throws when no plugin and not the core brings that protocol. */
  protocol(id: string): Protocol;
}

/** A command a plugin adds: `proxy <plugin> <command>`. */
export interface Command {
  readonly description: string;
  run(app: App, args: readonly string[]): MaybePromise<void>;
}

/** What a plugin knows when it says which plugins it brings. */
export interface ExpandHost {
  /** The others of the config, those that yield among them. */
  readonly listed: readonly Plugin[];
  /** Absolute path of the folder that relative paths of the config start from. */
  readonly root: string;
  /** Absolute path of the folder for what must be kept. It may not be there. */
  readonly dataDir: string;
}

/** Settings of a config for where it states none. */
export interface PluginSettings {
  readonly retry?: Partial<RetryConfig>;
  readonly timeouts?: Partial<Timeouts>;
  readonly server?: Pick<ServerConfig, "trustProxy">;
}

/** Whoever comes to the door, before anything is known of them. */
export interface Caller {
  /** Its body has not been read. */
  readonly req: Request;
  readonly ip: string | undefined;
  /** The route, without the config's `base`: `/v1/models/**`. */
  readonly route: string;
  /** Whether the route is one for administrators. */
  readonly admin: boolean;
}

export interface Plugin<Providers extends readonly Provider[] = readonly Provider[]> {
  readonly name: string;
  /** Recognises plugins written for another major. */
  readonly apiVersion?: 1;
  readonly providers?: Providers;
  readonly protocols?: readonly Protocol[];
  readonly hooks?: PluginHooks;
  /** h3 handlers by `"METHOD /path"`; behind `auth` unless listed in `publicRoutes`. */
  readonly routes?: { readonly [route: `${string} /${string}`]: EventHandler };
  readonly publicRoutes?: readonly string[];
  /** Routes for administrators only: `ADMIN_KEY`, a principal with `admin`, the command line of this machine. */
  readonly adminRoutes?: readonly string[];
  readonly commands?: { readonly [name: string]: Command };
  /** The accounts people sign in to for its providers: `proxy login`, `proxy credentials`. */
  readonly accounts?: readonly AccountKind[];
  /** Keeps `app.state` somewhere else than in the memory of the process. One plugin at most. */
  readonly state?: StateDriver;
  /** Keeps what must outlive the process somewhere else than in the file. One plugin at most. */
  readonly database?: DatabaseDriver;
  /** Asks for `app.database`; it is there from `setup` on, unless the config says `database: false`. */
  readonly usesDatabase?: boolean;
  /**
   * What stands in its place, for a plugin that depends on what else is listed. Called before anything is set up, and
   * more than once: it must be quick and change nothing. What it returns expands no further.
   */
  expand?(host: ExpandHost): readonly Plugin[];
  /** Nobody has asked for it by itself: it steps back for another plugin of its name. */
  readonly yields?: boolean;
  /** What the config leaves open of `retry` and `timeouts`; the first plugin that states something counts. */
  readonly settings?: PluginSettings;
  /**
   * Asked before anything else, of every request on every route; nothing is recorded of whom it turns away. Throws a
   * `ProxyError`, or answers at once with a `Response`.
   */
  admit?(caller: Caller, app: App): Response | undefined | void;
  /** Registers resources (credentials, groups, limits), in config order, one by one. */
  setup?(app: App): MaybePromise<void>;
  /** Starts background work; all plugins in parallel. */
  ready?(app: App): MaybePromise<void>;
  /** Runs in reverse order, also after a failed `setup`. */
  close?(app: App): MaybePromise<void>;
}
