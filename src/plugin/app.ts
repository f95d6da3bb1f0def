/** The running proxy as plugins see it, and what a plugin is. */
import type { ConsolaInstance } from "consola";
import type { EventHandler } from "h3";
import type { ResolvedConfig } from "../config/types.ts";
import type { Credentials } from "../candidates/credentials.ts";
import type { Snapshot } from "../database/snapshot.ts";
import type { Database } from "../database/types.ts";
import type { Models } from "../candidates/models.ts";
import type { Protocol } from "../protocols/types.ts";
import type { Runtime } from "../runtime.ts";
import type { StateDriver, StateStore } from "../state/store.ts";
import type { PluginHooks } from "./hooks.ts";
import type { MaybePromise, Provider } from "./provider.ts";

export interface App {
  readonly config: ResolvedConfig;
  readonly plugins: readonly Plugin[];
  readonly providers: readonly Provider[];
  readonly credentials: Credentials;
  readonly models: Models;
  readonly runtime: Runtime;
  /** Small values over requests, shared by all workers where the config says so. */
  readonly state: StateStore;
  /** Hot state that outlives the process where there is a database. A fake of an app may lack it. */
  readonly snapshot?: Snapshot;
  /** What must outlive the process; absent unless the config, a plugin or the command line has asked for it. */
  readonly database?: Database;
  readonly log: ConsolaInstance;
  /** Throws when no plugin and not the core brings that protocol. */
  protocol(id: string): Protocol;
}

/** A command a plugin adds: `proxy <plugin> <command>`. */
export interface Command {
  readonly description: string;
  run(app: App, args: readonly string[]): MaybePromise<void>;
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
  readonly commands?: { readonly [name: string]: Command };
  /** Keeps `app.state` somewhere else than in the memory of the process. One plugin at most. */
  readonly state?: StateDriver;
  /** Asks for `app.database`; it is there from `setup` on, unless the config says `database: false`. */
  readonly usesDatabase?: boolean;
  /** Registers resources (credentials, groups, limits), in config order, one by one. */
  setup?(app: App): MaybePromise<void>;
  /** Starts background work; all plugins in parallel. */
  ready?(app: App): MaybePromise<void>;
  /** Runs in reverse order, also after a failed `setup`. */
  close?(app: App): MaybePromise<void>;
}
