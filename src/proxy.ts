/** `createProxy`: from a config to a fetch handler. Synchronous and without I/O; the rest happens on first use. */
import type { ConsolaInstance } from "consola";
import { createModels } from "./candidates/lookup.ts";
import { createPool, type Pool } from "./candidates/pool.ts";
import { anonymousCredential } from "./candidates/keys.ts";
import { createRests, type Rests } from "./candidates/rests.ts";
import { keepRests } from "./candidates/rests-snapshot.ts";
import { fetchAsClient } from "./client-fetch.ts";
import { resolveConfig } from "./config/resolve.ts";
import type { ConfigProblem } from "./config/problem.ts";
import type { Config, PluginInput, ResolvedConfig } from "./config/types.ts";
import { createDurable, type Durable } from "./database/durable.ts";
import { createLog } from "./log.ts";
import { createDiscovery, type Discovery } from "./candidates/discovery.ts";
import { compileHooks } from "./pipeline/hooks.ts";
import { sealAffinity } from "./pipeline/fitting.ts";
import type { RequestSink } from "./pipeline/pipeline.ts";
import { probeKey } from "./pipeline/probe-key.ts";
import type { Pipeline } from "./pipeline/pipeline.ts";
import type { App, Plugin } from "./plugin/app.ts";
import { shippedProtocols } from "./protocols/shipped.ts";
import type { Runtime } from "./runtime.ts";
import { completeRuntime } from "./system-runtime.ts";
import { memoryState } from "./state/memory.ts";
import type { StateStore } from "./state/store.ts";
import { type AdminAccess, createAdminAccess } from "./server/admin-access.ts";
import { clientProtocolOf } from "./server/client-protocol.ts";
import { createServerApp } from "./server/app.ts";
import { refuseClosed } from "./server/refuse-closed.ts";

export interface Proxy {
  /**
   * Answers one request; starts the proxy on first use. Never rejects for what a client or an upstream does. May be
   * handed over alone, and hosts may pass more arguments of their own.
   */
  fetch(request: Request): Promise<Response>;
  /** The same for clients that call it as they call the global `fetch`, with an address and an `init`. */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;
  /** Resolves when plugins are set up; rejects with what is wrong. Memoised. */
  ready(): Promise<App>;
  /** Ends background work and connections. All plugins are closed, in reverse order, whatever one of them throws. */
  close(): Promise<void>;
  /** The config with every default filled in. */
  readonly config: ResolvedConfig;
  /** What is allowed in the config but not what anybody wants. */
  readonly warnings: readonly ConfigProblem[];
}

export interface ProxyOptions {
  /** Time, randomness and the network, in part or whole. Default: the machine's. */
  readonly runtime?: Partial<Runtime>;
  readonly log?: ConsolaInstance;
  /** Called once per request, before the `record` hooks; for a request log. */
  readonly onRequest?: RequestSink;
  /** False: no provider is asked for its models. For commands that must not call anybody. Default true. */
  readonly discover?: boolean;
  /** Folder that relative paths of the config start from. Default: the working folder. */
  readonly root?: string;
  /**
   * True: the database is opened even when nothing asks for it, and what rests and is counted outlives the process,
   * unless the config says `database: false`. False: never. Default: when the config or a plugin asks.
   */
  readonly database?: boolean;
  /** Told of trouble with what is kept on disk. Default: a warning in the log. */
  readonly onProblem?: (problem: ConfigProblem) => void;
}

/** What a reload takes over from the proxy before. Not public. */
export interface Heritage {
  readonly rests?: Rests;
  readonly durable?: Durable;
}

/** What a reload hands over, and what the tests and commands look into. Not public. */
export interface ProxyInternals {
  readonly pipeline: Pipeline;
  readonly rests: Rests;
  readonly durable: Durable;
  readonly discovery: Discovery;
  readonly admin: AdminAccess;
  /** Answers 503 from now on; what is under way goes on. */
  refuse(): void;
}

const internals = new WeakMap<Proxy, () => ProxyInternals>();

/** The inside of a proxy, for the commands and the testing kit. */
export function internalsOf(proxy: Proxy): ProxyInternals {
  const found = internals.get(proxy);
  if (!found) throw new Error("This is not a proxy made by this copy of waygate.");
  return found();
}

