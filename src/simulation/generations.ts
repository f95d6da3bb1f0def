/** One running proxy of a simulation after the other: reloads keep what there is, restarts what is saved, if it is. */
import { createConsola } from "consola";
import type { Config } from "../config/types.ts";
import type { RequestSink } from "../pipeline/pipeline.ts";
import type { App } from "../plugin/app.ts";
import type { Credential, Provider } from "../plugin/provider.ts";
import { createProxy, type Heritage, internalsOf } from "../proxy.ts";
import type { Proxy } from "../proxy-options.ts";
import type { Runtime } from "../runtime.ts";
import type { Seen } from "./seen.ts";

export interface Generation {
  readonly number: number;
  readonly proxy: Proxy;
  readonly app: App;
  readonly seen: Seen;
  /** Epoch milliseconds as this proxy has them, which a clock that is set back does not change. */
  wall(): number;
  /** By provider and name. */
  key(provider: string, name: string): { readonly provider: Provider; readonly credential: Credential } | undefined;
  /** Requests under way. */
  active: number;
  /** No request is sent here any more. */
  old: boolean;
  /** It refuses what comes, because it is about to end. */
  refusing: boolean;
}

export interface GenerationInit {
  readonly number: number;
  readonly config: Config;
  readonly runtime: Runtime;
  /** Of the proxy before. */
  readonly heritage?: Heritage;
  readonly seen: Seen;
  readonly sink: RequestSink;
  /** What the proxy logs as an error: none is expected. */
  readonly onFault: (text: string) => void;
}

export async function startGeneration(init: GenerationInit): Promise<Generation> {
  const { number, config, runtime, heritage, seen, sink, onFault } = init;
  const log = createConsola({
    level: 0,
    reporters: [{ log: ({ args }) => onFault(args.map((each: unknown) => textOf(each)).join(" ")) }],
  });
  const proxy = createProxy(config, { runtime, log, onRequest: sink }, heritage);
  const app = await proxy.ready();
  const keys = new Map<string, { readonly provider: Provider; readonly credential: Credential }>();
  return {
    number,
    proxy,
    app,
    seen,
    wall: () => app.runtime.clock.now(),
    key(providerName, name) {
      const at = `${providerName}/${name}`;
      const known = keys.get(at);
      // A key may have been renewed or taken away meanwhile.
      if (known && app.credentials.get(known.credential.id) === known.credential) return known;
      const provider = app.providers.find((each) => each.name === providerName);
      const credential = app.credentials.list(providerName).find(({ label }) => label === name);
      const found = provider && credential && { provider, credential };
      if (found) keys.set(at, found);
      return found;
    },
    active: 0,
    old: false,
    refusing: false,
  };
}

/** What a reload takes over. */
export function heirloom({ proxy }: Generation): Heritage {
  const { rests, memory, places, durable, clock } = internalsOf(proxy);
  return { rests, memory, places, durable, clock };
}

/** What another process finds in the database of this one. */
export function savedBy({ proxy }: Generation): Heritage {
  return { durable: internalsOf(proxy).durable };
}

function textOf(value: unknown): string {
  return value instanceof Error ? (value.stack ?? value.message) : String(value);
}
