/** Providers of several protocols behind one proxy, each with a scripted upstream. */
import { afterEach } from "vitest";
import type { PluginInput } from "waygate";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { createTestProxy, createUpstream, type TestProxy, type TestProxyOptions, type Upstream } from "waygate/testing";
import { wires } from "../sdk/_upstreams.ts";
import type { ProtocolId, Turn } from "../sdk/wire/types.ts";

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

export interface MixedOptions extends Omit<TestProxyOptions, "plugins"> {
  readonly plugins?: readonly PluginInput[];
  /** What every upstream says. */
  readonly turn?: Turn;
  readonly keys?: readonly string[];
}

export interface Mixed {
  readonly proxy: TestProxy;
  readonly upstreams: { readonly [provider: string]: Upstream };
  /** Posts JSON to a path; the body as JSON, or as text when it is a stream. */
  post(path: string, body: object, headers?: { readonly [name: string]: string }): Promise<Answered>;
  /** The n-th body (from 0; negative from the end) a provider received. */
  sent(provider: string, index?: number): Sent;
}

/** JSON that a test reads without stating its shape. */
export type Sent = { readonly [field: string]: Sent } & readonly Sent[] & string;

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: Sent;
}

export async function mixed(
  providers: { readonly [name: string]: ProtocolId },
  { plugins = [], turn = { text: "hello there" }, keys = ["sk-up"], ...options }: MixedOptions = {},
): Promise<Mixed> {
  const upstreams: { [name: string]: Upstream } = {};
  const made: PluginInput[] = [];
  for (const [name, protocol] of Object.entries(providers)) {
    const wire = wires[protocol];
    const upstream = await createUpstream({ base: wire.base, step: wire.says(turn) });
    open.push(upstream);
    upstreams[name] = upstream;
    made.push(openaiCompatible({ name, protocol, baseURL: upstream.url, keys, models: ["m"] }));
  }
  const proxy = await createTestProxy({ ...options, plugins: [...made, ...plugins] });
  open.push(proxy);
  return {
    proxy,
    upstreams,
    async post(path, body, headers = {}) {
      const response = await proxy.fetch(path, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(body),
      });
      const text = await response.text();
      const isJson = response.headers.get("content-type")?.includes("json");
      return {
        status: response.status,
        headers: response.headers,
        text,
        json: (isJson ? JSON.parse(text) : {}) as Sent,
      };
    },
    sent: (provider, index = -1) => JSON.parse(upstreams[provider]?.requests.at(index)?.body ?? "null") as Sent,
  };
}