/** Checks the config and makes the handler. Throws a `ConfigError` with everything that is wrong. */
export function createProxy<const P extends readonly PluginInput[]>(
  given: Config<P>,
  options: ProxyOptions = {},
  { rests = createRests(), durable: before }: Heritage = {},
): Proxy {
  const { config, warnings } = resolveConfig(given);
  const { plugins } = config;
  const log = options.log ?? createLog(config.log.level);
  const runtime = completeRuntime(options.runtime, (ms) => {
    log.warn(
      `The clock was set back by ${Math.round(ms / 1000)} s. Times go on from where they were until it catches up.`,
    );
  });
  const protocols = new Map(shippedProtocols.map((protocol) => [protocol.id, protocol]));
  for (const plugin of plugins) for (const protocol of plugin.protocols ?? []) protocols.set(protocol.id, protocol);
  const providers = plugins.flatMap((plugin) => plugin.providers ?? []);
  const pool: Pool = createPool({
    clock: runtime.clock,
    provider: (name) => providers.find((provider) => provider.name === name),
    probe: (credential, probing) => probeKey(pipeline, credential, probing),
    rests,
  });
  const durable = createDurable({
    config,
    clock: runtime.clock,
    log,
    root: options.root,
    wanted: options.database,
    onProblem: options.onProblem,
    before,
  });
  const keeper = keepRests(durable.snapshot, {
    rests,
    clock: runtime.clock,
    knows: (id) => pool.get(id) !== undefined,
  });
  let state: StateStore = memoryState(runtime.clock, undefined, durable.snapshot);
  const app: App = {
    config,
    plugins,
    providers,
    credentials: pool,
    models: createModels({ providers, aliases: config.models }),
    runtime,
    get state() {
      return state;
    },
    log,
    snapshot: durable.snapshot,
    get database() {
      return durable.database;
    },
    protocol(id) {
      const protocol = protocols.get(id);
      if (protocol) return protocol;
      throw new Error(`No protocol is called "${id}". There are: ${[...protocols.keys()].join(", ")}.`);
    },
  };
  const pipeline: Pipeline = { app, pool, hooks: compileHooks([...plugins, sealAffinity]), sink: options.onRequest };
  const discovery = createDiscovery(app);
  const admin = createAdminAccess();
  const clientProtocol = clientProtocolOf([...protocols.values()], config.base);
  const handler = createServerApp(pipeline, { protocols: [...protocols.values()], admin, discovery });

  let starting: Promise<App> | undefined;
  let started: App | undefined;
  const open: Plugin[] = [];
  const stopping = new AbortController();
  let isOver: "draining" | "closed" | undefined;

  const start = async (): Promise<App> => {
    await durable.open();
    if (config.state) state = await config.state.open({ clock: runtime.clock, log });
    for (const plugin of plugins) {
      open.push(plugin);
      await plugin.setup?.(app);
    }
    for (const provider of providers) {
      if (provider.keyless && pool.list(provider.name).length === 0) pool.add(anonymousCredential(provider.name));
    }
    await durable.load();
    keeper.settle();
    await Promise.all(plugins.map((plugin) => plugin.ready?.(app)));
    if (options.discover ?? true) discovery.start(stopping.signal);
    started = app;
    return app;
  };
  const close = async (): Promise<void> => {
    stopping.abort();
    const failures: unknown[] = [];
    for (const plugin of open.splice(0).reverse()) {
      try {
        await plugin.close?.(app);
      } catch (error) {
        failures.push(error);
      }
    }
    await closeState(state).catch((error: unknown) => failures.push(error));
    await durable.close();
    keeper.close();
    pool.close();
    await runtime.transport.close();
    if (failures.length > 0) throw new AggregateError(failures, "Some plugins could not be closed.");
  };
  const ready = (): Promise<App> => {
    starting ??= start().catch(async (error: unknown) => {
      await close().catch((failure: unknown) => log.error("Closing after a failed start:", failure));
      throw error;
    });
    return starting;
  };

  // Not `async`, like `fetch` below: every request would pay for promises that only the first one needs.
  const answer = (request: Request): Promise<Response> => {
    if (isOver) return Promise.resolve(refuseClosed(request, { isOver, runtime, clientProtocol }));
    return started ? handler(request) : ready().then(() => handler(request));
  };

  const asClient = async (input: string | URL, init?: RequestInit): Promise<Response> =>
    fetchAsClient(new Request(input, init), answer);

  const proxy: Proxy = {
    config,
    warnings,
    ready,
    close() {
      isOver = "closed";
      return close();
    },
    fetch(input: string | URL | Request, init?: RequestInit) {
      // Behind a `Request` a host's own second argument may stand, which is no `init`.
      return isAddress(input) ? asClient(input, init) : answer(input);
    },
  };
  const refuse = (): void => void (isOver ??= "draining");
  internals.set(proxy, () => ({ pipeline, rests, durable, discovery, admin, refuse }));
  return proxy;
}

async function closeState(state: StateStore): Promise<void> {
  await state.close?.();
}

function isAddress(input: string | URL | Request): input is string | URL {
  return typeof input === "string" || input instanceof URL;
}
