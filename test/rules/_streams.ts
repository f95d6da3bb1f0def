/** What the tests of streams and disconnects share: one provider before a scripted upstream, or in virtual time. */
import { afterEach } from "vitest";
import { type Attempt, type PluginInput, definePlugin, type ProxyError, type Timeouts } from "waygate";
import { openaiCompatible, type OpenAICompatibleOptions } from "waygate/plugins/openai-compatible";
import {
  createTestProxy,
  createUpstream,
  type Piece,
  type TestProxy,
  type TestProxyOptions,
  type Upstream,
  type VirtualClock,
  virtualClock,
  type VirtualHandler,
  virtualResponse,
  virtualTransport,
} from "waygate/testing";

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

/** Closed after the test. */
export function closing<T extends AsyncDisposable>(resource: T): T {
  open.push(resource);
  return resource;
}

export interface BenchOptions extends Omit<TestProxyOptions, "plugins"> {
  readonly plugins?: readonly PluginInput[];
  readonly lab?: Partial<OpenAICompatibleOptions>;
}

export interface Bench {
  readonly proxy: TestProxy;
  readonly upstream: Upstream;
}

/** A proxy whose provider `lab` (model `m`, keys `k1` and `k2`) is a scripted upstream. */
export async function bench({ plugins = [], lab, ...options }: BenchOptions = {}): Promise<Bench> {
  const upstream = closing(await createUpstream());
  const provider = openaiCompatible({ name: "lab", baseURL: upstream.url, keys: ["k1", "k2"], models: ["m"], ...lab });
  const proxy = closing(await createTestProxy({ ...options, plugins: [provider, ...plugins] }));
  return { proxy, upstream };
}

export interface VirtualBench {
  readonly proxy: TestProxy;
  readonly clock: VirtualClock;
}

/** The same without a network; every call is answered by `handler`. All limits are off but those given. */
export async function virtualBench(
  handler: VirtualHandler,
  { timeouts, plugins = [], lab, ...options }: BenchOptions & { readonly timeouts?: Partial<Timeouts> } = {},
): Promise<VirtualBench> {
  const clock = virtualClock();
  const transport = virtualTransport(handler, { clock });
  const provider = openaiCompatible({
    name: "lab",
    baseURL: "http://lab.test/v1",
    keys: ["k1", "k2"],
    models: ["m"],
    ...lab,
  });
  const proxy = closing(
    await createTestProxy({
      ...options,
      runtime: { clock, transport },
      timeouts: { connect: 0, headers: 0, whole: 0, firstToken: 0, idle: 0, total: 0, ...timeouts },
      plugins: [provider, ...plugins],
    }),
  );
  return { proxy, clock };
}

/** An event stream in exactly these pieces. */
export function pieces(parts: readonly (string | Piece)[], end?: "hang" | "destroy"): VirtualHandler {
  return (_wire, call) => virtualResponse(parts, call, { headers: { "content-type": "text/event-stream" }, end });
}

/** Takes every answer off the byte path without changing it. */
export function throughEvents(): PluginInput {
  return definePlugin({ name: "through-events", hooks: { event: (event) => event } });
}

/** The plugins of both ways through the proxy. */
export const ways: readonly (readonly [name: string, plugins: () => readonly PluginInput[]])[] = [
  ["bytes", () => []],
  ["events", () => [throughEvents()]],
];

export interface Told {
  readonly error: ProxyError;
  readonly attempt: Attempt;
  readonly committed: boolean;
}

/** Keeps what `fail` hooks are told, and every clean-up that ran. */
export function watcher(): { readonly plugin: PluginInput; readonly told: Told[]; readonly cleaned: number[] } {
  const told: Told[] = [];
  const cleaned: number[] = [];
  const plugin = definePlugin({
    name: "watcher",
    hooks: {
      transform(attempt) {
        attempt.defer(() => void cleaned.push(attempt.index));
      },
      fail(error, attempt) {
        told.push({ error, attempt, committed: attempt.committed });
      },
    },
  });
  return { plugin, told, cleaned };
}

/** Everything of a body until it ends or breaks. */
export async function readToEnd(response: Response): Promise<{ text: string; broke: unknown }> {
  const chunks: Uint8Array[] = [];
  let broke: unknown;
  try {
    for await (const chunk of response.body ?? []) chunks.push(chunk as Uint8Array);
  } catch (error) {
    broke = error;
  }
  return { text: Buffer.concat(chunks).toString(), broke };
}
