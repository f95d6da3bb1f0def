/** `createProxy`: from a config to a fetch handler. Synchronous and without I/O; the rest happens on first use. */
import { resolve } from "node:path";
import { createModels } from "./candidates/lookup.ts";
import { createPool, type Pool } from "./candidates/pool.ts";
import type { Places } from "./candidates/in-flight.ts";
import { anonymousCredential } from "./candidates/keys.ts";
import { createRests, type Rests } from "./candidates/rests.ts";
import { keepRests } from "./candidates/rests-snapshot.ts";
import { fetchAsClient } from "./client-fetch.ts";
import { resolveConfig } from "./config/resolve.ts";
import type { Config, PluginInput } from "./config/types.ts";
import { createDurable, type Durable } from "./database/durable.ts";
import { createLog } from "./log.ts";
import { createDiscovery, type Discovery } from "./candidates/discovery.ts";
import { createOverlay, type OpenOverlay } from "./overlay/overlay.ts";
import { compileHooks } from "./pipeline/hooks.ts";
import { sealAffinity } from "./pipeline/fitting.ts";
import { probeKey } from "./pipeline/probe-key.ts";
import type { Pipeline } from "./pipeline/pipeline.ts";
import type { App, Plugin } from "./plugin/app.ts";
import type { Proxy, ProxyOptions } from "./proxy-options.ts";
import { shippedProtocols } from "./protocols/shipped.ts";
import type { Clock } from "./runtime.ts";
import { completeRuntime } from "./system-runtime.ts";
import { memoryState, type MemoryState } from "./state/memory.ts";
import type { StateStore } from "./state/store.ts";
import { type AdminAccess, createAdminAccess } from "./server/admin-access.ts";
import { clientProtocolOf } from "./server/client-protocol.ts";
import { createServerApp } from "./server/app.ts";
import { refuseClosed } from "./server/refuse-closed.ts";

/** What a reload takes over from the proxy before. Not public. */
export interface Heritage {
  readonly rests?: Rests;
  readonly durable?: Durable;
  /** Counters and values, where no plugin keeps them. */
  readonly memory?: MemoryState;
  readonly places?: Places;
  /** By which rests end, also when the machine's clock has been set back since. */
  readonly clock?: Clock;
}

/** What a reload hands over, and what the tests and commands look into. Not public. */
export interface ProxyInternals {
  readonly pipeline: Pipeline;
  readonly rests: Rests;
  readonly durable: Durable;
  readonly memory: MemoryState;
  readonly places: Places;
  readonly clock: Clock;
  readonly discovery: Discovery;
  readonly admin: AdminAccess;
  readonly overlay: OpenOverlay;
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
  { rests = createRests(), durable: before, memory: shared, places, clock }: Heritage = {},
): Proxy {
  const { config, warnings } = resolveConfig(given, { root: options.root });
  const { plugins } = config;
  const log = options.log ?? createLog(config.log.level);
  const system = completeRuntime(options.runtime, (ms) => {
    log.warn(
      `The clock was set back by ${Math.round(ms / 1000)} s. Times go on from where they were until it catches up.`,
    );
  });
  const runtime = clock ? { ...system, clock } : system;
  const protocols = new Map(shippedProtocols.map((protocol) => [protocol.id, protocol]));
  for (const plugin of plugins) for (const protocol of plugin.protocols ?? []) protocols.set(protocol.id, protocol);
  const providers = plugins.flatMap((plugin) => plugin.providers ?? []);
  const pool: Pool = createPool({
    clock: runtime.clock,
    provider: (name) => providers.find((provider) => provider.name === name),
    probe: (credential, probing) => probeKey(pipeline, credential, probing),
    rests,
    places,
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
  // What the proxy before still sends counts against the same limits.
  const memory = shared ?? memoryState(runtime.clock, undefined, durable.snapshot);
  if (shared) shared.join(durable.snapshot);
  let state: StateStore = memory;
  const overlay = createOverlay({ clock: runtime.clock, log, database: () => durable.database });
  const app: App = {
    config,
    plugins,
    providers,
    credentials: pool,
    models: createModels({ providers, aliases: config.models }),
    runtime,
    root: resolve(options.root ?? "."),
    get state() {
      return state;
    },
    log,
    snapshot: durable.snapshot,
    guarded: plugins.some(({ hooks }) => hooks?.auth !== undefined),
    overlay,
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
  const discovery = createDiscovery(app, pool.onAdded);
  const admin = createAdminAccess(runtime.clock, options.adminKey ?? process.env["ADMIN_KEY"]?.trim());
  const clientProtocol = clientProtocolOf([...protocols.values()], config.base);
  const handler = createServerApp(pipeline, { protocols: [...protocols.values()], admin, discovery, overlay });

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
    await overlay.open();
    keeper.settle();
    if (options.discover ?? true) {
      await Promise.all(plugins.map((plugin) => plugin.ready?.(app)));
      discovery.start(stopping.signal);
    }
    started = app;
    return app;
  };
  const close = async (): Promise<void> => {
    stopping.abort();
    overlay.close();
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
    memory.leave(durable.snapshot);
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
  internals.set(proxy, () => ({
    pipeline,
    rests,
    durable,
    memory,
    places: pool.flights.places,
    clock: runtime.clock,
    discovery,
    admin,
    overlay,
    refuse,
  }));
  return proxy;
}

async function closeState(state: StateStore): Promise<void> {
  await state.close?.();
}

function isAddress(input: string | URL | Request): input is string | URL {
  return typeof input === "string" || input instanceof URL;
}
