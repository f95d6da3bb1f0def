/**
 * A user's plugins with everything taken off that would reach beyond the simulation: providers become stand-ins, callers
 * need no key, nothing is kept and nothing is served. What chooses, waits, rests and counts stays as it is.
 */
import { expandConfig } from "../../config/expand.ts";
import type { AnyConfig } from "../../config/types.ts";
import type { App, Plugin } from "../../plugin/app.ts";
import type { Attempt } from "../../plugin/context.ts";
import { flattenPlugins } from "../../plugin/flatten.ts";
import type { Provider, Wire } from "../../plugin/provider.ts";

/** The header that names the simulated client of a request, percent-encoded. */
export const clientHeader = "x-simulated-client";

/** How a call's provider, key and request are told to the stand-in's network: the body may be rewritten by plugins. */
const callHeaders = { key: "x-simulated-key", request: "x-simulated-request", stream: "x-simulated-stream" } as const;

export interface StandInCall {
  readonly provider: string;
  /** The credential's id. */
  readonly key: string;
  /** The request's id; of no request for a probe. */
  readonly request: string;
  readonly stream: boolean;
}

export interface StandInOptions {
  /** Takes the place of a plugin of that name. */
  readonly replace?: (plugin: Plugin) => Plugin;
  /** What `setup` of a plugin is given. */
  readonly appFor?: (plugin: Plugin, app: App) => App;
}

export function withStandIns(config: AnyConfig, { replace, appFor }: StandInOptions = {}): AnyConfig {
  const { state: _state, ...rest } = expandConfig(config);
  const plugins = flattenPlugins(rest.plugins)
    .map((plugin) => replace?.(plugin) ?? plugin)
    .map((plugin) => harmless(plugin, appFor));
  return {
    ...rest,
    plugins: [...plugins, callers],
    database: false,
    // The signs of life of a waiting stream say nothing here and cost a timer each.
    server: { ...config.server, keepAlive: 0 },
    log: { level: "silent", requests: false },
  };
}

/** What a call that a stand-in has prepared is about. */
export function callOf({ url, headers }: Wire): StandInCall {
  return {
    provider: new URL(url).hostname.replace(/\.invalid$/, ""),
    key: headers[callHeaders.key] ?? "",
    request: headers[callHeaders.request] ?? "",
    stream: headers[callHeaders.stream] === "yes",
  };
}

/** Member by member, because a plugin may be an instance of a class, whose methods no spread would copy. */
function harmless(plugin: Plugin, appFor: StandInOptions["appFor"]): Plugin {
  const { name, apiVersion, providers, protocols } = plugin;
  const { auth: _, ...hooks } = plugin.hooks ?? {};
  return {
    name,
    ...(apiVersion && { apiVersion }),
    ...(providers && { providers: providers.map(standIn) }),
    ...(protocols && { protocols }),
    hooks,
    setup: (app) => plugin.setup?.(appFor?.(plugin, app) ?? app),
    ready: (app) => plugin.ready?.(app),
    close: (app) => plugin.close?.(app),
  };
}

function standIn({ name, models, keyless, tier, concurrency, timeouts }: Provider): Provider {
  return {
    name,
    protocol: "openai-chat",
    models,
    ...(keyless !== undefined && { keyless }),
    ...(tier !== undefined && { tier }),
    ...(concurrency !== undefined && { concurrency }),
    ...(timeouts && { timeouts }),
    prepare: (wire, attempt) => ({ ...wire, url: `http://${name}.invalid/`, headers: headersOf(attempt) }),
  };
}

function headersOf({ credential, ctx }: Attempt): Wire["headers"] {
  return {
    [callHeaders.key]: credential.id,
    [callHeaders.request]: ctx.id,
    [callHeaders.stream]: ctx.stream ? "yes" : "no",
  };
}

/** Everybody may call, and is who the simulation says. */
const callers: Plugin = {
  name: "simulated-callers",
  apiVersion: 1,
  hooks: { auth: (ctx) => ({ id: decodeURIComponent(ctx.req.headers.get(clientHeader) ?? "anonymous") }) },
};
