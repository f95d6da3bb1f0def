/** Providers with keys on a scripted network in virtual time, behind a whole proxy. */
import { apiKeyCredential, type KeyInput, type PluginInput } from "waygate";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import {
  answer,
  createTestProxy,
  scripted,
  type ScriptRequest,
  seededRandom,
  type Step,
  type TestProxy,
  type TestProxyOptions,
  virtualClock,
  type VirtualClock,
  virtualTransport,
} from "waygate/testing";
import { internalsOf } from "../../src/proxy.ts";
import type { Pool } from "../../src/candidates/pool.ts";

export interface LabOptions extends Omit<TestProxyOptions, "plugins" | "runtime"> {
  /** Keys by provider; a text is value and label at once. Default: `lab` with `a`, `b`, `c`. */
  readonly providers?: { readonly [name: string]: readonly KeyInput[] };
  /** Models the providers list. Default `m` everywhere. */
  readonly listed?: { readonly [provider: string]: readonly string[] };
  readonly concurrency?: number;
  readonly plugins?: readonly PluginInput[];
  /** By the key that asks, or for all. Default: a short answer. */
  readonly upstream?: Step | { readonly [key: string]: Step };
  readonly random?: () => number;
}

/** One call of the upstream. */
export interface Call {
  readonly provider: string;
  readonly key: string;
  readonly model: string;
  /** Virtual milliseconds since the start. */
  readonly at: number;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Virtual milliseconds, to a tenth of a second. */
  readonly took: number;
  readonly error: {
    readonly message: string;
    readonly code: string;
    readonly details?: { readonly attempts: readonly Row[] };
  };
}

export interface Row {
  readonly provider: string;
  readonly model?: string;
  readonly key?: string;
  readonly status?: number | null;
  readonly reason: string;
  readonly retry_at?: string;
}

export interface Lab extends AsyncDisposable {
  readonly proxy: TestProxy;
  readonly pool: Pool;
  readonly clock: VirtualClock;
  readonly calls: readonly Call[];
  /** Keys asked so far, in order; the list is emptied by it. */
  asked(): string;
  /** Asks and lets time pass until the answer is there. */
  ask(model?: string, init?: RequestInit & { readonly body?: never }): Promise<Reply>;
  /** Lets time pass until it has settled. */
  finish(pending: Promise<Response>): Promise<Reply>;
  /** What rests: `a/m cooling 60`, seconds rounded. */
  rests(): readonly string[];
  /** The key of that label as it is known to the proxy. */
  id(label: string): string;
}

export async function lab(options: LabOptions = {}): Promise<Lab> {
  const {
    providers = { lab: ["a", "b", "c"] },
    listed = {},
    plugins = [],
    upstream = answer(),
    random,
    concurrency,
    ...rest
  } = options;
  const clock = virtualClock();
  const began = clock.now();
  const calls: Call[] = [];
  const played = scripted(byKey(upstream));
  const proxy = await createTestProxy({
    ...rest,
    plugins: [
      ...Object.entries(providers).map(([name, keys]) =>
        openaiCompatible({
          name,
          baseURL: `http://${name.replaceAll("_", "-")}.invalid/v1`,
          keys: keys.map(labelled),
          models: listed[name] ?? ["m"],
          concurrency,
        }),
      ),
      ...plugins,
    ],
    runtime: {
      clock,
      random: random ?? seededRandom(1),
      transport: virtualTransport(
        (wire, call) => {
          const body = JSON.parse(wire.body?.text ?? "{}") as { model: string };
          const key = wire.headers["authorization"]?.slice("Bearer ".length) ?? "";
          const provider = new URL(wire.url).hostname.replace(".invalid", "");
          calls.push({ provider, key, model: body.model, at: clock.now() - began });
          return played(wire, call);
        },
        { clock },
      ),
    },
  });
  const { pool } = internalsOf(proxy.proxy).pipeline;
  let seen = 0;

  const finish = async (pending: Promise<Response>): Promise<Reply> => {
    const start = clock.now();
    let done = false;
    const settled = pending
      .then(async (response) => ({ response, text: await response.text() }))
      .finally(() => (done = true));
    settled.catch(() => {}); // Awaited below; here it must only not count as unheard.
    for (let step = 0; !done && step < 20_000; step++) await clock.advance(step === 0 ? 0 : 100);
    const { response, text } = await settled;
    const { status, headers } = response;
    const json: unknown = headers.get("content-type")?.includes("json") ? JSON.parse(text) : {};
    return { status, headers, text, took: clock.now() - start, error: (json as { error: Reply["error"] }).error };
  };
  const labelOf = (id: string): string => pool.get(id)?.label ?? id;

  return {
    proxy,
    pool,
    clock,
    calls,
    asked() {
      const keys = calls.slice(seen).map((call) => call.key);
      seen = calls.length;
      return keys.join(" ");
    },
    ask: (model = "lab/m", init = {}) => finish(proxy.chat({ model }, init)),
    finish,
    rests: () =>
      pool.rests().map(({ target, rest: { state, until } }) => {
        const who = target.credential === undefined ? target.provider : labelOf(target.credential);
        const seconds = Math.round((until - clock.now()) / 1000);
        return `${who}${target.model === undefined ? "" : `/${target.model}`} ${state} ${seconds}`;
      }),
    id(label) {
      const found = Object.keys(providers)
        .flatMap((name) => pool.list(name))
        .find((each) => each.label === label);
      if (!found) throw new Error(`no key is called ${label}`);
      return found.id;
    },
    [Symbol.asyncDispose]: () => proxy.close(),
  };
}

/** A key whose label is its value. */
export function labelled(key: KeyInput): Exclude<KeyInput, string> {
  return typeof key === "string" ? { value: key, label: key } : { label: key.value, ...key };
}

/** The credential of such a key, for adding it while the proxy runs. */
export function keyOf(provider: string, key: KeyInput): ReturnType<typeof apiKeyCredential> {
  return apiKeyCredential(provider, labelled(key));
}

function byKey(upstream: NonNullable<LabOptions["upstream"]>): Step {
  if (typeof upstream === "function" || "end" in upstream) return upstream as Step;
  return (request: ScriptRequest) => (upstream as { readonly [key: string]: Step })[request.key ?? ""] ?? answer();
}

/** One step after the other; the last one stays. */
export function inTurn(...steps: readonly Step[]): Step {
  let next = 0;
  return () => steps[Math.min(next++, steps.length - 1)]!;
}
