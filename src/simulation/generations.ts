/** One running proxy of a simulation after the other: reloads keep what rests, restarts lose what is not saved. */
import { createConsola } from "consola";
import type { Rests } from "../candidates/rests.ts";
import type { Config } from "../config/types.ts";
import type { RequestSink } from "../pipeline/pipeline.ts";
import type { App } from "../plugin/app.ts";
import type { Credential, Provider } from "../plugin/provider.ts";
import { createProxy, internalsOf, type Proxy } from "../proxy.ts";
import type { Runtime } from "../runtime.ts";

export interface Generation {
  readonly number: number;
  readonly proxy: Proxy;
  readonly app: App;
  readonly rests: Rests;
  /** By provider and name. */
  key(provider: string, name: string): { readonly provider: Provider; readonly credential: Credential } | undefined;
  /** Calls under way, by credential. */
  readonly open: Map<string, number>;
  /** Requests under way. */
  active: number;
  /** No request is sent here any more. */
  old: boolean;
}

export interface GenerationInit {
  readonly number: number;
  readonly config: Config;
  readonly runtime: Runtime;
  readonly rests?: Rests;
  readonly sink: RequestSink;
  /** What the proxy logs as an error: none is expected. */
  readonly onFault: (text: string) => void;
}

export async function startGeneration(init: GenerationInit): Promise<Generation> {
  const { number, config, runtime, rests, sink, onFault } = init;
  const log = createConsola({
    level: 0,
    reporters: [{ log: ({ args }) => onFault(args.map((each: unknown) => textOf(each)).join(" ")) }],
  });
  const proxy = createProxy(config, { runtime, log, onRequest: sink, discover: false }, { rests });
  const app = await proxy.ready();
  const keys = new Map<string, { readonly provider: Provider; readonly credential: Credential }>();
  return {
    number,
    proxy,
    app,
    rests: internalsOf(proxy).rests,
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
    open: new Map(),
    active: 0,
    old: false,
  };
}

function textOf(value: unknown): string {
  return value instanceof Error ? (value.stack ?? value.message) : String(value);
}
