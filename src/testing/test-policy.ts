/** A policy in virtual time: some keys, a scripted upstream without a network, a number of requests, and who was asked. */
import { apiKeyCredential } from "../candidates/keys.ts";
import type { PluginInput } from "../config/types.ts";
import { definePlugin, defineProvider } from "../plugin/define.ts";
import type { KeyInput } from "../candidates/keys.ts";
import type { Plugin } from "../plugin/app.ts";
import { answer } from "./answer.ts";
import type { Step } from "./script.ts";
import type { ScriptRequest } from "./script.ts";
import { createTestProxy, type TestRecord } from "./test-proxy.ts";
import { seededRandom, virtualClock, type VirtualClock } from "./virtual-clock.ts";
import { scripted, virtualTransport } from "./virtual-transport.ts";

export interface PolicyTest {
  /** The policy under test, and others beside it. */
  readonly plugins: readonly PluginInput[];
  /** Keys of the provider `lab`; texts are value and label at once. Default: `a`, `b`, `c`. */
  readonly keys?: readonly KeyInput[];
  /** Further providers by name, each with its keys. */
  readonly providers?: { readonly [name: string]: readonly KeyInput[] };
  /** What the upstream answers; a function sees the request with its key. Default: a short answer. */
  readonly upstream?: Step | ((request: ScriptRequest) => Step);
  /** Models asked for, one request after the other. A number asks for `lab/m` that often. Default 10. */
  readonly requests?: number | readonly string[];
  /** Virtual milliseconds between two requests. Default 1000. */
  readonly every?: number;
  readonly seed?: number;
  readonly retry?: { readonly attempts?: number; readonly sameCredential?: number };
}

export interface PolicyRun {
  /** Labels of the keys asked, per request in order: `[["a"], ["b", "c"], …]`. */
  readonly tried: readonly (readonly string[])[];
  /** Status of every request. */
  readonly statuses: readonly number[];
  readonly records: readonly TestRecord[];
  readonly clock: VirtualClock;
}

/** Plays the requests and tells which keys were asked. The same seed gives the same run. */
export async function testPolicy(test: PolicyTest): Promise<PolicyRun> {
  const clock = virtualClock();
  const { upstream = answer({ text: "ok" }) } = test;
  const transport = virtualTransport(scripted(upstream), { clock });
  const own = { lab: test.keys ?? ["a", "b", "c"], ...test.providers };
  const labs = Object.entries(own).map(([name, keys]) => lab(name, keys));
  const proxy = await createTestProxy({
    plugins: [...labs, ...test.plugins],
    runtime: { clock, transport, random: seededRandom(test.seed ?? 1) },
    retry: test.retry,
  });
  const models = typeof test.requests === "object" ? test.requests : Array<string>(test.requests ?? 10).fill("lab/m");
  const statuses: number[] = [];
  for (const [index, model] of models.entries()) {
    if (index > 0) await clock.advance(test.every ?? 1000);
    let done = false;
    const pending = proxy.chat({ model }).finally(() => (done = true));
    // The request may wait for time to pass (a pause before a retry); it passes in small steps until it is answered.
    for (let step = 0; !done && step < 10_000; step++) await clock.advance(step === 0 ? 0 : 100);
    const response = await pending;
    await response.text();
    statuses.push(response.status);
  }
  const tried = proxy.records.map(({ ctx }) =>
    ctx.attempts.map((attempt) => attempt.credential.label ?? attempt.credential.id),
  );
  await proxy.close();
  return { tried, statuses, records: proxy.records, clock };
}

function lab(name: string, keys: readonly KeyInput[]): Plugin {
  const provider = defineProvider({
    name,
    protocol: "openai-chat",
    models: ["m"],
    prepare: (wire, { credential }) => ({
      ...wire,
      url: `http://${name}.invalid/v1${wire.url}`,
      headers: { ...wire.headers, authorization: `Bearer ${(credential.data as { key: string }).key}` },
    }),
  });
  return definePlugin({
    name,
    providers: [provider],
    setup(app) {
      for (const key of keys) {
        const input = typeof key === "string" ? { value: key, label: key } : key;
        app.credentials.add(apiKeyCredential(name, input));
      }
    },
  });
}
